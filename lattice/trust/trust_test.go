package trust

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func issuer(t testing.TB) string {
	t.Helper()
	kp, err := nkeys.CreateAccount()
	fatal(t, err)
	id, err := kp.PublicKey()
	fatal(t, err)
	return id
}

func commands(t testing.TB, id *bus.Identity) envelope.Trust {
	t.Helper()
	c, err := envelope.TrustOf(id)
	fatal(t, err)
	return c
}

func TestAHostLearnsWhomToTrustAndKnowsItWithoutItsHub(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	p, err := NewPublisher(ctx, l.Conn(bus.RoleService), l.Identity)
	fatal(t, err)
	one, two := issuer(t), issuer(t)
	fatal(t, p.Publish(ctx, claims.Roots{one: "one"}, commands(t, l.Identity)))
	leaf := l.Leaf("pi")
	file := filepath.Join(t.TempDir(), "trust.json")
	f, err := Follow(leaf.Conn(), leaf.User().Lattice(), file, slog.New(slog.DiscardHandler))
	fatal(t, err)
	fatal(t, f.Wait(ctx))
	if !f.SignerOf(one, one) || f.NameOf(one) != "one" || f.SignerOf(two, two) || f.SignerOf(two, one) || f.Commands().Lattice != l.Identity.ID() {
		t.Errorf("the first record: %+v", f.record.Load())
	}
	fatal(t, p.Publish(ctx, claims.Roots{one: "one", two: "two"}, commands(t, l.Identity)))
	latticetest.WaitFor(t, "the second issuer", func() bool { return f.SignerOf(two, two) })
	fatal(t, p.Publish(ctx, claims.Roots{two: "two"}, commands(t, l.Identity)))
	latticetest.WaitFor(t, "the first one to go", func() bool { return !f.SignerOf(one, one) })
	f.Close()
	leaf.Proxy.Cut()
	leaf.WaitDown()
	again, err := Follow(leaf.Conn(), leaf.User().Lattice(), file, slog.New(slog.DiscardHandler))
	fatal(t, err)
	defer again.Close()
	if !again.SignerOf(two, two) || again.SignerOf(one, one) {
		t.Error("without the hub it does not know what it knew")
	}
}

// The hub that holds the bucket is taken over here: whoever writes there without the lattice's key is not believed, nor is an older record.
func TestATurnedHubCanNeitherAddAnIssuerNorGoBack(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	nc := l.Conn(bus.RoleService)
	p, err := NewPublisher(ctx, nc, l.Identity)
	fatal(t, err)
	one, rogue := issuer(t), issuer(t)
	fatal(t, p.Publish(ctx, claims.Roots{one: "one", rogue: "was trusted once"}, commands(t, l.Identity)))
	b, err := bus.UseBucket(nc, bucketName)
	fatal(t, err)
	old, err := b.Get(ctx, recordKey)
	fatal(t, err)
	fatal(t, p.Publish(ctx, claims.Roots{one: "one"}, commands(t, l.Identity)))
	f, err := Follow(nc, l.Identity.ID(), filepath.Join(t.TempDir(), "trust"), slog.New(slog.DiscardHandler))
	fatal(t, err)
	defer f.Close()
	fatal(t, f.Wait(ctx))
	other, err := bus.NewIdentity("other")
	fatal(t, err)
	forged, err := seal(other, Record{Revision: 1 << 60, Issuers: claims.Roots{rogue: "rogue"}, Commands: commands(t, other)})
	fatal(t, err)
	for what, value := range map[string][]byte{"older": old.Value, "forged": forged, "junk": []byte("junk"), "empty": nil} {
		rev, err := b.Put(ctx, recordKey, value, 0)
		fatal(t, err)
		fatal(t, f.watcher.Await(ctx, recordKey, rev))
		if !f.SignerOf(one, one) || f.SignerOf(rogue, rogue) {
			t.Errorf("%s: believed", what)
		}
	}
	if _, err := b.Delete(ctx, recordKey, 0); err != nil {
		t.Fatal(err)
	}
	fatal(t, p.Publish(ctx, claims.Roots{one: "still"}, commands(t, l.Identity)))
	latticetest.WaitFor(t, "the name", func() bool { return f.NameOf(one) == "still" })
}

func TestEveryAlteredByteOfARecordIsRefused(t *testing.T) {
	id, err := bus.NewIdentity("test")
	fatal(t, err)
	value, err := seal(id, Record{Revision: 7, Issuers: claims.Roots{issuer(t): "a"}, Commands: commands(t, id)})
	fatal(t, err)
	if r, err := open(id.ID(), value); err != nil || r.Revision != 7 {
		t.Fatal(r, err)
	}
	for i := range value {
		damaged := bytes.Clone(value)
		damaged[i] ^= 1
		if _, err := open(id.ID(), damaged); !errors.Is(err, lattice.ErrDenied) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if _, err := seal(id, Record{Revision: 1, Issuers: claims.Roots{"nobody": "x"}, Commands: commands(t, id)}); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("an issuer that is none: %v", err)
	}
}

func TestADamagedFileIsLeftOutUntilTheHubTells(t *testing.T) {
	l := latticetest.Hub(t)
	file := filepath.Join(t.TempDir(), "trust")
	fatal(t, os.WriteFile(file, []byte("damaged"), 0o600))
	f, err := Follow(l.Conn(bus.RoleService), l.Identity.ID(), file, slog.New(slog.DiscardHandler))
	fatal(t, err)
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Wait(ctx); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("with nothing known: %v", err)
	}
	if id := issuer(t); f.SignerOf(id, id) {
		t.Error("somebody is trusted")
	}
}

func FuzzOpen(f *testing.F) {
	id, err := bus.NewIdentity("test")
	fatal(f, err)
	value, err := seal(id, Record{Revision: 7, Issuers: claims.Roots{issuer(f): "a"}, Commands: commands(f, id)})
	fatal(f, err)
	f.Add(value)
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := open(id.ID(), b); err == nil && !bytes.Equal(b, value) {
			t.Fatalf("believed %q", b)
		}
	})
}
