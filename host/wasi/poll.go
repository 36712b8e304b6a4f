package wasi

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// maxPoll bounds the pollables in one call of poll.
const maxPoll = 4096

// event is something that a guest can wait for.
type event interface {
	// ready reports whether a wait is over. If it is not, ready starts whatever work will make it so. It does not block.
	ready() bool
	// watch asks for a send on wake, without blocking, at each change after which ready may answer differently.
	watch(wake chan<- struct{})
	unwatch(wake chan<- struct{})
}

// pollable is the wasi:io/poll resource: an event, a moment, or, with neither, something that is always ready.
type pollable struct {
	event event
	at    time.Time // zero if event is set
	now   func() time.Time
}

func (p *pollable) ready() bool {
	switch {
	case p.event != nil:
		return p.event.ready()
	case p.at.IsZero():
		return true
	}
	return !p.now().Before(p.at)
}

func ioImports(now func() time.Time) wit.Imports {
	return merge(
		imports("wasi:io/poll@0.2.0", map[string]wit.HostFunc{
			"[method]pollable.ready": pollableReady,
			"[method]pollable.block": pollableBlock,
			"poll":                   poll,
		}),
		imports("wasi:io/error@0.2.0", map[string]wit.HostFunc{"[method]error.to-debug-string": errorToDebugString}),
		inputImports(), outputImports(),
	)
}

func pollableReady(_ context.Context, c *wit.Call) error {
	p := wit.HandleOf[*pollable](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.Bool(p.ready())
	return nil
}

func pollableBlock(ctx context.Context, c *wit.Call) error {
	p := wit.HandleOf[*pollable](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	return wait(ctx, p)
}

// poll is wasi:io/poll#poll: it waits until at least one of the pollables is ready and gives the indexes of all that are.
func poll(ctx context.Context, c *wit.Call) error {
	ps, err := pollArgs(c)
	if err != nil {
		return err
	}
	if err := wait(ctx, ps...); err != nil {
		return err
	}
	var ready []uint64
	for i, p := range ps {
		if p.ready() {
			ready = append(ready, uint64(i))
		}
	}
	c.Result.Uint(uint64(len(ready)))
	for _, i := range ready {
		c.Result.Uint(i)
	}
	return nil
}

func pollArgs(c *wit.Call) ([]*pollable, error) {
	n := c.Args.U32()
	if n > maxPoll {
		return nil, trapf("poll of %d pollables; at most %d are allowed", n, maxPoll)
	}
	ps := make([]*pollable, n)
	for i := range ps {
		ps[i] = wit.HandleOf[*pollable](c)
	}
	if err := c.Args.Close(); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, trapf("poll of an empty list would wait for ever")
	}
	return ps, nil
}

// wait returns when one of the pollables is ready, or with the context's error.
func wait(ctx context.Context, ps ...*pollable) error {
	if ready, _ := anyReady(ps); ready {
		return nil
	}
	wake := make(chan struct{}, 1)
	for _, p := range ps {
		if p.event != nil {
			p.event.watch(wake)
			defer p.event.unwatch(wake)
		}
	}
	for {
		ready, sleep := anyReady(ps)
		if ready {
			return nil
		}
		if err := pause(ctx, wake, sleep); err != nil {
			return &waitError{err}
		}
	}
}

// waitError is the error of a wait that the end of its call cut off.
type waitError struct{ err error }

func (e *waitError) Error() string { return "wasi: wait: " + e.err.Error() }
func (e *waitError) Unwrap() error { return e.err }

// forever is how long a wait without a moment lasts unless something wakes it.
const forever = time.Duration(1<<63 - 1)

// anyReady reports whether one is ready, or how long it is until the first moment among them.
func anyReady(ps []*pollable) (ready bool, sleep time.Duration) {
	sleep = forever
	for _, p := range ps {
		if p.ready() {
			return true, 0
		}
		if p.event == nil {
			sleep = min(sleep, p.at.Sub(p.now()))
		}
	}
	return false, sleep
}

// pause sleeps until wake, or for the given time, or until the context ends: by its channel or, for a context that only
// tells its deadline, by the clock.
func pause(ctx context.Context, wake <-chan struct{}, sleep time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	deadline, bounded := ctx.Deadline()
	if bounded {
		sleep = min(sleep, time.Until(deadline))
	}
	var timeout <-chan time.Time
	if sleep != forever {
		t := time.NewTimer(sleep)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-wake:
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout:
		if bounded && !time.Now().Before(deadline) {
			return context.DeadlineExceeded
		}
	}
	return nil
}

// wakers are the waits that an event has to wake. The zero value is ready to use; its lock is taken last.
type wakers struct {
	mu   sync.Mutex // guards list
	list []chan<- struct{}
}

func (w *wakers) watch(wake chan<- struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, wake)
}

func (w *wakers) unwatch(wake chan<- struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.Index(w.list, wake); i >= 0 {
		w.list = slices.Delete(w.list, i, i+1)
	}
}

// wake wakes them all; one wake-up that was not taken yet is enough.
func (w *wakers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.list {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
