package rpc

import (
	"os"
	"sync"
)

// allowance is what a sender may still send: the other side of an inbox.
type allowance struct {
	mu   sync.Mutex
	left int           // guarded by mu
	wake chan struct{} // has a token if left has grown
}

func (a *allowance) init(left int) {
	a.left = left
	a.wake = make(chan struct{}, 1)
}

// add grants more. What goes beyond a window is a lie and does not count.
func (a *allowance) add(n int) {
	a.mu.Lock()
	a.left = min(a.left+n, window)
	a.mu.Unlock()
	signal(a.wake)
}

// take waits until a frame of that cost may be sent. It gives up when done is closed (errOver) or late is (os.ErrDeadlineExceeded).
func (a *allowance) take(cost int, done, late <-chan struct{}) error {
	for {
		if closed(done) {
			return errOver
		}
		a.mu.Lock()
		ok := a.left >= cost
		if ok {
			a.left -= cost
		}
		a.mu.Unlock()
		if ok {
			return nil
		}
		if err := wait(a.wake, done, late); err != nil {
			return err
		}
	}
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
