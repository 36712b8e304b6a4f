package rpc

import (
	"os"
	"sync"
)

// allowance is what a sender may still send: the other side of an inbox.
type allowance struct {
	mu   sync.Mutex
	left int           // guarded by mu
	wake chan struct{} // guarded by mu: gets a token when left grows; nil until somebody waits, which for most calls is never
}

// init is for before the allowance is used, again or for the first time.
func (a *allowance) init(left int) {
	a.left = left
}

// add grants more. What goes beyond a window is a lie and does not count.
func (a *allowance) add(n int) {
	a.mu.Lock()
	a.left = min(a.left+n, window)
	wake := a.wake
	a.mu.Unlock()
	if wake != nil {
		signal(wake)
	}
}

// take waits until a frame of that cost may be sent. It gives up when done is closed (errOver) or late is (os.ErrDeadlineExceeded).
func (a *allowance) take(cost int, done, late <-chan struct{}) error {
	for {
		if closed(done) {
			return errOver
		}
		wake := a.try(cost)
		if wake == nil {
			return nil
		}
		if err := wait(wake, done, late); err != nil {
			return err
		}
	}
}

// try takes that much, or returns what to wait for.
func (a *allowance) try(cost int) (wake chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left >= cost {
		a.left -= cost
		return nil
	}
	if a.wake == nil {
		a.wake = make(chan struct{}, 1)
	}
	return a.wake
}

// wait waits for a token of wake.
func wait(wake, done, late <-chan struct{}) error {
	select {
	case <-wake:
		return nil
	case <-done:
		return errOver
	case <-late:
		return os.ErrDeadlineExceeded
	}
}

func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default: // it has one already
	}
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
