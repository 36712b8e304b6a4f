package wasi

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/wattle-io/wattle/wit"
)

const (
	// maxRead bounds what one read returns, and so what a source holds.
	maxRead = 64 << 10
	// firstRead is the size of a source's first chunk; most bodies are small.
	firstRead = 4 << 10
)

// source reads an io.Reader ahead by one chunk, so that a guest can read without blocking, wait for data beside other
// things, and stop waiting when its call ends. A Read that blocks runs in a goroutine of its own, one at a time.
type source struct {
	wakers
	r io.Reader
	// instant is set if r is memory: Read never blocks, so no goroutine is needed.
	instant bool

	mu      sync.Mutex // guards what follows
	chunk   []byte     // read and not yet consumed
	store   []byte     // memory of chunk; belongs to fill while filling
	err     error      // what ended the reader; io.EOF after all of it
	filling bool
	idle    sync.Cond // on mu: filling became false; set up by stop
}

// newSource makes a source of r; nil is empty.
func newSource(r io.Reader) *source {
	s := &source{}
	s.init(r)
	return s
}

func (s *source) init(r io.Reader) {
	s.r = r
	s.idle.L = &s.mu
	if r == nil {
		s.err = io.EOF
	}
	_, s.instant = r.(interface{ Len() int }) // bytes.Reader, bytes.Buffer, strings.Reader
}

// ready implements event: there is data, the end or an error to be had.
func (s *source) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prepare()
}

// prepare reports whether there is something to take; if not, it sees to it that a read is under way. Called with mu held.
func (s *source) prepare() bool {
	if len(s.chunk) > 0 || s.err != nil {
		return true
	}
	if s.filling {
		return false
	}
	s.grow()
	if s.instant {
		s.take(readSome(s.r, s.store))
		return true
	}
	s.filling = true
	go s.fill(s.store)
	return false
}

// grow makes room for the next chunk: more than the last time if that was full.
func (s *source) grow() {
	switch n := len(s.store); {
	case n == 0:
		s.store = make([]byte, firstRead)
	case cap(s.chunk) == 0 && n < maxRead: // the last chunk reached the end of the store
		s.store = make([]byte, maxRead)
	}
}

// fill reads one chunk in its own goroutine.
func (s *source) fill(store []byte) {
	n, err := readSome(s.r, store)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(n, err)
	s.filling = false
	s.idle.Broadcast()
	s.wake()
}

// take accepts what a Read returned, unless the source was stopped meanwhile.
func (s *source) take(n int, err error) {
	if s.err == nil {
		s.chunk, s.err = s.store[:n], err
	}
}

// readSome reads at least one byte, or fails. It does not trust r to keep io.Reader's rules.
func readSome(r io.Reader, p []byte) (int, error) {
	for range 100 {
		n, err := r.Read(p)
		if n < 0 || n > len(p) {
			return 0, fmt.Errorf("wasi: a reader gave %d bytes for %d", n, len(p))
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// consume takes up to n of the bytes that are there; with none left, the error is what ended the reader. What it returns is
// valid while mu, which the caller holds, is held.
func (s *source) consume(n uint64) ([]byte, error) {
	s.prepare()
	if len(s.chunk) == 0 && s.err != nil {
		return nil, s.err
	}
	got := s.chunk[:min(n, uint64(len(s.chunk)))]
	s.chunk = s.chunk[len(got):]
	return got, nil
}

// read appends up to n bytes that are there, maybe none, to e as ok(list<u8>).
func (s *source) read(n uint64, e *wit.Encoder) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	got, err := s.consume(n)
	if err == nil {
		e.OK()
		e.Bytes(got)
	}
	return err
}

// skip throws away up to n bytes that are there and says how many.
func (s *source) skip(n uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got, err := s.consume(n)
	return uint64(len(got)), err
}

// next is a copy of up to n bytes that are there.
func (s *source) next(n uint64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got, err := s.consume(n)
	return bytes.Clone(got), err
}

// discard throws away what is there and reports whether the reader has ended; if not, more is being read.
func (s *source) discard() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chunk = nil
	s.prepare()
	s.chunk = nil
	return s.err != nil
}

// end is what ended the reader, nil while it has not been reached.
func (s *source) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.chunk) > 0 {
		return nil
	}
	return s.err
}

// stop ends the source: nothing starts a Read any more, and what is read from now on is err. If a Read is under way,
// interrupt must make it return, and stop waits for that; without interrupt the Read is left to end by itself.
func (s *source) stop(err error, interrupt func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	if s.filling && interrupt != nil {
		s.mu.Unlock()
		interrupt()
		s.mu.Lock()
		for s.filling {
			s.idle.Wait()
		}
	}
	s.chunk = nil
}
