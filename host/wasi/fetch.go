package wasi

import "sync"

// fetch runs a call that blocks in a goroutine of its own, one at a time and only when asked, and keeps what it gave until that is
// taken. As an event it is ready when there is something to take.
type fetch[T any] struct {
	wakers
	call func() (T, error)
	once bool // what the call gave stays: it is not called again

	mu      sync.Mutex // guards what follows
	running bool
	have    bool
	ended   bool // stopped
	value   T
	err     error
	idle    sync.Cond // on mu: running became false
}

func newFetch[T any](call func() (T, error)) *fetch[T] {
	f := &fetch[T]{call: call}
	f.idle.L = &f.mu
	return f
}

// ready implements event.
func (f *fetch[T]) ready() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.have && !f.running && !f.ended {
		f.running = true
		go f.run()
	}
	return f.have || f.ended
}

func (f *fetch[T]) run() {
	value, err := f.call()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.value, f.err, f.have, f.running = value, err, true, false
	f.idle.Broadcast()
	f.wake()
}

// take is what the call gave; ok is false if there is nothing yet.
func (f *fetch[T]) take() (value T, err error, ok bool) {
	if !f.ready() {
		return value, nil, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	value, err = f.value, f.err
	if !f.once {
		f.forget()
	}
	return value, err, true
}

func (f *fetch[T]) forget() {
	var zero T
	f.value, f.err, f.have = zero, nil, false
}

// stop ends the fetching. If a call is under way interrupt must make it return, and stop waits for that. What was fetched and not
// taken is given back, for whoever has to close it.
func (f *fetch[T]) stop(interrupt func()) (value T, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	if f.running {
		f.mu.Unlock()
		interrupt()
		f.mu.Lock()
		for f.running {
			f.idle.Wait()
		}
	}
	value, ok = f.value, f.have && f.err == nil
	f.forget()
	return value, ok
}
