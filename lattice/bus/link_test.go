package bus_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// within fails the test if something took longer than it should; the bounds are wide: they tell what works from what does not.
func within(t testing.TB, what string, took, bound time.Duration) {
	t.Helper()
	t.Logf("%s: %s", what, took.Round(time.Millisecond))
	if took > bound {
		t.Errorf("%s took %s, more than %s", what, took, bound)
	}
}

func TestLinkComesBackAfterFaults(t *testing.T) {
	l := latticetest.Hub(t)
	a, b := l.Leaf("a"), l.Leaf("b")
	answer(t, b.Conn(), "rpc."+b.ID()+".>", "ok")
	nc, ask := a.Conn(), rpcTo(b, a)
	reaches(t, nc, ask)
	works := func() bool { _, err := nc.Request(ask, nil, 200*time.Millisecond); return err == nil }
	for _, tc := range []struct {
		name       string
		break_     func()
		heal       func()
		noticed    time.Duration
		back       time.Duration
		responders bool // whether a request during the fault is told so at once
	}{
		{"reset", a.Proxy.Cut, a.Proxy.Heal, time.Second, 3 * time.Second, true},
		{"black hole", a.Proxy.BlackHole, a.Proxy.Heal, 5 * time.Second, 4 * time.Second, true},
		{"hub down", l.Stop, l.Start, time.Second, 3 * time.Second, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.break_()
			within(t, "noticed", latticetest.Took(t, "the loss", func() bool { return !a.Up() }), tc.noticed)
			_, err := nc.Request(ask, nil, time.Second)
			if !errors.Is(err, nats.ErrNoResponders) {
				t.Errorf("a request meanwhile: %v", err)
			}
			tc.heal()
			within(t, "up", latticetest.Took(t, "the link", a.Up), tc.back)
			within(t, "answers", latticetest.Took(t, "answers", works), tc.back)
		})
	}
}

func TestLinkToldOfEachChange(t *testing.T) {
	l := latticetest.Hub(t)
	a := l.Leaf("a")
	var up, down, ended atomic.Int32
	a.OnLink(func(is bool) {
		if is {
			up.Add(1)
		} else {
			down.Add(1)
		}
	})
	remove := a.OnLink(func(bool) { ended.Add(1) })
	if up.Load() != 1 || ended.Load() != 1 {
		t.Error("not told that the link is up")
	}
	remove()
	a.Proxy.Cut()
	latticetest.WaitFor(t, "word of the loss", func() bool { return down.Load() == 1 })
	a.Proxy.Heal()
	latticetest.WaitFor(t, "word of the link", func() bool { return up.Load() == 2 })
	if ended.Load() != 1 {
		t.Error("told after the end")
	}
}

func TestSlowLinkStaysUp(t *testing.T) {
	l := latticetest.Hub(t)
	a := l.Leaf("a")
	answer(t, l.Conn(bus.RoleService), "evt.>", "ok")
	subject := "evt." + a.ID() + ".x"
	nc := a.Conn()
	reaches(t, nc, subject)
	a.Proxy.Delay(100 * time.Millisecond)
	a.Proxy.Throttle(1 << 20)
	since := a.State().Since
	start := time.Now()
	if _, err := nc.Request(subject, make([]byte, bus.MaxMessage), 10*time.Second); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("the proxy delayed nothing: %s", took)
	}
	if !a.Up() || !a.State().Since.Equal(since) {
		t.Error("the link was lost")
	}
}

