package wasi

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/wattle-io/wattle/wit"
)

const (
	// maxWrite is the most that check-write permits at a time.
	maxWrite = 64 << 10
	// maxBlockingWrite is the most that the blocking-write functions take (wasi:io/streams).
	maxBlockingWrite = 4096
)

// sink is where an output-stream writes. As an event it is ready when room is not 0.
type sink interface {
	event
	// room is how many bytes write takes without waiting for room, at most maxWrite; or why it takes none any more.
	room() (int, error)
	// write takes all of p, or fails. It may block on whoever takes the bytes.
	write(ctx context.Context, p []byte) error
	flush(ctx context.Context) error
}

// drainer is a sink that takes bytes before they are sent: a blocking flush waits for drained.
type drainer interface{ drained() event }

// always is the event part of a sink that always has room.
type always struct{}

func (always) ready() bool             { return true }
func (always) watch(chan<- struct{})   {}
func (always) unwatch(chan<- struct{}) {}
func (always) room() (int, error)      { return maxWrite, nil }

// writerSink writes to an io.Writer that several instances share.
type writerSink struct {
	always
	mu sync.Mutex // serializes writes
	w  io.Writer
}

func (s *writerSink) write(_ context.Context, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return writeAll(s.w, p)
}

// flush implements sink; a writer that buffers has a Flush method.
func (s *writerSink) flush(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.w.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}

// writeAll writes p; a short write without an error is an error.
func writeAll(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// outputStream is the wasi:io/streams resource. parent and release, if any, are told when the guest drops it.
type outputStream struct {
	sink    sink
	permit  uint64 // what check-write promised and write has not used
	closed  bool
	parent  *outgoingBody
	release func()
}

// Drop implements wit.Dropper.
func (s *outputStream) Drop() {
	if s.parent != nil {
		s.parent.streamLive = false
	}
	if s.release != nil {
		s.release()
	}
}

// result appends result<_, stream-error>. After a failure the stream is closed.
func (s *outputStream) result(c *wit.Call, err error) {
	if err == nil {
		c.Result.OK()
		return
	}
	s.closed = true
	streamError(c, err)
}

// outcome is result for a function that may have run into the end of its call: that is no stream error.
func (s *outputStream) outcome(ctx context.Context, c *wit.Call, err error) error {
	var ended *waitError
	if errors.As(err, &ended) {
		return err
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	s.result(c, err)
	return nil
}

func outputImports() wit.Imports {
	return merge(spliceImports(), imports("wasi:io/streams@0.2.0", map[string]wit.HostFunc{
		"[method]output-stream.check-write":                     outputCheckWrite,
		"[method]output-stream.write":                           outputWrite,
		"[method]output-stream.blocking-write-and-flush":        outputBlockingWrite,
		"[method]output-stream.flush":                           outputFlush(false),
		"[method]output-stream.blocking-flush":                  outputFlush(true),
		"[method]output-stream.subscribe":                       outputSubscribe,
		"[method]output-stream.write-zeroes":                    outputWriteZeroes,
		"[method]output-stream.blocking-write-zeroes-and-flush": outputBlockingZeroes,
	}))
}

func outputCheckWrite(_ context.Context, c *wit.Call) error {
	s := wit.HandleOf[*outputStream](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	if s.closed {
		streamError(c, errClosed)
		return nil
	}
	room, err := s.sink.room()
	if err != nil {
		s.result(c, err)
		return nil
	}
	s.permit = uint64(room)
	c.Result.OK()
	c.Result.Uint(s.permit)
	return nil
}

func outputWrite(ctx context.Context, c *wit.Call) error {
	s, p := wit.HandleOf[*outputStream](c), c.Args.Bytes()
	if err := c.Args.Close(); err != nil {
		return err
	}
	return s.permitted(ctx, c, "write", uint64(len(p)), func() []byte { return p })
}

func outputWriteZeroes(ctx context.Context, c *wit.Call) error {
	s, n := wit.HandleOf[*outputStream](c), c.Args.Uint(64)
	if err := c.Args.Close(); err != nil {
		return err
	}
	return s.permitted(ctx, c, "write-zeroes", n, func() []byte { return make([]byte, n) })
}

// permitted writes n bytes if check-write has permitted as many.
func (s *outputStream) permitted(ctx context.Context, c *wit.Call, name string, n uint64, bytes func() []byte) error {
	if n > s.permit {
		return trapf("output-stream.%s of %d bytes, but %d are permitted; call check-write before each write", name, n, s.permit)
	}
	s.permit -= n
	if s.closed {
		streamError(c, errClosed)
		return nil
	}
	return s.outcome(ctx, c, s.sink.write(ctx, bytes()))
}

func outputBlockingWrite(ctx context.Context, c *wit.Call) error {
	s, p := wit.HandleOf[*outputStream](c), c.Args.Bytes()
	if err := c.Args.Close(); err != nil {
		return err
	}
	return s.blocking(ctx, c, uint64(len(p)), func() []byte { return p })
}

func outputBlockingZeroes(ctx context.Context, c *wit.Call) error {
	s, n := wit.HandleOf[*outputStream](c), c.Args.Uint(64)
	if err := c.Args.Close(); err != nil {
		return err
	}
	return s.blocking(ctx, c, n, func() []byte { return make([]byte, n) })
}

// blocking writes up to 4096 bytes and flushes.
func (s *outputStream) blocking(ctx context.Context, c *wit.Call, n uint64, bytes func() []byte) error {
	if n > maxBlockingWrite {
		return trapf("output-stream.blocking-write of %d bytes; at most %d at a time are allowed", n, maxBlockingWrite)
	}
	if s.closed {
		streamError(c, errClosed)
		return nil
	}
	s.permit = 0
	err := s.writeWaiting(ctx, bytes())
	if err == nil {
		err = s.flushed(ctx)
	}
	return s.outcome(ctx, c, err)
}

// flushed flushes and waits until all is sent.
func (s *outputStream) flushed(ctx context.Context) error {
	d, drains := s.sink.(drainer)
	if drains {
		if err := wait(ctx, &pollable{event: d.drained()}); err != nil {
			return err
		}
	}
	return s.sink.flush(ctx)
}

// writeWaiting writes p in the pieces that the sink has room for.
func (s *outputStream) writeWaiting(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		room, err := s.sink.room()
		if err != nil {
			return err
		}
		n := min(len(p), room)
		if n == 0 {
			if err := wait(ctx, &pollable{event: s.sink}); err != nil {
				return err
			}
			continue
		}
		if err := s.sink.write(ctx, p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// outputFlush is flush and blocking-flush: but for a drainer's, a sink's flush is done when it returns.
func outputFlush(block bool) wit.HostFunc {
	return func(ctx context.Context, c *wit.Call) error {
		s := wit.HandleOf[*outputStream](c)
		if err := c.Args.Close(); err != nil {
			return err
		}
		if s.closed {
			streamError(c, errClosed)
			return nil
		}
		if block {
			return s.outcome(ctx, c, s.flushed(ctx))
		}
		return s.outcome(ctx, c, s.sink.flush(ctx))
	}
}

func outputSubscribe(_ context.Context, c *wit.Call) error {
	s := wit.HandleOf[*outputStream](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	p := &pollable{event: s.sink}
	if s.closed {
		p.event = nil
	}
	c.Give(p)
	return nil
}
