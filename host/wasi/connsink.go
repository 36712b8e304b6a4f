package wasi

import (
	"context"
	"net"
	"sync"
	"time"
)

// linger is how long a connection that the guest has dropped may take to send what the guest has written.
const linger = 5 * time.Second

// connSink writes to a TCP connection. It takes up to maxWrite bytes and sends them in a goroutine of its own, so that a guest never
// waits for a peer unless it wants to.
type connSink struct {
	wakers
	conn *net.TCPConn

	mu      sync.Mutex // guards what follows
	buf     []byte     // not sent yet
	spare   []byte     // memory for the next buf
	sending bool
	fin     bool  // no more is taken; the peer is told when all is sent
	dropped bool  // the connection is closed when all is sent
	err     error // what ended it
}

// room implements sink.
func (s *connSink) room() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.fin {
		return 0, errClosed
	}
	return maxWrite - len(s.buf), s.err
}

func (s *connSink) ready() bool {
	n, err := s.room()
	return n > 0 || err != nil
}

// write implements sink; the stream has asked for room before.
func (s *connSink) write(_ context.Context, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.fin:
		return errClosed
	}
	s.buf = append(s.buf, p...)
	if !s.sending && len(p) > 0 {
		s.sending = true
		go s.send()
	}
	return nil
}

// flush implements sink: what is written is being sent. See drained.
func (s *connSink) flush(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// send sends all that there is.
func (s *connSink) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) > 0 && s.err == nil {
		p := s.buf
		s.buf, s.spare = s.spare[:0], nil
		s.wake() // there is room
		s.mu.Unlock()
		_, err := s.conn.Write(p)
		s.mu.Lock()
		s.spare = p[:0]
		if s.err == nil {
			s.err = err
		}
	}
	s.sending = false
	s.end()
	s.wake()
}

// end does what was put off until all was sent. Called with mu held.
func (s *connSink) end() {
	switch {
	case s.sending:
	case s.dropped:
		s.conn.Close()
	case s.fin && s.err == nil:
		s.conn.CloseWrite()
	}
}

// shut takes no more, and tells the peer so when all is sent.
func (s *connSink) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fin {
		s.fin = true
		s.end()
	}
	s.wake()
}

// close closes the connection when all is sent, or after linger.
func (s *connSink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fin, s.dropped = true, true
	if s.sending {
		s.conn.SetWriteDeadline(time.Now().Add(linger))
	}
	s.end()
}

// drained implements drainer.
func (s *connSink) drained() event { return drainedEvent{s} }

// drainedEvent is ready when all is sent, or never will be.
type drainedEvent struct{ *connSink }

func (e drainedEvent) ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.sending || e.err != nil
}
