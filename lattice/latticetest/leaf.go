package latticetest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Leaf is a host that has joined the lattice by a token, over a proxy of its own.
type Leaf struct {
	*bus.Leaf
	Proxy      *Proxy
	Membership *bus.Membership
	Dir        string // of its JetStream store

	t   testing.TB
	cfg bus.LeafConfig
}

// Leaf has a host of that name join, and returns when its link is up.
func (l *Lattice) Leaf(name string) *Leaf {
	l.t.Helper()
	leaf := l.Join(name, nil)
	leaf.Start()
	leaf.WaitUp()
	return leaf
}

// Leaves is Leaf for n hosts, named host-0 and so on.
func (l *Lattice) Leaves(n int) []*Leaf {
	l.t.Helper()
	leaves := make([]*Leaf, n)
	for i := range leaves {
		leaves[i] = l.Leaf("host-" + string(rune('0'+i)))
	}
	return leaves
}

// Join has a host join without starting it.
func (l *Lattice) Join(name string, labels map[string]string) *Leaf {
	l.t.Helper()
	proxy := NewProxy(l.t, strings.TrimPrefix(l.leafURL, "tls://"))
	hubs := []string{"tls://" + proxy.Addr()}
	token, err := bus.NewToken(l.Identity, bus.TokenConfig{Name: name, Labels: labels, Hubs: hubs, Pin: l.Pin()})
	if err != nil {
		l.t.Fatal(err)
	}
	key, err := bus.NewHostKey()
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	m, err := bus.Enroll(ctx, token, key)
	if err != nil {
		l.t.Fatal(err)
	}
	m.Hubs = hubs // not round the proxy
	leaf := &Leaf{Proxy: proxy, Membership: m, Dir: filepath.Join(l.t.TempDir(), name), t: l.t, cfg: m.Leaf()}
	leaf.cfg.Dir, leaf.cfg.Log = leaf.Dir, Log(l.t)
	return leaf
}

// Start starts the host; it ends with the test. Each change may alter how.
func (l *Leaf) Start(changes ...func(*bus.LeafConfig)) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for _, change := range changes {
		change(&l.cfg)
	}
	leaf, err := bus.StartLeaf(ctx, l.cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	l.Leaf = leaf
	l.t.Cleanup(func() { l.stop(leaf) })
}

// Stop ends the host; Start may follow. It is no error if it has ended already.
func (l *Leaf) Stop() {
	l.t.Helper()
	l.stop(l.Leaf)
}

func (l *Leaf) stop(leaf *bus.Leaf) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := leaf.Shutdown(ctx); err != nil {
		l.t.Error(err)
	}
}

// WaitUp waits for the link.
func (l *Leaf) WaitUp() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := l.Leaf.WaitUp(ctx); err != nil {
		l.t.Fatal(err)
	}
}

// WaitDown waits until the leaf knows that its link is gone.
func (l *Leaf) WaitDown() {
	l.t.Helper()
	WaitFor(l.t, "the loss of the link", func() bool { return !l.State().Up })
}

// Conn connects within the host; it is closed when the test ends.
func (l *Leaf) Conn(opts ...nats.Option) *nats.Conn {
	l.t.Helper()
	nc, err := l.Connect(opts...)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(nc.Close)
	return nc
}

// Took is how long the condition took to hold.
func Took(t testing.TB, what string, cond func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	WaitFor(t, what, cond)
	return time.Since(start)
}
