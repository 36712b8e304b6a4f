package host_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/rpc"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/keyvalue/memory"
	"github.com/wattle-io/wattle/wit"
)

// newHub is a node whose hub takes in hosts, tells them of each other and gives them modules.
func newHub(t testing.TB) *node {
	t.Helper()
	n := newNode(t)
	dir, err := control.ServeDirectory(t.Context(), n.conn, slog.New(slog.DiscardHandler))
	fatal(t, err)
	t.Cleanup(dir.Close)
	blobs, err := control.ServeModules(n.conn, n.modules, slog.New(slog.DiscardHandler))
	fatal(t, err)
	t.Cleanup(blobs.Close)
	return n
}

// member is a host that has joined the lattice of a hub.
type member struct {
	node
	leaf *latticetest.Leaf
}

// join has a host with the keyvalue-memory provider and a caller join.
func (n *node) join(name string) *member {
	n.t.Helper()
	m := &member{leaf: n.lattice.Leaf(name)}
	m.node = node{t: n.t, lattice: n.lattice, conn: m.leaf.Conn(), issuer: n.issuer, modules: n.modules, records: &recorder{}, lines: &actorLog{}}
	m.cfg = n.cfg
	m.cfg.ID, m.cfg.Name, m.cfg.Dir, m.cfg.NATS, m.cfg.Joined, m.cfg.RTT, m.cfg.Signer = m.leaf.ID(), name, filepath.Join(n.t.TempDir(), "host"), m.conn, true, m.leaf.RTT, nil
	m.cfg.Drivers = []providers.Driver{memory.Driver(), m.callerDriver()}
	m.cfg.Log, m.cfg.Logs = slog.New(slog.NewTextHandler(m.records, nil)), m.lines.add
	m.open()
	n.t.Cleanup(m.shut)
	return m
}

// place starts an actor on a member, uploaded at the hub.
func (m *member) place(s signed) string {
	m.t.Helper()
	return m.run(s)
}

// linked waits until a host has all links of the hub.
func (m *member) linked(hub *node) {
	m.t.Helper()
	for _, l := range hub.inventory().Links {
		fatal(m.t, m.AwaitLink(latticetest.Context(m.t), l.Key(), l.Revision))
	}
}

func fetch(t testing.TB, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), latticetest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	fatal(t, err)
	resp, err := client(t).Do(req)
	fatal(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fatal(t, err)
	return resp.StatusCode, strings.TrimSpace(string(body))
}

func TestHTTPComesInAtTheHubTheActorRunsOnALeafAndItsStoreIsAtTheHub(t *testing.T) {
	hub := newHub(t)
	pi := hub.join("pi")
	id := pi.place(signed{guest: "counter"})
	hub.link("httpserver", "counter", "wasi:http", "", "path", "/") // by its name, which the hub knows from the directory
	hub.link("counter", "keyvalue", "wasi:keyvalue", "", "bucket", "counts")
	pi.linked(hub)
	for _, want := range []string{`{"name":"apples","count":1}`, `{"name":"apples","count":2}`} {
		if status, body := fetch(t, hub.http()+"/apples"); status != http.StatusOK || body != want {
			t.Errorf("%d %s, want %s", status, body, want)
		}
	}
	for _, a := range hub.inventory().Actors {
		if a.ID == id {
			t.Error("the actor runs at the hub")
		}
	}
	fatal(t, pi.Stop(t.Context(), control.StopRequest{Actor: "counter"}))
	latticetest.WaitFor(t, "503", func() bool {
		status, _ := fetch(t, hub.http()+"/apples")
		return status == http.StatusServiceUnavailable
	})
}

func TestBodiesAndResponsesAreStreamedBetweenHosts(t *testing.T) {
	hub := newHub(t)
	pi := hub.join("pi")
	pi.place(signed{guest: "peer", limits: control.Limits{Memory: 24 << 20}})
	hub.link("httpserver", "peer", "wasi:http", "", "max-body", "64MiB")
	pi.linked(hub)
	in, out := io.Pipe()
	piece := make([]byte, 64<<10)
	began := make(chan error, 1)
	go func() { _, err := out.Write(piece); began <- err }()
	resp, err := client(t).Post(hub.http()+"/echo", "text/plain", in)
	fatal(t, err)
	defer resp.Body.Close()
	fatal(t, <-began)
	got := make([]byte, len(piece))
	for i := range 400 { // 25 MiB, more than the guest has memory; each piece comes back before the next is sent
		if i > 0 {
			_, err := out.Write(piece)
			fatal(t, err)
		}
		_, err := io.ReadFull(resp.Body, got)
		fatal(t, err)
	}
	out.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
		t.Errorf("%d bytes more, %v", len(rest), err)
	}
}

func TestActorsOnTwoLeavesCallEachOtherAndALostHostIsUnavailableAtOnce(t *testing.T) {
	hub := newHub(t)
	a, b := hub.join("host-a"), hub.join("host-b")
	a.place(signed{guest: "peer", name: "a"})
	b.place(signed{guest: "peer", name: "b"})
	hub.link("caller", "a", "test:peer", "a")
	hub.link("a", "b", "test:peer", "")
	a.linked(hub)
	b.linked(hub)
	hub.want("a", "relay", "visit", "1")
	a.want("a", "relay", "visit", "2") // the provider "caller" is on each host
	if _, err := hub.command(t.Context(), "a", "relay", "panic"); !errors.Is(err, lattice.ErrTrap) {
		t.Errorf("the kind of an error between hosts: %v", err)
	}
	b.leaf.Proxy.Cut()
	b.leaf.WaitDown()
	began := time.Now()
	if _, err := hub.command(latticetest.Context(t), "a", "relay", "visit"); !errors.Is(err, lattice.ErrUnavailable) || time.Since(began) > 3*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	b.leaf.Proxy.Heal()
	b.leaf.WaitUp()
	latticetest.WaitFor(t, "calls to arrive again", func() bool { _, err := hub.command(latticetest.Context(t), "a", "relay", "visit"); return err == nil })
}

