package bus_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func waitStopped(t testing.TB, leaf *latticetest.Leaf) bus.LinkState {
	t.Helper()
	latticetest.WaitFor(t, "the leaf to give up", func() bool { return leaf.State().Stopped })
	return leaf.State()
}

// waitRefused waits for the hub's word; before it is there, the state may say that nobody answers.
func waitRefused(t testing.TB, leaf *latticetest.Leaf) error {
	t.Helper()
	latticetest.WaitFor(t, "the refusal", func() bool { return errors.Is(leaf.State().Err, lattice.ErrDenied) })
	return leaf.State().Err
}

func TestRevokedHostIsOutAtOnceAndStaysOut(t *testing.T) {
	l := latticetest.Hub(t)
	a, b := l.Leaf("a"), l.Leaf("b")
	var reconnects atomic.Int32
	nc := a.Conn(nats.ReconnectHandler(func(*nats.Conn) { reconnects.Add(1) }))
	answer(t, nc, "loc.x", "local")
	start := time.Now()
	if err := l.Enroll.Remove(latticetest.Context(t), a.ID()); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the loss of the link", func() bool { return !a.Up() })
	within(t, "out", time.Since(start), time.Second)
	state := waitStopped(t, a)
	wantError(t, state.Err, lattice.ErrDenied, "revoked", "new token")
	if _, err := a.Conn().Request("loc.x", nil, time.Second); err != nil || reconnects.Load() > 0 {
		t.Errorf("what is local was disturbed: %v, %d reconnects", err, reconnects.Load())
	}
	if !b.Up() {
		t.Error("another host was hit")
	}
	if all, err := l.Enroll.Members(latticetest.Context(t)); err != nil || len(all) != 1 || all[0].ID != b.ID() {
		t.Errorf("members %v, %v", all, err)
	}

	a.Stop()
	l.Restart() // the hub remembers
	a.Start()
	wantError(t, waitRefused(t, a), lattice.ErrDenied)
	if l.NumLeaves() > 1 {
		t.Error("a revoked host is in")
	}
	checkMode(t, filepath.Join(l.Dir, "revoked.json"), 0o600)
}

func TestRemovedHostMayBeInvitedAgain(t *testing.T) {
	l := latticetest.Hub(t)
	a := l.Join("a", nil)
	if err := l.Enroll.Remove(latticetest.Context(t), a.Membership.User.ID); err != nil {
		t.Fatal(err)
	}
	removed := time.Now().Unix() // credentials carry whole seconds
	latticetest.WaitFor(t, "the next second", func() bool { return time.Now().Unix() > removed })
	m, err := bus.Enroll(latticetest.Context(t), newToken(t, l, nil), a.Membership.User)
	if err != nil || m.User.ID != a.Membership.User.ID {
		t.Fatal(m, err)
	}
	a.Start(func(cfg *bus.LeafConfig) { cfg.User = m.User })
	a.WaitUp()
}

