package wasi

import (
	"context"
	"errors"

	"github.com/wattle-io/wattle/wit"
)

// maxEarly bounds the body bytes that are kept before the message that they belong to is sent.
const maxEarly = 64 << 10

var (
	// ErrIncomplete is the error of a body that the guest dropped, or left, without outgoing-body.finish.
	ErrIncomplete = errors.New("wasi:http: body not finished: the guest must call outgoing-body.finish")
	// errEarly is a guest's mistake that it is told of as a stream error.
	errEarly = errors.New("wasi:http: 64 KiB of body written before its message was sent; send the message (response-outparam.set, " +
		"outgoing-handler.handle), then write on")
)

// bodySink takes a body's bytes to where the message went.
type bodySink interface {
	sink
	// finish ends the body well, abort badly.
	finish(ctx context.Context, trailer []HeaderField) error
	abort(err error)
}

// outgoingBody is the wasi:http/types resource, and the sink of its stream: it holds the body to its declared length and
// keeps what is written before the message is sent.
type outgoingBody struct {
	to         bodySink // nil until the message is sent
	code       Code     // what a wrong length is: HTTPRequestBodySize or HTTPResponseBodySize
	declared   int64    // by content-length, -1 if it is not
	written    int64
	early      []byte
	streamUsed bool
	streamLive bool
	finished   bool
	trailer    []HeaderField // of an early finish
	err        error         // sticks
	stream     outputStream
}

// CheckDrop implements wit.DropChecker.
func (b *outgoingBody) CheckDrop() error {
	if b.streamLive {
		return trapf("outgoing-body dropped with its output-stream open; drop the stream first")
	}
	return nil
}

// Drop implements wit.Dropper: a body that was not finished is broken.
func (b *outgoingBody) Drop() {
	if !b.finished {
		b.fail(ErrIncomplete)
	}
}

// fail breaks the body.
func (b *outgoingBody) fail(err error) {
	if b.err != nil {
		return
	}
	b.err = err
	if b.to != nil {
		b.to.abort(err)
	}
}

// room implements sink.
func (b *outgoingBody) room() (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.to != nil:
		return b.to.room()
	case len(b.early) == maxEarly:
		return 0, errEarly
	}
	return maxEarly - len(b.early), nil
}

func (b *outgoingBody) write(ctx context.Context, p []byte) error {
	total := b.written + int64(len(p))
	if b.err == nil && b.declared >= 0 && total > b.declared {
		b.fail(sized(b.code, total))
	}
	if b.err != nil {
		return b.err
	}
	b.written = total
	if b.to == nil {
		return b.keep(p)
	}
	return b.to.write(ctx, p)
}

// keep stores bytes for attach.
func (b *outgoingBody) keep(p []byte) error {
	if len(p) > maxEarly-len(b.early) {
		b.fail(errEarly)
		return errEarly
	}
	b.early = append(b.early, p...)
	return nil
}

func (b *outgoingBody) flush(ctx context.Context) error {
	if b.err != nil || b.to == nil {
		return b.err
	}
	return b.to.flush(ctx)
}

func (b *outgoingBody) ready() bool { return b.to == nil || b.err != nil || b.to.ready() }

func (b *outgoingBody) watch(wake chan<- struct{}) {
	if b.to != nil {
		b.to.watch(wake)
	}
}

func (b *outgoingBody) unwatch(wake chan<- struct{}) {
	if b.to != nil {
		b.to.unwatch(wake)
	}
}

// attach says where the body goes, and sends what was kept. A body that nobody took is empty and finished.
func (b *outgoingBody) attach(ctx context.Context, to bodySink, taken bool) {
	b.to = to
	if b.err != nil {
		to.abort(b.err)
		return
	}
	if len(b.early) > 0 {
		if err := to.write(ctx, b.early); err != nil {
			b.fail(err)
			return
		}
		b.early = nil
	}
	if b.finished || !taken {
		b.finished = true
		b.err = b.end(ctx, b.trailer)
	}
}

// end tells the sink that the body is over, and whether it was well.
func (b *outgoingBody) end(ctx context.Context, trailer []HeaderField) error {
	if b.declared >= 0 && b.written != b.declared {
		b.fail(sized(b.code, b.written))
		return b.err
	}
	return b.to.finish(ctx, trailer)
}

// finish is outgoing-body.finish.
func (b *outgoingBody) finish(ctx context.Context, trailer []HeaderField) error {
	b.finished = true
	switch {
	case b.err != nil:
	case b.to != nil:
		b.err = b.end(ctx, trailer)
	case b.declared >= 0 && b.written != b.declared:
		b.err = sized(b.code, b.written)
	default:
		b.trailer = trailer
	}
	return b.err
}

func outgoingBodyImports() wit.Imports {
	return imports("wasi:http/types@0.2.0", map[string]wit.HostFunc{
		"[method]outgoing-body.write":  outgoingBodyWrite,
		"[static]outgoing-body.finish": outgoingBodyFinish,
	})
}

func outgoingBodyWrite(_ context.Context, c *wit.Call) error {
	b := wit.HandleOf[*outgoingBody](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	unitResult(c, !b.streamUsed)
	if !b.streamUsed {
		b.streamUsed, b.streamLive = true, true
		b.stream = outputStream{sink: b, parent: b}
		c.Give(&b.stream)
	}
	return nil
}

func outgoingBodyFinish(ctx context.Context, c *wit.Call) error {
	b := wit.HandleOf[*outgoingBody](c)
	var trailer *fields
	if c.Args.Option() {
		trailer = wit.HandleOf[*fields](c)
	}
	if err := c.Args.Close(); err != nil {
		return err
	}
	if b.streamLive {
		return trapf("outgoing-body.finish with its output-stream open; drop the stream first")
	}
	var list []HeaderField
	if trailer != nil {
		list = trailer.give()
	}
	if err := b.finish(ctx, list); err != nil {
		c.Result.Err()
		errorCodeOf(err).encode(&c.Result)
		return nil
	}
	c.Result.OK()
	return nil
}
