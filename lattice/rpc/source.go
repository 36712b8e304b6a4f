package rpc

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/wattle-io/wattle/lattice"
)

// sources are the hosts that have calls here. Each has its own bounds, so that one cannot use up what is there for all.
// Locks nest in this order: sources, source.
type sources struct {
	mu     sync.Mutex
	closed bool               // guarded by mu: no more calls are admitted
	hosts  map[string]*source // guarded by mu
	calls  sync.WaitGroup     // all that were admitted
}

// source is one host that has calls here.
type source struct {
	mu    sync.Mutex
	calls map[string]*inCall // guarded by mu: by token
	bytes int                // guarded by mu: that calls may hold
}

func (s *sources) init() { s.hosts = make(map[string]*source) }

// admit adds a call, if its host has not too many.
func (s *sources) admit(k *inCall, cfg *ServerConfig) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return notBegun(lattice.ErrUnavailable, "the host stops: it takes no more calls", "call another host")
	}
	h := s.hosts[k.src]
	if h == nil {
		h = &source{calls: make(map[string]*inCall)}
		s.hosts[strings.Clone(k.src)] = h
	}
	if err := h.admit(k, cfg); err != nil {
		return err
	}
	k.source = h
	s.calls.Add(1)
	return nil
}

func (h *source) admit(k *inCall, cfg *ServerConfig) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	const hint = "try again in a moment, or elsewhere"
	switch {
	case h.calls[k.token] != nil:
		return &lattice.Error{Kind: lattice.ErrConflict, Msg: "a call that is under way already"}
	case len(h.calls) >= cfg.MaxCalls:
		return notBegun(lattice.ErrBusy, fmt.Sprintf("the host called has %d calls of this one under way", len(h.calls)), hint)
	case h.bytes+k.holds > cfg.MaxBytes:
		return notBegun(lattice.ErrBusy, fmt.Sprintf("the calls of this host hold %d MiB in the host called", h.bytes>>20), hint)
	}
	h.calls[k.token] = k
	h.bytes += k.holds
	return nil
}

// find is the call of that host and token, or nil.
func (s *sources) find(src, token string) *inCall {
	s.mu.Lock()
	h := s.hosts[src]
	s.mu.Unlock()
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[token]
}

// remove takes a call that is over.
func (s *sources) remove(k *inCall) {
	k.source.mu.Lock()
	delete(k.source.calls, k.token)
	k.source.bytes -= k.holds
	k.source.mu.Unlock()
	s.calls.Done()
}

// sweep cancels the calls that nobody asked for since that time, and forgets hosts that have none.
func (s *sources) sweep(since int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, h := range s.hosts {
		h.mu.Lock()
		for _, k := range h.calls {
			if k.heard.Load() < since {
				k.cancel()
			}
		}
		if len(h.calls) == 0 {
			delete(s.hosts, id)
		}
		h.mu.Unlock()
	}
}

// close admits no more calls.
func (s *sources) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

// idle waits until no call is under way. It is for after close.
func (s *sources) idle(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.calls.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
