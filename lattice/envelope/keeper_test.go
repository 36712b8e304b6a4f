package envelope_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func trustOf(t *testing.T, id *bus.Identity) envelope.Trust {
	t.Helper()
	trust, err := envelope.TrustOf(id)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func TestHostTakesTrustOverFromAdministratorsOnlyAndKeepsIt(t *testing.T) {
	l := latticetest.Hub(t)
	ctx, service, admin := latticetest.Context(t), l.Conn(bus.RoleService), l.User(bus.RoleAdmin)
	path := filepath.Join(t.TempDir(), "host", "trust.json")
	leaf := l.Leaf("pi")
	nc := leaf.Conn()
	soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := envelope.Keep(soon, nc, leaf.User(), path, latticetest.Log(t)); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("before the hub has said anything: %v", err)
	}
	first := trustOf(t, l.Identity)
	if err := first.Publish(ctx, service, admin); err != nil {
		t.Fatal(err)
	}
	k, err := envelope.Keep(ctx, nc, leaf.User(), path, latticetest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	if k.Trust().Lattice != l.Identity.ID() || !slices.Equal(k.Trust().Roles[bus.RoleAdmin], first.Roles[bus.RoleAdmin]) {
		t.Errorf("the host trusts %+v", k.Trust())
	}

	stranger, err := bus.NewIdentity("stranger")
	if err != nil {
		t.Fatal(err)
	}
	eve, err := stranger.User(bus.RoleAdmin, "eve", 0)
	if err != nil {
		t.Fatal(err)
	}
	evil := trustOf(t, stranger)
	evil.Lattice = l.Identity.ID() // a hub that was turned makes keys of its own for this lattice
	if err := evil.Publish(ctx, service, eve); !errors.Is(err, envelope.ErrForeign) {
		t.Errorf("by a credential of another lattice: %v", err)
	}
	second := first.With(map[bus.Role][]string{bus.RoleAdmin: evil.Roles[bus.RoleAdmin]})
	if err := second.Publish(ctx, service, l.User(bus.RoleView)); !errors.Is(err, envelope.ErrRole) {
		t.Errorf("by a viewer: %v", err)
	}
	if err := second.Publish(ctx, service, admin); err != nil {
		t.Fatal(err)
	}
	has := func(k *envelope.Keeper) func() bool {
		return func() bool { return len(k.Trust().Roles[bus.RoleAdmin]) == 2 }
	}
	latticetest.WaitFor(t, "the new key to arrive", has(k))
	k.Close()

	leaf.Proxy.Cut()
	leaf.WaitDown()
	soon, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if k, err = envelope.Keep(soon, nc, leaf.User(), path, latticetest.Log(t)); err != nil || !has(k)() {
		t.Fatalf("without the hub: %v", err)
	}
	third := second
	third.Revoked = map[string]int64{eve.ID: 1}
	if err := third.Publish(ctx, service, admin); err != nil {
		t.Fatal(err)
	}
	leaf.Proxy.Heal()
	leaf.WaitUp()
	if err := k.Follow(ctx, nc); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the revocation to arrive", func() bool { return len(k.Trust().Revoked) == 1 })
	k.Close()

	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.Keep(ctx, nc, leaf.User(), path, latticetest.Log(t)); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("a damaged file: %v", err)
	}
}

// The hub's own process may write what it likes into the bucket.
func TestHubCannotChangeWhomAHostTrusts(t *testing.T) {
	l := latticetest.Hub(t)
	ctx, service := latticetest.Context(t), l.Conn(bus.RoleService)
	admin, trust := l.User(bus.RoleAdmin), trustOf(t, l.Identity)
	if err := trust.Publish(ctx, service, admin); err != nil {
		t.Fatal(err)
	}
	bucket, err := bus.UseBucket(service, "trust")
	if err != nil {
		t.Fatal(err)
	}
	before, err := bucket.Get(ctx, "roles")
	if err != nil {
		t.Fatal(err)
	}
	withKey := trust.With(map[bus.Role][]string{bus.RoleAdmin: {"AEVIL"}})
	if err := withKey.Publish(ctx, service, admin); err != nil {
		t.Fatal(err)
	}
	u := l.User(bus.RoleHost)
	k, err := envelope.Keep(ctx, l.ConnAs(u), u, filepath.Join(t.TempDir(), "trust.json"), latticetest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	signed, err := envelope.Seal(l.User(bus.RoleHost), "trust/roles", 0, 0, []byte(`{"lattice":"`+trust.Lattice+`","roles":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range [][]byte{before.Value, []byte(`{"lattice":"x"}`), signed, consistent(t, trust.Lattice)} { // an older one, one that is not signed, one by a host
		rev, err := bucket.Put(ctx, "roles", value, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Await(ctx, rev); err != nil {
			t.Fatal(err)
		}
		if n := len(k.Trust().Roles[bus.RoleAdmin]); n != 2 {
			t.Fatalf("it trusts %+v after %.200q", k.Trust(), value)
		}
	}
	last := trust.With(map[bus.Role][]string{bus.RoleAdmin: {"ALAST", "AEVIL"}})
	if err := last.Publish(ctx, service, admin); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the administrator's version", func() bool { return len(k.Trust().Roles[bus.RoleAdmin]) == 3 })

	stranger, err := bus.NewIdentity("stranger")
	if err != nil {
		t.Fatal(err)
	}
	other, err := stranger.User(bus.RoleHost, "pi", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.Keep(ctx, l.ConnAs(u), other, filepath.Join(t.TempDir(), "trust.json"), latticetest.Log(t)); !errors.Is(err, envelope.ErrForeign) {
		t.Errorf("a host of another lattice: %v", err)
	}
}

// consistent is a trust of that lattice that somebody made up, with keys of his own, and signed with one of them.
func consistent(t *testing.T, id string) []byte {
	t.Helper()
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	pub, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	userID, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	c := jwt.NewUserClaims(userID)
	c.IssuerAccount = id
	token, err := c.Encode(key)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	u, err := bus.ParseCreds(creds)
	if err != nil {
		t.Fatal(err)
	}
	value, err := envelope.Seal(u, "trust/roles", 0, 0, []byte(`{"lattice":"`+id+`","roles":{"admin":["`+pub+`"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