func TestAHostThatLostItsHubServesLocalCallsAndStartsAgainFromItsOwnDisk(t *testing.T) {
	hub := newHub(t)
	pi := hub.join("pi")
	pi.place(signed{guest: "peer", name: "a"})
	pi.place(signed{guest: "counter"})
	hub.link("caller", "a", "test:peer", "a")
	hub.link("counter", "keyvalue", "wasi:keyvalue", "")
	pi.linked(hub)
	pi.want("a", "visit", "", "1")
	pi.leaf.Proxy.Cut()
	pi.leaf.WaitDown()
	pi.want("a", "visit", "", "2")
	began := time.Now()
	pi.shut()
	pi.leaf.Stop()
	pi.leaf.Start()
	nc, err := pi.leaf.Connect()
	fatal(t, err)
	defer nc.Close()
	pi.cfg.NATS, pi.conn = nc, nc
	pi.open()
	t.Logf("started again without the hub in %s", time.Since(began))
	pi.want("a", "visit", "", "1")
	if len(pi.inventory().Actors) != 2 {
		t.Errorf("running: %+v", pi.inventory().Actors)
	}
	pi.leaf.Proxy.Heal()
	pi.leaf.WaitUp()
	hub.link("a", "a", "test:peer", "")
	pi.linked(hub)
	pi.want("a", "relay", "visit", "1")
	latticetest.WaitFor(t, "the hub to call it", func() bool { _, err := hub.command(latticetest.Context(t), "a", "visit", ""); return err == nil })
	pi.shut()
}

// What a host with valid credentials sends is checked by the host that gets it.
func TestAHostBelievesNoCallThatItsOwnLinksDoNotAllow(t *testing.T) {
	hub := newHub(t)
	a, b := hub.join("host-a"), hub.join("host-b")
	victim := b.place(signed{guest: "peer", name: "victim"})
	friend := b.place(signed{guest: "peer", name: "friend"})
	hub.link("friend", "victim", "test:peer", "")
	b.linked(hub)
	rogue, err := rpc.NewClient(a.leaf.Conn(), a.ID(), rpc.ClientConfig{})
	fatal(t, err)
	defer rogue.Close()
	var e wit.Encoder
	e.String("visit")
	e.String("")
	call := lattice.Invocation{Source: friend, Target: victim, Contract: "test:peer", Op: "test:peer/relay@1.0.0#run", Payload: e.Buf}
	for what, c := range map[string]struct {
		change func(*lattice.Invocation)
		kind   error
	}{
		"a source that runs elsewhere": {func(*lattice.Invocation) {}, lattice.ErrDenied},
		"no link":                      {func(i *lattice.Invocation) { i.Source = victim; i.Target = friend }, lattice.ErrNoLink},
		"another target":               {func(i *lattice.Invocation) { i.Target = friend }, lattice.ErrNoLink},
		"another link":                 {func(i *lattice.Invocation) { i.Link = "other" }, lattice.ErrNoLink},
		"another contract":             {func(i *lattice.Invocation) { i.Contract = "wasi:http" }, lattice.ErrNoLink},
	} {
		inv := call
		c.change(&inv)
		if _, err := rogue.Invoke(latticetest.Context(t), b.ID(), inv); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	b.linked(hub)
	hub.link("caller", "victim", "test:peer", "victim")
	b.linked(hub)
	inv := call
	inv.Source, inv.Link, inv.Op = "caller", "victim", "test:other/thing@1.0.0#run"
	if _, err := rogue.Invoke(latticetest.Context(t), b.ID(), inv); !errors.Is(err, lattice.ErrDenied) {
		t.Errorf("an operation of another contract: %v", err)
	}
	hub.want("victim", "visit", "", "1")
}

func TestEveryHostKnowsTheOthersAndOnlyTheHubsHostPutsLinks(t *testing.T) {
	hub := newHub(t)
	pi := hub.join("pi")
	latticetest.WaitFor(t, "the hub to see it", func() bool {
		return slices.ContainsFunc(hub.inventory().Hosts, func(h control.HostInfo) bool { return h.Name == "pi" && h.State == control.HostUp })
	})
	if _, err := pi.PutLink(t.Context(), lattice.Link{Source: "caller", Target: "keyvalue-memory", Contract: "wasi:keyvalue"}); !errors.Is(err, lattice.ErrUnsupported) {
		t.Errorf("a link put at a leaf: %v", err)
	}
	if err := pi.RemoveHost(t.Context(), control.RemoveRequest{Host: hub.ID()}); !errors.Is(err, lattice.ErrUnsupported) {
		t.Errorf("a host removed at a leaf: %v", err)
	}
	pi.leaf.Proxy.BlackHole()
	latticetest.WaitFor(t, "the hub to miss it", func() bool {
		return slices.ContainsFunc(hub.inventory().Hosts, func(h control.HostInfo) bool { return h.Name == "pi" && h.State == control.HostLost })
	})
	pi.leaf.Proxy.Heal()
	latticetest.WaitFor(t, "the hub to see it again", func() bool {
		return slices.ContainsFunc(hub.inventory().Hosts, func(h control.HostInfo) bool { return h.Name == "pi" && h.State == control.HostUp })
	})
}