func TestDamagedRevocationsStopTheHub(t *testing.T) {
	dir, id := t.TempDir(), newIdentity(t)
	if err := os.WriteFile(filepath.Join(dir, "revoked.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: id, Dir: dir})
	wantError(t, err, lattice.ErrInvalid, "revoked.json")
	hub := startHub(t, bus.HubConfig{Identity: id})
	wantError(t, hub.Revoke("x"), lattice.ErrInvalid)
}

func TestHostRenewsAtHalfLifeAndStaysWhenTheFirstCredentialEnds(t *testing.T) {
	const ttl = 4 * time.Second
	l := latticetest.Hub(t, latticetest.HostTTL(ttl))
	a := l.Join("a", nil)
	renewed := make(chan *bus.User, 10)
	a.Start(func(cfg *bus.LeafConfig) { cfg.OnRenew = func(u *bus.User) { renewed <- u } })
	first := a.Membership.User
	select {
	case u := <-renewed:
		if u.ID != first.ID || !u.Expires().After(first.Expires()) {
			t.Errorf("renewed until %s, before until %s", u.Expires(), first.Expires())
		}
	case <-latticetest.Context(t).Done():
		t.Fatal("not renewed")
	}
	latticetest.WaitFor(t, "the first credential to end", func() bool { return time.Now().After(first.Expires().Add(time.Second)) })
	a.WaitUp()
	if s := a.State(); s.Stopped || s.Err != nil {
		t.Errorf("state %+v", s)
	}
	if m, err := l.Enroll.Members(latticetest.Context(t)); err != nil || len(m) != 1 || m[0].Name != "a" || !m[0].Expires.After(first.Expires()) {
		t.Errorf("members %+v, %v", m, err)
	}
}

func TestExpiredHostGivesUpAndSaysSo(t *testing.T) {
	l := latticetest.Hub(t)
	u, err := l.Identity.User(bus.RoleHost, "short", 2*time.Second) // no member, so it is not renewed
	if err != nil {
		t.Fatal(err)
	}
	a := l.Join("a", nil)
	a.Start(func(cfg *bus.LeafConfig) { cfg.User = u })
	a.WaitUp()
	wantError(t, waitStopped(t, a).Err, lattice.ErrDenied, "expired", "new token")
	if !a.Conn().IsConnected() {
		t.Error("what is local has ended")
	}
}

func TestForeignCredentialIsRefusedAndSaysSo(t *testing.T) {
	l := latticetest.Hub(t)
	u, err := newIdentity(t).User(bus.RoleHost, "stranger", 0)
	if err != nil {
		t.Fatal(err)
	}
	a := l.Join("a", nil)
	for _, wrong := range []*bus.User{u, l.User(bus.RoleAdmin), l.User(bus.RoleService), mixUp(t, l.User(bus.RoleHost), l.User(bus.RoleHost))} {
		a.Start(func(cfg *bus.LeafConfig) { cfg.User = wrong })
		wantError(t, waitRefused(t, a), lattice.ErrDenied, "new token")
		a.Stop()
	}
	if n := l.NumLeaves(); n != 0 {
		t.Errorf("%d leaves", n)
	}
}

func TestHubWithAnotherKeyIsNotTrusted(t *testing.T) {
	l := latticetest.Hub(t)
	a := l.Join("a", nil)
	a.Start(func(cfg *bus.LeafConfig) { cfg.Pin[0] ^= 1 })
	wantError(t, waitRefused(t, a), lattice.ErrDenied, "another key")
	if l.NumLeaves() != 0 {
		t.Error("joined nevertheless")
	}
}

func TestRotatedKeyCountsBesideTheOldOneUntilThatRetires(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	if err := newIdentity(t).Save(dir); err != nil {
		t.Fatal(err)
	}
	id, err := bus.LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	hub := startHub(t, bus.HubConfig{Identity: id})
	connect := func(u *bus.User) error {
		nc, err := bus.Connect(latticetest.Context(t), hub.ClientURL(), u)
		if err == nil {
			nc.Close()
		}
		return err
	}
	old, err := id.User(bus.RoleAdmin, "old", 0)
	if err != nil {
		t.Fatal(err)
	}
	id, err = bus.Rotate(dir, bus.RoleAdmin)
	if err != nil {
		t.Fatal(err)
	}
	_, err = bus.Rotate(dir, bus.RoleAdmin)
	wantError(t, err, lattice.ErrConflict, "retire")
	fresh, err := id.User(bus.RoleAdmin, "new", 0)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, connect(fresh), lattice.ErrDenied) // the hub has not been told yet
	if err := hub.Trust(id); err != nil {
		t.Fatal(err)
	}
	for _, u := range []*bus.User{old, fresh} {
		if err := connect(u); err != nil {
			t.Error(err)
		}
	}
	nc, err := hub.Connect(old)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if id, err = bus.Retire(dir, bus.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if err := hub.Trust(id); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the old credential's connection to end", func() bool { return !nc.IsConnected() })
	wantError(t, connect(old), lattice.ErrDenied)
	if err := connect(fresh); err != nil {
		t.Error(err)
	}
	wantError(t, hub.Trust(newIdentity(t)), lattice.ErrInvalid, "another lattice")
	_, err = bus.Rotate(dir, "root")
	wantError(t, err, lattice.ErrInvalid)
	_, err = bus.Retire(dir, "../x")
	wantError(t, err, lattice.ErrInvalid)
}

func TestIdentityFromBeforeEnrolmentGetsAKeyForIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	if err := newIdentity(t).Save(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "role-enroll.nk")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.LoadIdentity(dir); err != nil {
		t.Fatal(err)
	}
	checkMode(t, path, 0o600)
}
