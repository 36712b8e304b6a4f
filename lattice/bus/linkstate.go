package bus

import (
	"context"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// LinkState is how a leaf's link to the hub is.
type LinkState struct {
	Up    bool          // messages pass both ways
	Since time.Time     // when Up changed last
	RTT   time.Duration // of the last question to the hub; 0 if none was answered yet
	// Err is why there is no link, nil while that is unknown. ErrUnavailable: no hub answers. ErrDenied: the hub does not take
	// the credential, or it is another hub. ErrConflict: another host uses the same identity.
	Err error
	// Stopped says that the leaf has given up: the credential is revoked or has expired. What is local goes on; to join again takes
	// another leaf with a new credential.
	Stopped bool
}

// State is how the link is now.
func (l *Leaf) State() LinkState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Up reports whether there is a link to a hub and messages pass.
func (l *Leaf) Up() bool {
	srv := l.server.Load()
	return l.isUp() && srv != nil && srv.NumLeafNodes() > 0
}

func (l *Leaf) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Up
}

// RTT is how long the last question to the hub took, there and back; 0 if none was answered yet.
func (l *Leaf) RTT() time.Duration { return l.State().RTT }

// OnLink calls fn each time the link comes up or is lost, and at once if it is up. Calls come one at a time from a goroutine of
// the leaf; fn must return soon and must not shut the leaf down. The function returned ends the calls.
func (l *Leaf) OnLink(fn func(up bool)) (remove func()) {
	l.mu.Lock()
	l.nextID++
	id, up := l.nextID, l.state.Up
	l.watchers[id] = fn
	l.mu.Unlock()
	if up {
		fn(true)
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, id)
	}
}

// WaitUp waits until the link is up. It fails when the context ends, with the reason that is known then, and when the leaf gives
// up.
func (l *Leaf) WaitUp(ctx context.Context) error {
	for {
		l.mu.Lock()
		state, changed := l.state, l.changed
		l.mu.Unlock()
		if state.Up {
			return nil
		}
		if state.Stopped {
			return state.Err
		}
		select {
		case <-changed:
		case <-l.done:
			return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "the leaf has ended"}
		case <-ctx.Done():
			if state.Err != nil {
				return state.Err
			}
			return unreachable(hubList(l.groups), ctx.Err())
		}
	}
}

// setUp tells of a change, all who want to know.
func (l *Leaf) setUp(up bool) {
	l.mu.Lock()
	if l.state.Up == up {
		l.mu.Unlock()
		return
	}
	l.state.Up, l.state.Since = up, time.Now()
	if up {
		l.state.Err = nil
	}
	fns := make([]func(bool), 0, len(l.watchers))
	for _, fn := range l.watchers {
		fns = append(fns, fn)
	}
	l.notify()
	l.mu.Unlock()
	word := linkDown
	if up {
		word = linkUp
	}
	l.cfg.Log.Info("link to the hub is " + word)
	if err := l.nc.Publish(linkSubject, []byte(word)); err != nil {
		l.cfg.Log.Debug("leaf: tell of the link", "err", err)
	}
	for _, fn := range fns {
		fn(up)
	}
}

func (l *Leaf) setError(err error, stopped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Err != nil && l.state.Err.Error() == err.Error() && l.state.Stopped == stopped {
		return
	}
	l.state.Err, l.state.Stopped = err, stopped
	l.cfg.Log.Warn("no link to the hub", "err", err, "stopped", stopped)
	l.notify()
}

func (l *Leaf) setRTT(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.RTT = d
}

// notify wakes who waits for a change. The lock is held.
func (l *Leaf) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}
