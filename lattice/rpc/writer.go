package rpc

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// writer is the streamed reply of a call that came from elsewhere: what is written goes out in chunks, as fast as the caller takes it.
type writer struct {
	call *inCall
	in   *body // whose Reads SetReadDeadline ends; nil if there is none
	late cutoff

	mu     sync.Mutex
	buf    *[]byte // guarded by mu: what was written and not sent
	dirty  bool    // guarded by mu: something was written since the last Flush
	closed bool    // guarded by mu
}

var _ lattice.ReplyWriter = (*writer)(nil)

// Head implements lattice.ReplyWriter.
func (w *writer) Head(payload []byte) error {
	if len(payload) > MaxHead {
		return &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("the head of a reply has %d bytes; %d are allowed", len(payload), MaxHead)}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.take(len(payload) + frameCost); err != nil {
		return err
	}
	return w.call.send(toHead, payload)
}

// Write implements lattice.ReplyWriter.
func (w *writer) Write(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n < len(p) {
		if w.closed || closed(w.call.ctx.Done()) {
			return n, over(w.call, errOver)
		}
		part := p[n:min(len(p), n+chunk-len(*w.buf))]
		*w.buf = append(*w.buf, part...)
		n, w.dirty = n+len(part), true
		if len(*w.buf) == chunk {
			if err := w.send(0); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Flush implements lattice.ReplyWriter.
func (w *writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dirty {
		return nil
	}
	if err := w.send(1); err != nil {
		return err
	}
	w.dirty = false
	return nil
}

// send sends what was written. It is called with mu held.
func (w *writer) send(flush byte) error {
	if err := w.take(1 + len(*w.buf) + frameCost); err != nil {
		return err
	}
	err := w.call.send(toStream, []byte{flush}, *w.buf)
	*w.buf = (*w.buf)[:0]
	return err
}

// take waits until so much may be sent. It is called with mu held.
func (w *writer) take(cost int) error {
	err := errOver
	if !w.closed {
		err = w.call.open.take(cost, w.call.ctx.Done(), w.late.done())
	}
	if err != nil {
		return over(w.call, err)
	}
	return nil
}

// close sends what is left, unless the call has failed with err, and returns the error of the call.
func (w *writer) close(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && len(*w.buf) > 0 {
		err = w.send(0)
	}
	w.closed = true
	*w.buf = (*w.buf)[:0]
	w.call.server.keep(w.buf)
	w.buf = new([]byte)
	return err
}

// SetWriteDeadline ends a Head, Write or Flush that blocks; zero allows them again.
func (w *writer) SetWriteDeadline(t time.Time) error {
	w.late.set(t)
	return nil
}

// SetReadDeadline is that of the call's body.
func (w *writer) SetReadDeadline(t time.Time) error {
	if w.in == nil {
		return os.ErrNoDeadline
	}
	return w.in.SetReadDeadline(t)
}
