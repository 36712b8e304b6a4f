package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// callContext is the context of one call: what host functions get, and how trampolines find their instance. An instance reuses
// it from call to call, so that a call allocates nothing.
//
// A deadline needs the clock, and waiting needs a channel and a timer. Most calls need neither: they end before the
// first yield. So the clock is read when the deadline is first asked for or the guest first yields, at most one slice after the start of the
// call, and the channel is made when somebody first waits. A context that somebody has waited on is not used again: whoever
// still holds it sees that it has ended.
type callContext struct {
	in     *Instance
	parent context.Context
	limit  time.Duration

	checks  int // calls of quickCheck
	waiting atomic.Pointer[waitContext]

	mu    sync.Mutex
	start time.Time // guarded by mu while host functions run; zero until the clock is first read
}

// waitContext is the standard context behind a callContext that somebody waits on.
type waitContext struct {
	context.Context
	cancel context.CancelFunc
}

func instanceOf(ctx context.Context) *Instance { return ctx.(*callContext).in }

// startClock takes now for the start of the call.
func (c *callContext) startClock() {
	c.mu.Lock()
	c.start = time.Now()
	c.mu.Unlock()
}

// Deadline is the earlier one of the call's limit and the caller's deadline.
func (c *callContext) Deadline() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadlineLocked(), true
}

func (c *callContext) deadlineLocked() time.Time {
	if c.start.IsZero() {
		c.start = time.Now()
	}
	deadline := c.start.Add(c.limit)
	if d, ok := c.parent.Deadline(); ok && d.Before(deadline) {
		return d
	}
	return deadline
}

// Done is closed when the call ends, its deadline passes, its caller gives up, or its pool is closed.
func (c *callContext) Done() <-chan struct{} { return c.wait().Done() }

// Err says why Done is closed.
func (c *callContext) Err() error {
	if w := c.waiting.Load(); w != nil {
		return w.Err()
	}
	return c.parent.Err()
}

// Value gives the caller's values.
func (c *callContext) Value(key any) any {
	if w := c.waiting.Load(); w != nil {
		return w.Value(key)
	}
	return c.parent.Value(key)
}

func (c *callContext) wait() *waitContext {
	if w := c.waiting.Load(); w != nil {
		return w
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.waiting.Load(); w != nil {
		return w
	}
	ctx, cancel := context.WithDeadline(c.parent, c.deadlineLocked())
	w := &waitContext{ctx, cancel}
	c.waiting.Store(w)
	c.in.onStop(cancel)
	return w
}

// check unwinds the guest with an *Error if the call has to end. It runs on the call's goroutine.
func (c *callContext) check() {
	if err := c.ended(true); err != nil {
		panic(err)
	}
}

// quickCheck is check for host calls: it reads the clock on each 64th only.
func (c *callContext) quickCheck() {
	c.checks++
	if err := c.ended(c.checks%64 == 0); err != nil {
		panic(err)
	}
}

func (c *callContext) ended(clock bool) *Error {
	if c.in.stopped.Load() {
		return stopped()
	}
	if err := c.Err(); err != nil {
		return c.contextError(err)
	}
	if !clock {
		return nil
	}
	if d, _ := c.Deadline(); time.Now().After(d) {
		return c.contextError(context.DeadlineExceeded)
	}
	return nil
}

func (c *callContext) contextError(err error) *Error {
	switch {
	case c.in.stopped.Load():
		return stopped()
	case errors.Is(err, context.DeadlineExceeded):
		return errorf(ErrDeadline, "the call took longer than its caller or its limit of %v allows", c.limit)
	}
	return errorf(ErrCanceled, "the caller gave up")
}

// end ends the call. It reports whether the context may be used for the next one.
func (c *callContext) end() (reusable bool) {
	if w := c.waiting.Load(); w != nil {
		w.cancel()
		return false
	}
	c.parent = context.Background()
	return true
}
