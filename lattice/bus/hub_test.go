package bus_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func startHub(t testing.TB, cfg bus.HubConfig) *bus.Hub {
	t.Helper()
	if cfg.Identity == nil {
		cfg.Identity = newIdentity(t)
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	hub, err := bus.StartHub(latticetest.Context(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hub.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return hub
}

func wantError(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
}

func TestPortInUseIsSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	_, err = bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t), Dir: t.TempDir(), Listen: addr})
	wantError(t, err, lattice.ErrConflict, addr, "another program", "another port")

	other := startHub(t, bus.HubConfig{Name: "kitchen"})
	addr = strings.TrimPrefix(other.ClientURL(), "nats://")
	_, err = bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t), Dir: t.TempDir(), Listen: addr})
	wantError(t, err, lattice.ErrConflict, addr, `NATS server ("kitchen")`)
}

func TestStoreIsForOneHubAtATime(t *testing.T) {
	dir, id := t.TempDir(), newIdentity(t)
	hub := startHub(t, bus.HubConfig{Identity: id, Dir: dir})
	_, err := bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: id, Dir: dir})
	wantError(t, err, lattice.ErrConflict, dir, "another process")
	if err := hub.Shutdown(latticetest.Context(t)); err != nil {
		t.Fatal(err)
	}
	startHub(t, bus.HubConfig{Identity: id, Dir: dir})
}

func TestUnusableDirectoryIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t), Dir: filepath.Join(file, "hub")})
	wantError(t, err, lattice.ErrUnavailable, file)
	_, err = bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t)})
	wantError(t, err, lattice.ErrInvalid)
	if runtime.GOOS == "linux" {
		_, err = bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t), Dir: "/proc/self/hub"})
		wantError(t, err, lattice.ErrNotFound, "/proc/self/hub")
	}
	if os.Getuid() != 0 {
		dir := t.TempDir()
		chmod(t, dir, 0o500)
		_, err = bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t), Dir: dir})
		wantError(t, err, lattice.ErrDenied, dir)
	}
}

func TestListensOnLoopbackUnlessAsked(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		_, err := bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t), Dir: t.TempDir(), Listen: addr})
		wantError(t, err, lattice.ErrDenied, addr, "other machines")
	}
	_, err := bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t), Dir: t.TempDir(), Listen: "nonsense"})
	wantError(t, err, lattice.ErrInvalid, "nonsense")

	hub := startHub(t, bus.HubConfig{Listen: ":0", Public: true})
	if !strings.HasPrefix(hub.ClientURL(), "nats://") {
		t.Errorf("public hub at %q", hub.ClientURL())
	}
	if url := startHub(t, bus.HubConfig{}).ClientURL(); !strings.HasPrefix(url, "nats://127.0.0.1:") {
		t.Errorf("by default at %q", url)
	}
}

func TestOnlyHoldersOfCredentialsGetIn(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	if nc, err := nats.Connect(l.ClientURL()); err == nil {
		nc.Close()
		t.Error("no credential was enough")
	}
	if nc, err := nats.Connect(l.ClientURL(), nats.UserInfo("admin", "admin")); err == nil {
		nc.Close()
		t.Error("a password was enough")
	}
	stranger, err := newIdentity(t).User(bus.RoleAdmin, "stranger", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = bus.Connect(ctx, l.ClientURL(), stranger)
	wantError(t, err, lattice.ErrDenied, l.ClientURL(), "another lattice")

	mine, other := l.User(bus.RoleAdmin), l.User(bus.RoleAdmin)
	mixed := mixUp(t, mine, other)
	_, err = bus.Connect(ctx, l.ClientURL(), mixed)
	wantError(t, err, lattice.ErrDenied)

	for _, r := range []bus.Role{bus.RoleService, bus.RoleHost} {
		_, err = bus.Connect(ctx, l.ClientURL(), l.User(r))
		wantError(t, err, lattice.ErrDenied) // worthless outside the process
	}
}

// mixUp is a's JWT with b's key.
func mixUp(t *testing.T, a, b *bus.User) *bus.User {
	t.Helper()
	ac, err := a.Creds()
	if err != nil {
		t.Fatal(err)
	}
	as, _ := a.Seed()
	bs, _ := b.Seed()
	u, err := bus.ParseCreds([]byte(strings.Replace(string(ac), string(as), string(bs), 1)))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestExpiredCredentialEndsTheConnection(t *testing.T) {
	l := latticetest.Hub(t)
	u, err := l.Identity.User(bus.RoleAdmin, "short", 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := bus.Connect(latticetest.Context(t), l.ClientURL(), u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	latticetest.WaitFor(t, "the hub to end the connection", func() bool { return !nc.IsConnected() })
	latticetest.WaitFor(t, "the credential to be refused", func() bool { // the hub counts in whole seconds
		var again *nats.Conn
		if again, err = bus.Connect(latticetest.Context(t), l.ClientURL(), u); err == nil {
			again.Close()
		}
		return err != nil
	})
	wantError(t, err, lattice.ErrDenied, "expired")
}

func TestConnectEndsWhenNobodyAnswers(t *testing.T) {
	id := newIdentity(t)
	u, err := id.User(bus.RoleView, "v", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = bus.Connect(latticetest.Context(t), "nats://"+latticetest.FreePort(t), u)
	wantError(t, err, lattice.ErrUnavailable, "wattle up")

	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = bus.Connect(ctx, "nats://"+mute.Addr().String(), u)
	wantError(t, err, lattice.ErrUnavailable)
	_, err = bus.Connect(ctx, "nats://"+mute.Addr().String(), u) // the context has ended
	wantError(t, err, lattice.ErrUnavailable)
}

func BenchmarkStartHub(b *testing.B) {
	id, dir := newIdentity(b), b.TempDir()
	for b.Loop() {
		hub, err := bus.StartHub(context.Background(), bus.HubConfig{Identity: id, Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := hub.Shutdown(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
