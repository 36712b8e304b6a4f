package rpc

import (
	"errors"
	"sync"
)

// errOver says that the call is over, and with it what was waited for.
var errOver = errors.New("the call is over")

// inbox is what came for a call and was not read yet. What may come is bounded by credit, which its reader gives.
type inbox struct {
	mu    sync.Mutex
	queue []frame // guarded by mu
	next  int     // guarded by mu: index in queue of the oldest
	left  int     // guarded by mu: what the sender may still send
	owed  int     // guarded by mu: what was read and not yet allowed again
	wake  chan struct{}
}

// init makes the inbox ready for the next call, to which so much may be sent. It keeps its memory.
func (b *inbox) init(left int) {
	clear(b.queue)
	b.queue, b.next, b.left, b.owed = b.queue[:0], 0, left, 0
	if b.wake == nil {
		b.wake = make(chan struct{}, 1)
	}
	select {
	case <-b.wake:
	default:
	}
}

// put adds a frame of a stream. False if the sender sent more than it may.
func (b *inbox) put(f frame) bool {
	b.mu.Lock()
	ok := f.cost() <= b.left
	if ok {
		b.left -= f.cost()
		b.push(f)
	}
	b.mu.Unlock()
	signal(b.wake)
	return ok
}

// last adds a frame for which no credit is needed, as it can come only once.
func (b *inbox) last(f frame) {
	b.mu.Lock()
	b.push(f)
	b.mu.Unlock()
	signal(b.wake)
}

// push is called with mu held. It moves the queue to the front of its memory when most of that is behind it.
func (b *inbox) push(f frame) {
	if b.next > 32 && b.next > len(b.queue)/2 {
		n := copy(b.queue, b.queue[b.next:])
		clear(b.queue[n:])
		b.queue, b.next = b.queue[:n], 0
	}
	b.queue = append(b.queue, f)
}

// take waits for the oldest frame. It gives up when done is closed (errOver) or late is (os.ErrDeadlineExceeded), even if there are frames.
func (b *inbox) take(done, late <-chan struct{}) (frame, error) {
	for {
		if f, ok := b.poll(); ok {
			return f, nil
		}
		if err := wait(b.wake, done, late); err != nil {
			return frame{}, err
		}
	}
}

func (b *inbox) poll() (f frame, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == len(b.queue) {
		return frame{}, false
	}
	f = b.queue[b.next]
	b.queue[b.next] = frame{}
	if b.next++; b.next == len(b.queue) {
		b.queue, b.next = b.queue[:0], 0
	}
	return f, true
}

// done says that a frame of that cost was read, and returns how much credit to give now: 0 until it is worth a message.
func (b *inbox) done(cost int) (credit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owed += cost; b.owed < window/4 {
		return 0
	}
	credit, b.owed = b.owed, 0
	b.left += credit
	return credit
}
