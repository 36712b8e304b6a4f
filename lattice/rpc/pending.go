package rpc

import (
	"sync"
	"time"
)

// shards keep calls by token. There are several so that calls of many goroutines do not wait for each other.
type shards [16]shard

type shard struct {
	mu    sync.Mutex
	calls map[string]*outCall // guarded by mu
}

func (s *shards) init() {
	for i := range s {
		s[i].calls = make(map[string]*outCall)
	}
}

func (s *shards) of(token string) *shard { return &s[token[len(token)-2]%byte(len(s))] }

func (s *shards) add(k *outCall) {
	sh := s.of(k.token)
	sh.mu.Lock()
	sh.calls[k.token] = k
	sh.mu.Unlock()
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

// older calls fn for each call that began before t.
func (s *shards) older(t time.Time, fn func(k *outCall)) {
	for i := range s {
		sh := &s[i]
		sh.mu.Lock()
		for _, k := range sh.calls {
			if k.began.Before(t) {
				fn(k)
			}
		}
		sh.mu.Unlock()
	}
}

// empty reports whether no call is under way.
func (s *shards) empty() bool {
	for i := range s {
		s[i].mu.Lock()
		n := len(s[i].calls)
		s[i].mu.Unlock()
		if n > 0 {
			return false
		}
	}
	return true
}
