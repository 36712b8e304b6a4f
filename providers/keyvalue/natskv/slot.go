package natskv

import (
	"context"
	"sync"
)

// maxSlots is how many counters of a bucket are remembered.
const maxSlots = 4096

// slots are the counters in use, by escaped key.
type slots struct {
	mu sync.Mutex // guards m and the users of each slot
	m  map[string]*slot
}

// slot is what is known of a counter. All but users belongs to who holds the lock.
type slot struct {
	held  chan struct{} // holds one token while locked: unlike a sync.Mutex, waiting for it can be given up
	users int

	known    bool   // n is what revision holds
	n        int64  // 0 if revision is 0
	revision uint64 // 0: the key did not exist
	digits   [20]byte
}

// lock waits for the counter until ctx is done.
func (s *slots) lock(ctx context.Context, k string) (*slot, error) {
	c := s.enter(k)
	select {
	case c.held <- struct{}{}:
		return c, nil
	default:
	}
	select {
	case c.held <- struct{}{}:
		return c, nil
	case <-ctx.Done():
		s.leave(c)
		return nil, ctx.Err()
	}
}

func (s *slots) unlock(c *slot) {
	<-c.held
	s.leave(c)
}

// enter finds or makes a slot and notes that it is in use, so that it is not forgotten.
func (s *slots) enter(k string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.m[k]
	if c == nil {
		s.evict()
		c = &slot{held: make(chan struct{}, 1)}
		s.m[k] = c
	}
	c.users++
	return c
}

func (s *slots) leave(c *slot) {
	s.mu.Lock()
	c.users--
	s.mu.Unlock()
}

// evict makes room for one slot, by forgetting an unused one out of a few (map order is random enough).
func (s *slots) evict() {
	if len(s.m) < maxSlots {
		return
	}
	tries := 0
	for k, c := range s.m {
		if c.users == 0 {
			delete(s.m, k)
			return
		}
		if tries++; tries == 64 {
			return // all busy: the callers are bounded, so the map is too
		}
	}
}
