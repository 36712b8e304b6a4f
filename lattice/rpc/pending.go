package rpc

import (
	"sync"
	"time"
)

// shards keep calls by token. There are several so that calls of many goroutines do not wait for each other.
type shards [16]shard

type shard struct {
	mu    sync.Mutex
	calls map[string]*outCall // guarded by mu; nil when the client is closed
}

func (s *shards) init() {
	for i := range s {
		s[i].calls = make(map[string]*outCall)
	}
}

func (s *shards) of(token string) *shard { return &s[token[len(token)-2]%byte(len(s))] }

// add makes the call one that is under way. False if the client is closed.
func (s *shards) add(k *outCall) bool {
	sh := s.of(k.token)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.calls == nil {
		return false
	}
	sh.calls[k.token] = k
	return true
}

// close fails all calls and takes no more.
func (s *shards) close() {
	for i := range s {
		s[i].mu.Lock()
		for _, k := range s[i].calls {
			k.in.last(frame{kind: localEnd})
		}
		s[i].calls = nil
		s[i].mu.Unlock()
	}
}

// remove forgets the call. Nothing is put into its inbox any more.
func (s *shards) remove(k *outCall) {
	sh := s.of(k.token)
	sh.mu.Lock()
	delete(sh.calls, k.token)
	sh.mu.Unlock()
}

// deliver gives a frame to a call, if it is still under way. The last frame of a call ends it: what follows is dropped.
func (s *shards) deliver(token string, f frame) {
	sh := s.of(token)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := sh.calls[token]
	if k == nil {
		return
	}
	switch f.kind {
	case toPart, toHead, toStream:
		if k.in.put(f) {
			return
		}
		f = frame{kind: localExcess}
	case toOpen:
		if n, ok := credit(f.data); ok {
			k.open.add(n)
		}
		return
	case toPong:
		return // of no call
	}
	delete(sh.calls, token)
	k.in.last(f)
}

// older calls fn for each call that was sent before t.
func (s *shards) older(t time.Time, fn func(k *outCall)) {
	for i := range s {
		sh := &s[i]
		sh.mu.Lock()
		for _, k := range sh.calls {
			if sent := k.sent.Load(); sent != 0 && sent < t.UnixNano() {
				fn(k)
			}
		}
		sh.mu.Unlock()
	}
}
