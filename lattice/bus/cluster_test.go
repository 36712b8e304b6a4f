package bus_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// cluster starts three hubs of one identity.
func cluster(t testing.TB) (id *bus.Identity, hubs []*bus.Hub, routes []string) {
	t.Helper()
	latticetest.NoLeaks(t)
	id = newIdentity(t)
	for range 3 {
		routes = append(routes, latticetest.FreePort(t))
	}
	for i := range routes {
		others := append(append([]string(nil), routes[:i]...), routes[i+1:]...)
		hubs = append(hubs, startHub(t, bus.HubConfig{Identity: id, Name: fmt.Sprint("hub-", i), LeafListen: "127.0.0.1:0",
			Cluster: &bus.ClusterConfig{Listen: routes[i], Routes: others}}))
	}
	return id, hubs, routes
}

// serveEnroll waits until the hubs have chosen which of them leads the buckets: before that nobody can be taken in.
func serveEnroll(t *testing.T, h *bus.Hub, cfg bus.EnrollConfig) (e *bus.Enrollment) {
	t.Helper()
	latticetest.WaitFor(t, "the hub to take hosts in", func() bool {
		var err error
		e, err = h.ServeEnroll(latticetest.Context(t), cfg)
		return err == nil
	})
	return e
}

func TestThreeHubsAreOneLattice(t *testing.T) {
	id, hubs, routes := cluster(t)
	ctx := latticetest.Context(t)
	serve := func(h *bus.Hub) *bus.Enrollment {
		return serveEnroll(t, h, bus.EnrollConfig{Log: latticetest.Log(t)})
	}
	first, second := serve(hubs[0]), serve(hubs[1])
	t.Cleanup(second.Close)
	var urls []string
	for _, h := range hubs {
		if h.Pin() != hubs[0].Pin() {
			t.Error("hubs of one identity have several pins")
		}
		urls = append(urls, h.LeafURLs()...)
	}
	token, err := bus.NewToken(id, bus.TokenConfig{Name: "a", Hubs: urls, Pin: hubs[0].Pin()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := bus.Enroll(ctx, token, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = bus.Enroll(ctx, token, newKey(t)) // whichever of them answers
	wantError(t, err, lattice.ErrConflict, "used")
	cfg := m.Leaf()
	cfg.Hubs, cfg.Log = urls, latticetest.Log(t)
	leaf, err := bus.StartLeaf(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = leaf.Shutdown(context.Background()) })
	if err := leaf.WaitUp(ctx); err != nil {
		t.Fatal(err)
	}
	nc, err := leaf.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	members, err := bus.UseBucket(nc, bus.MembersBucket)
	if err != nil {
		t.Fatal(err)
	}
	read := func() bool {
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		got, err := bus.GetMember(short, members, leaf.ID())
		return err == nil && got.Name == "a"
	}
	latticetest.WaitFor(t, "the record of the member", read)

	first.Close()
	if err := hubs[0].Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	within(t, "state without one hub", latticetest.Took(t, "the record without one hub", read), 10*time.Second)
	within(t, "link without one hub", latticetest.Took(t, "the link", leaf.Up), 10*time.Second)

	// The port between hubs is for hubs: whoever lacks their key gets no further than TLS.
	conn, err := net.DialTimeout("tcp", routes[1], time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if nc, err := nats.Connect("tls://"+routes[1], nats.Secure(&tls.Config{InsecureSkipVerify: true}), nats.Timeout(time.Second)); err == nil {
		nc.Close()
		t.Error("a stranger got in by the port between hubs")
	}
}

func TestRevocationReachesAllHubs(t *testing.T) {
	id, hubs, _ := cluster(t)
	ctx := latticetest.Context(t)
	var first *bus.Enrollment
	for _, h := range hubs {
		e := serveEnroll(t, h, bus.EnrollConfig{})
		t.Cleanup(e.Close)
		if first == nil {
			first = e
		}
	}
	u, err := id.User(bus.RoleHost, "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := bus.StartLeaf(ctx, bus.LeafConfig{User: u, Hubs: hubs[2].LeafURLs(), Pin: hubs[2].Pin()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = leaf.Shutdown(context.Background()) })
	if err := leaf.WaitUp(ctx); err != nil {
		t.Fatal(err)
	}
	// The hubs may still be choosing which of them leads the bucket: until then nothing can be revoked.
	latticetest.WaitFor(t, "the revocation to be stored", func() bool { return first.Revoke(ctx, u.ID) == nil })
	latticetest.WaitFor(t, "the leaf of another hub to be out", func() bool { return leaf.State().Stopped })
	wantError(t, leaf.State().Err, lattice.ErrDenied, "revoked")
}

func TestBadClusterAddressesAreRefused(t *testing.T) {
	for _, c := range []bus.ClusterConfig{{}, {Listen: "x"}, {Listen: "127.0.0.1:0"}, {Listen: latticetest.FreePort(t), Routes: []string{"nonsense"}}} {
		_, err := bus.StartHub(latticetest.Context(t), bus.HubConfig{Identity: newIdentity(t), Dir: t.TempDir(), Cluster: &c})
		wantError(t, err, lattice.ErrInvalid)
	}
}

func TestHostsJoinByWebsocketWhereTheLeafPortIsOutOfReach(t *testing.T) {
	id := newIdentity(t)
	hub := startHub(t, bus.HubConfig{Identity: id, LeafListen: "127.0.0.1:0", Websocket: "127.0.0.1:0"})
	e, err := hub.ServeEnroll(latticetest.Context(t), bus.EnrollConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	urls := hub.LeafURLs()
	if len(urls) != 2 || !strings.HasPrefix(urls[0], "tls://") || !strings.HasPrefix(urls[1], "wss://") {
		t.Fatalf("the hub is at %v", urls)
	}
	token, err := bus.NewToken(id, bus.TokenConfig{Name: "a", Hubs: urls[1:], Pin: hub.Pin()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Enroll(latticetest.Context(t), token, newKey(t)); err != nil {
		t.Fatal(err)
	}
	// People with a credential may use that port too; hosts only as leaves.
	admin, err := id.User(bus.RoleAdmin, "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	host, err := id.User(bus.RoleHost, "h", 0)
	if err != nil {
		t.Fatal(err)
	}
	insecure := nats.Secure(&tls.Config{InsecureSkipVerify: true})
	nc, err := bus.Connect(latticetest.Context(t), urls[1], admin, insecure)
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if nc, err := bus.Connect(latticetest.Context(t), urls[1], host, insecure); err == nil { // the hub may hang up before it says why
		nc.Close()
		t.Error("a host got in as a client")
	}
}
