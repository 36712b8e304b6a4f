package rpc

import (
	"sync"
	"time"
)

// cutoff is a deadline that can be moved while somebody waits for it, as that of a net.Conn. The zero cutoff is none.
type cutoff struct {
	mu    sync.Mutex
	timer *time.Timer   // guarded by mu
	over  chan struct{} // guarded by mu: closed when the deadline is over; nil if nobody asked yet
	moves int           // guarded by mu: how often the deadline was moved
}

// done is closed when the deadline as it is now is over.
func (c *cutoff) done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		c.over = make(chan struct{})
	}
	return c.over
}

// set moves the deadline; zero means that there is none.
func (c *cutoff) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.over == nil || closed(c.over) {
		c.over = make(chan struct{})
	}
	c.moves++
	if t.IsZero() {
		return
	}
	wait, move := time.Until(t), c.moves
	if wait <= 0 {
		close(c.over)
		return
	}
	c.timer = time.AfterFunc(wait, func() { c.pass(move) })
}

// pass ends those who wait, unless the deadline was moved in the meantime.
func (c *cutoff) pass(move int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moves == move {
		close(c.over)
	}
}