// newBucket is a bucket of the hub, and a way to write to it.
func newBucket(t testing.TB, l *latticetest.Lattice, name string) *bus.Bucket {
	t.Helper()
	b, err := bus.OpenBucket(latticetest.Context(t), l.Conn(bus.RoleService), bus.BucketConfig{Name: name, MaxValue: 1 << 10, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWatchOverALeafCatchesUpAfterAnOutage(t *testing.T) {
	l := latticetest.Hub(t)
	links := newBucket(t, l, "links")
	a := l.Leaf("a")
	theirs, err := bus.UseBucket(a.Conn(), "links")
	if err != nil {
		t.Fatal(err)
	}
	w, err := theirs.Watch(latticetest.Context(t), latticetest.Log(t), func([]bus.Record) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	put := func(key string) uint64 {
		t.Helper()
		rev, err := links.Put(latticetest.Context(t), key, []byte("v"), 0)
		if err != nil {
			t.Fatal(err)
		}
		return rev
	}
	await := func(key string, rev uint64) {
		t.Helper()
		if err := w.Await(latticetest.Context(t), key, rev); err != nil {
			t.Fatal(err)
		}
	}
	await("live", put("live"))
	for i, fault := range []func(){a.Proxy.Cut, a.Proxy.BlackHole} {
		fault()
		if i == 1 {
			w.Resync() // its snapshot gets lost, and must not hold up the one after the fault
		}
		a.WaitDown()
		key := fmt.Sprint("missed-", i)
		rev := put(key)
		a.Proxy.Heal()
		a.WaitUp()
		start := time.Now()
		await(key, rev)
		within(t, "caught up", time.Since(start), time.Second)
		key = fmt.Sprint("live-", i)
		await(key, put(key))
	}
}

func TestWatchOverALeafStartsWithoutAHub(t *testing.T) {
	l := latticetest.Hub(t)
	rev, err := newBucket(t, l, "links").Put(latticetest.Context(t), "k", []byte("v"), 0)
	if err != nil {
		t.Fatal(err)
	}
	a := l.Join("a", nil)
	a.Proxy.Cut()
	a.Start()
	theirs, err := bus.UseBucket(a.Conn(), "links")
	if err != nil {
		t.Fatal(err)
	}
	w, err := theirs.Follow(latticetest.Log(t), func([]bus.Record) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	a.Proxy.Heal()
	if err := w.Await(latticetest.Context(t), "k", rev); err != nil {
		t.Error(err)
	}
}

func TestWatchdogMendsALinkThatDoesNotComeUp(t *testing.T) {
	l := latticetest.Hub(t)
	a := l.Join("a", nil)
	a.Proxy.BlackHole() // the port takes connections, and that is all
	a.Start(func(cfg *bus.LeafConfig) { cfg.Watchdog = 100 * time.Millisecond })
	var restarts atomic.Int32
	nc := a.Conn(nats.ReconnectHandler(func(*nats.Conn) { restarts.Add(1) }))
	latticetest.WaitFor(t, "a restart of the local server", func() bool { return restarts.Load() > 0 })
	latticetest.WaitFor(t, "the connection to come back", nc.IsConnected)
	a.Proxy.Heal()
	a.WaitUp()
	answer(t, nc, "loc.x", "ok")
	if _, err := nc.Request("loc.x", nil, time.Second); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
}

func TestLinkToAHubThatTakesInNobodyIsUpAllTheSame(t *testing.T) {
	l := latticetest.Hub(t)
	a := l.Join("a", nil)
	l.Enroll.Close()
	l.Enroll = nil
	a.Start()
	a.WaitUp()
	answer(t, l.Conn(bus.RoleService), "evt.>", "ok")
	reaches(t, a.Conn(), "evt."+a.ID()+".x")
}

func TestLinkThatCarriesNothingIsSetUpAnew(t *testing.T) {
	l := latticetest.Hub(t, latticetest.HostTTL(16*time.Second)) // the hub is asked every eighth of that
	a := l.Leaf("a")
	since := a.State().Since
	l.Enroll.Close()
	l.Enroll = nil
	mute, err := l.Conn(bus.RoleService).Subscribe("enroll.>", func(*nats.Msg) {}) // somebody is there, and answers no more
	if err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "a new link", func() bool { return a.State().Since.After(since) })
	if err := mute.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	a.WaitUp()
}
