package rpc

import (
	"errors"
	"io"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// body is the body of a call that came from elsewhere. One goroutine may read it at a time.
type body struct {
	call *inCall
	late cutoff
	rest []byte // of the oldest frame
	cost int    // of that frame
	err  error  // what ended it
}

// Read implements io.Reader. It ends with the call.
func (b *body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) == 0 {
		b.call.read(b.cost)
	}
	return n, nil
}

// next takes the next frame.
func (b *body) next() error {
	if closed(b.call.ctx.Done()) {
		return over(b.call, errOver)
	}
	f, err := b.call.in.take(b.call.ctx.Done(), b.late.done())
	if err != nil {
		return over(b.call, err)
	}
	switch f.kind {
	case toData:
		b.rest, b.cost = f.data, f.cost()
	case toEnd:
		b.err = io.EOF
	default:
		b.err = decodeFault(f.data)
	}
	return nil
}

// over makes the error of a body or stream whose call is over.
func over(k *inCall, err error) error {
	if !errors.Is(err, errOver) {
		return err
	}
	return &lattice.Error{Kind: lattice.KindOf(k.explain(err)), Msg: "the call is over", Err: k.ctx.Err()}
}

// SetReadDeadline ends a Read that blocks; zero allows Reads again.
func (b *body) SetReadDeadline(t time.Time) error {
	b.late.set(t)
	return nil
}
