package wasi

import (
	"context"
	"errors"
	"io"

	"github.com/wattle-io/wattle/wit"
)

// ioError is the wasi:io/error resource.
type ioError struct{ err error }

func errorToDebugString(_ context.Context, c *wit.Call) error {
	e := wit.HandleOf[*ioError](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.String(validText(e.err.Error()))
	return nil
}

// errClosed is how a source or sink says stream-error closed.
var errClosed = errors.New("wasi: stream closed")

// streamError appends err(stream-error): closed, or last-operation-failed with the error.
func streamError(c *wit.Call, err error) {
	c.Result.Err()
	if err == io.EOF || err == errClosed {
		c.Result.Uint(1)
		return
	}
	c.Result.Uint(0)
	c.Give(&ioError{err})
}

// inputStream is the wasi:io/streams resource. parent and release, if any, are told when the guest drops it.
type inputStream struct {
	src     *source
	failed  bool // the reader's error was told; from now on the stream is closed
	parent  *incomingBody
	release func()
}

// Drop implements wit.Dropper.
func (s *inputStream) Drop() {
	if s.parent != nil {
		s.parent.streamLive = false
	}
	if s.release != nil {
		s.release()
	}
}

// error appends why nothing can be read: a failure once, then closed.
func (s *inputStream) error(c *wit.Call, err error) {
	if s.failed {
		err = errClosed
	}
	s.failed = true
	streamError(c, err)
}

func inputImports() wit.Imports {
	return imports("wasi:io/streams@0.2.0", map[string]wit.HostFunc{
		"[method]input-stream.read":          inputRead(false),
		"[method]input-stream.blocking-read": inputRead(true),
		"[method]input-stream.skip":          inputSkip(false),
		"[method]input-stream.blocking-skip": inputSkip(true),
		"[method]input-stream.subscribe":     inputSubscribe,
	})
}

// inputArgs reads the parameters (self, len) of the read functions; if they shall block it waits for data.
func inputArgs(ctx context.Context, c *wit.Call, block bool) (*inputStream, uint64, error) {
	s, n := wit.HandleOf[*inputStream](c), c.Args.Uint(64)
	if err := c.Args.Close(); err != nil {
		return nil, 0, err
	}
	if block && n > 0 && !s.src.ready() {
		if err := wait(ctx, &pollable{event: s.src}); err != nil {
			return nil, 0, err
		}
	}
	return s, min(n, maxRead), nil
}

func inputRead(block bool) wit.HostFunc {
	return func(ctx context.Context, c *wit.Call) error {
		s, n, err := inputArgs(ctx, c, block)
		if err != nil {
			return err
		}
		if err := s.src.read(n, &c.Result); err != nil {
			s.error(c, err)
		}
		return nil
	}
}

func inputSkip(block bool) wit.HostFunc {
	return func(ctx context.Context, c *wit.Call) error {
		s, n, err := inputArgs(ctx, c, block)
		if err != nil {
			return err
		}
		skipped, err := s.src.skip(n)
		if err != nil {
			s.error(c, err)
			return nil
		}
		c.Result.OK()
		c.Result.Uint(skipped)
		return nil
	}
}

func inputSubscribe(_ context.Context, c *wit.Call) error {
	s := wit.HandleOf[*inputStream](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&pollable{event: s.src})
	return nil
}
