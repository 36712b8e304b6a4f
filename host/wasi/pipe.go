package wasi

import (
	"context"
	"io"
	"sync"
)

// pipe carries an outgoing request's body from the guest, who waits for room by events, to a reader in another goroutine.
// It holds up to maxWrite bytes.
type pipe struct {
	wakers
	mu     sync.Mutex // guards what follows
	buf    []byte
	err    error // what the reader gets after buf: io.EOF or why the body is broken
	gone   error // the reader has gone
	filled sync.Cond
}

var _ bodySink = (*pipe)(nil)

func newPipe() *pipe {
	p := &pipe{}
	p.filled.L = &p.mu
	return p
}

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.buf) == 0 && p.err == nil && p.gone == nil {
		p.filled.Wait()
	}
	n := copy(b, p.buf)
	p.buf = p.buf[:copy(p.buf, p.buf[n:])]
	p.changed()
	switch {
	case n > 0:
		return n, nil
	case p.gone != nil:
		return 0, p.gone
	}
	return 0, p.err
}

// Close implements io.Closer: the reader takes no more.
func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone, p.buf = errClosed, nil
	p.changed()
	return nil
}

// changed tells both sides. Called with mu held.
func (p *pipe) changed() {
	p.filled.Broadcast()
	p.wake()
}

// room implements sink.
func (p *pipe) room() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maxWrite - len(p.buf), p.gone
}

// write implements sink; the stream has asked for room before.
func (p *pipe) write(_ context.Context, b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil {
		return p.gone
	}
	if len(b) > maxWrite-len(p.buf) {
		return io.ErrShortWrite
	}
	p.buf = append(p.buf, b...)
	p.changed()
	return nil
}

// flush implements sink: the reader sees all that was written as soon as it reads.
func (p *pipe) flush(context.Context) error { return nil }

// finish implements bodySink. Trailers of outgoing requests are not sent.
func (p *pipe) finish(context.Context, []HeaderField) error {
	p.abort(io.EOF)
	return nil
}

// abort implements bodySink.
func (p *pipe) abort(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.changed()
}

func (p *pipe) ready() bool {
	n, err := p.room()
	return n > 0 || err != nil
}
