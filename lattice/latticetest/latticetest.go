// Package latticetest gives tests a real lattice: an embedded hub in a temporary directory, connections of each role, and hosts
// that join as leaves through a proxy that can break the way between them. It fakes nothing.
//
// When a test ends, the connections are closed, leaves and hub are shut down, and the test fails if goroutines that it started
// are left.
package latticetest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Patience is how long WaitFor waits, and the time that the start and end of a hub may take.
const Patience = 20 * time.Second

// Lattice is a running hub and all that a test needs to connect to it.
type Lattice struct {
	*bus.Hub
	Identity *bus.Identity
	Enroll   *bus.Enrollment // takes in hosts
	Dir      string          // of the JetStream store

	t       testing.TB
	listen  string // of the first start; Restart keeps it
	leafURL string // likewise
	cfg     bus.EnrollConfig
}

// Hub starts a lattice that ends with the test.
func Hub(t testing.TB, opts ...Option) *Lattice {
	t.Helper()
	NoLeaks(t)
	id, err := bus.NewIdentity("test")
	if err != nil {
		t.Fatal(err)
	}
	l := &Lattice{Identity: id, Dir: filepath.Join(t.TempDir(), "hub"), t: t, cfg: bus.EnrollConfig{TTL: hostTTL, Log: Log(t)}}
	for _, o := range opts {
		o(l)
	}
	l.start("127.0.0.1:0", "127.0.0.1:0")
	l.listen, l.leafURL = strings.TrimPrefix(l.ClientURL(), "nats://"), l.LeafURLs()[0]
	t.Cleanup(l.Stop)
	return l
}

// Option changes how Hub starts.
type Option func(*Lattice)

// HostTTL is how long credentials of hosts count; an hour unless given.
func HostTTL(d time.Duration) Option { return func(l *Lattice) { l.cfg.TTL = d } }

const hostTTL = time.Hour

func (l *Lattice) start(listen, leafListen string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	var err error
	l.Hub, err = bus.StartHub(ctx, bus.HubConfig{Identity: l.Identity, Dir: l.Dir, Listen: listen, LeafListen: leafListen, Log: Log(l.t)})
	if err != nil {
		l.t.Fatal(err)
	}
	if l.Enroll, err = l.ServeEnroll(ctx, l.cfg); err != nil {
		l.t.Fatal(err)
	}
}

// Stop shuts the hub down. It is no error if it is down already.
func (l *Lattice) Stop() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if l.Enroll != nil {
		l.Enroll.Close()
		l.Enroll = nil
	}
	if err := l.Shutdown(ctx); err != nil {
		l.t.Error(err)
	}
}

// Restart shuts the hub down and starts it again with its state, at the same addresses. Connections by TCP and leaves come back;
// connections in the hub's process do not.
func (l *Lattice) Restart() {
	l.t.Helper()
	l.Stop()
	l.Start()
}

// Start starts the hub again after Stop.
func (l *Lattice) Start() {
	l.t.Helper()
	l.start(l.listen, strings.TrimPrefix(l.leafURL, "tls://"))
}

// User makes a user of the role.
func (l *Lattice) User(role bus.Role) *bus.User {
	l.t.Helper()
	u, err := l.Identity.User(role, "test-"+string(role), 0)
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

// Conn connects a new user of the role, within the process; it is closed when the test ends.
func (l *Lattice) Conn(role bus.Role, opts ...nats.Option) *nats.Conn {
	l.t.Helper()
	return l.ConnAs(l.User(role), opts...)
}

// ConnAs is Conn for a user that there is already.
func (l *Lattice) ConnAs(u *bus.User, opts ...nats.Option) *nats.Conn {
	l.t.Helper()
	return l.keep(l.Connect(u, opts...))
}

// TCP is Conn over the loopback interface. A service may not connect so.
func (l *Lattice) TCP(role bus.Role, opts ...nats.Option) *nats.Conn {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	return l.keep(bus.Connect(ctx, "nats://"+l.listen, l.User(role), opts...))
}

func (l *Lattice) keep(nc *nats.Conn, err error) *nats.Conn {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(nc.Close)
	return nc
}

// WaitFor waits until the condition holds, and ends the test if it does not within Patience.
func WaitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain for: %s", Patience, what)
		}
	}
}

// Context ends when the test has had enough time.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Log writes to the test's log until the test ends.
func Log(t testing.TB) *slog.Logger {
	w := &testWriter{t: t}
	t.Cleanup(func() { w.ended.Store(true) })
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type testWriter struct {
	t     testing.TB
	ended atomic.Bool
}

func (w *testWriter) Write(b []byte) (int, error) {
	if !w.ended.Load() {
		w.t.Logf("%s", b)
	}
	return len(b), nil
}

// FreePort is an address on the loopback interface that nobody listened on a moment ago.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// NoLeaks fails the test if, at its end and after all later cleanups, goroutines are left that it started. It tells them by a
// profiler label, which they inherit; so it may be used in parallel tests. (The NATS server sets labels of its own, so its
// goroutines do not count.)
func NoLeaks(t testing.TB) {
	name := fmt.Sprintf("%s@%d", t.Name(), time.Now().UnixNano()) // several may be under way in one test
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("latticetest", name)))
	t.Cleanup(func() {
		pprof.SetGoroutineLabels(context.Background())
		left := ""
		for end := time.Now().Add(Patience / 10); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if left = labelled(name); left == "" {
				return
			}
		}
		t.Errorf("goroutines are left:\n%s", left)
	})
}

// upstreamLeak is a goroutine of nats.go v1.55.0 that waits for ever on a nil channel if an object store's Put ends before it
// was first scheduled.
const upstreamLeak = "resetPendingAcksOnReconnect"

// labelled is the stacks of the goroutines with the label.
func labelled(name string) string {
	var all, found strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return err.Error()
	}
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, fmt.Sprintf("%q:%q", "latticetest", name)) && !strings.Contains(stack, upstreamLeak) {
			found.WriteString(stack + "\n")
		}
	}
	return found.String()
}
