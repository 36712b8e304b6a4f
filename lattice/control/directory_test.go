package control_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// serveDirectory runs the hub's side until the test ends.
func serveDirectory(t testing.TB, l *latticetest.Lattice) *control.DirectoryHub {
	t.Helper()
	h, err := control.ServeDirectory(latticetest.Context(t), l.Conn(bus.RoleService), latticetest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// present is what a host of that id and name tells, with these actors.
func present(id, name string, actors ...string) control.Presence {
	p := control.Presence{Host: control.HostInfo{ID: id, Name: name, Labels: map[string]string{"zone": name}},
		Providers: []control.Offer{{Name: "keyvalue", Contracts: []string{"wasi:keyvalue"}}}}
	for _, a := range actors {
		p.Actors = append(p.Actors, control.Resident{ID: a, Name: "counter", Hash: "sha256:1"})
	}
	return p
}

// enter makes a host of the lattice that tells of itself.
func enter(t testing.TB, l *latticetest.Lattice, name string, cfg control.DirectoryConfig, actors ...string) (*control.Directory, string) {
	t.Helper()
	u := l.User(bus.RoleHost)
	cfg.Host, cfg.Log = u.ID, latticetest.Log(t)
	d, err := control.OpenDirectory(l.ConnAs(u), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if err := d.Publish(present(u.ID, name, actors...)); err != nil {
		t.Fatal(err)
	}
	return d, u.ID
}

func lives(d *control.Directory, id string) bool {
	return slices.ContainsFunc(d.Hosts(), func(h control.HostState) bool { return h.Host.ID == id && !h.Stale })
}

func TestEveryHostKnowsWhatRunsWhere(t *testing.T) {
	l := latticetest.Hub(t)
	defer serveDirectory(t, l).Close()
	a, idA := enter(t, l, "attic", control.DirectoryConfig{}, actorID)
	b, idB := enter(t, l, "barn", control.DirectoryConfig{})
	for _, d := range []*control.Directory{a, b} {
		latticetest.WaitFor(t, "both hosts to be known and alive", func() bool { return lives(d, idA) && lives(d, idB) })
		if hosts := d.Hosts(); len(hosts) != 2 || hosts[0].Host.Name != "attic" || hosts[1].Host.Labels["zone"] != "barn" {
			t.Errorf("got %+v", hosts)
		}
		if got := d.WhereActor(actorID); !slices.Equal(got, []string{idA}) {
			t.Errorf("the actor is on %v", got)
		}
	}
	if got := b.WhereProvider("keyvalue"); !slices.Equal(got, []string{idB, idA}) {
		t.Errorf("the provider is on %v, want this host first", got)
	}
	if err := a.Publish(present(idA, "attic")); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the actor to be gone", func() bool { return b.WhereActor(actorID) == nil })
}

func TestNearestAndLeastBusyHostComesFirst(t *testing.T) {
	l := latticetest.Hub(t)
	defer serveDirectory(t, l).Close()
	load := func(busy float64) func() control.Load { return func() control.Load { return control.Load{Busy: busy} } }
	rtt := func(d time.Duration) func() time.Duration { return func() time.Duration { return d } }
	_, far := enter(t, l, "far", control.DirectoryConfig{RTT: rtt(40 * time.Millisecond)}, actorID)
	_, busy := enter(t, l, "busy", control.DirectoryConfig{RTT: rtt(2 * time.Millisecond), Load: load(0.9)}, actorID)
	_, idle := enter(t, l, "idle", control.DirectoryConfig{RTT: rtt(2 * time.Millisecond), Load: load(0.1)}, actorID)
	d, _ := enter(t, l, "asker", control.DirectoryConfig{RTT: rtt(time.Millisecond)})
	want := []string{idle, busy, far}
	latticetest.WaitFor(t, "the order idle, busy, far", func() bool {
		return lives(d, far) && lives(d, busy) && lives(d, idle) && slices.Equal(d.WhereActor(actorID), want)
	})
	latticetest.WaitFor(t, "the far host to be as far as the ways of both", func() bool {
		hosts := d.Hosts()
		i := slices.IndexFunc(hosts, func(h control.HostState) bool { return h.Host.ID == far })
		return i >= 0 && hosts[i].RTT == 41*time.Millisecond
	})
}

func TestSilentHostIsMarkedButStays(t *testing.T) {
	l := latticetest.Hub(t)
	defer serveDirectory(t, l).Close()
	u := l.User(bus.RoleHost)
	nc := l.ConnAs(u)
	quiet, err := control.OpenDirectory(nc, control.DirectoryConfig{Host: u.ID})
	if err != nil {
		t.Fatal(err)
	}
	if err := quiet.Publish(present(u.ID, "quiet", actorID)); err != nil {
		t.Fatal(err)
	}
	d, own := enter(t, l, "own", control.DirectoryConfig{}, actorID)
	latticetest.WaitFor(t, "the other host", func() bool { return lives(d, u.ID) })
	began := time.Now()
	nc.Close() // as if it had crashed: it says nothing
	latticetest.WaitFor(t, "the mark", func() bool { return !lives(d, u.ID) })
	if took := time.Since(began); took < control.StaleAfter-2*time.Second || took > control.StaleAfter+3*time.Second {
		t.Errorf("it was marked after %s", took)
	}
	if got := d.WhereActor(actorID); !slices.Equal(got, []string{own, u.ID}) {
		t.Errorf("the actor is on %v", got)
	}
	quiet.Close()
}

func TestHostThatEndsIsMarkedAtOnce(t *testing.T) {
	l := latticetest.Hub(t)
	defer serveDirectory(t, l).Close()
	d, _ := enter(t, l, "stays", control.DirectoryConfig{})
	other, id := enter(t, l, "goes", control.DirectoryConfig{})
	latticetest.WaitFor(t, "the other host", func() bool { return lives(d, id) })
	began := time.Now()
	other.Close()
	latticetest.WaitFor(t, "the mark", func() bool { return !lives(d, id) })
	if took := time.Since(began); took > control.StaleAfter/2 {
		t.Errorf("it was marked only after %s", took)
	}
	if !slices.ContainsFunc(d.Hosts(), func(h control.HostState) bool { return h.Host.ID == id && h.Left }) {
		t.Error("it does not say that the host ended")
	}
}

func TestOnlyAMarkerRemovesAHost(t *testing.T) {
	l := latticetest.Hub(t)
	defer serveDirectory(t, l).Close()
	d, _ := enter(t, l, "own", control.DirectoryConfig{})
	_, id := enter(t, l, "removed", control.DirectoryConfig{}, actorID)
	latticetest.WaitFor(t, "the other host", func() bool { return lives(d, id) })
	b, err := bus.UseBucket(l.Conn(bus.RoleService), "inv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Delete(latticetest.Context(t), id, 0); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the host to be gone", func() bool { return len(d.Hosts()) == 1 && d.WhereActor(actorID) == nil })
}

func TestHostKnowsItselfWithoutAHub(t *testing.T) {
	l := latticetest.Hub(t)
	d, id := enter(t, l, "alone", control.DirectoryConfig{}, actorID) // nobody serves the directory
	if got := d.WhereActor(actorID); !slices.Equal(got, []string{id}) {
		t.Errorf("the actor is on %v", got)
	}
	defer serveDirectory(t, l).Close() // now there is one
	viewer, err := control.OpenDirectory(l.TCP(bus.RoleView), control.DirectoryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer viewer.Close()
	latticetest.WaitFor(t, "the viewer to see it", func() bool { return lives(viewer, id) && viewer.WhereActor(actorID) != nil })
}

func TestPresenceOfAnotherHostIsRefused(t *testing.T) {
	l := latticetest.Hub(t)
	defer serveDirectory(t, l).Close()
	d, id := enter(t, l, "own", control.DirectoryConfig{})
	other := l.User(bus.RoleHost)
	if err := d.Publish(present(other.ID, "other")); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	bad := present(id, "own")
	bad.Actors = []control.Resident{{ID: "*"}}
	if err := d.Publish(bad); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	// What a hub that was turned could bring is left out, whatever it is.
	svc := l.Conn(bus.RoleService)
	b, err := bus.UseBucket(svc, "inv")
	if err != nil {
		t.Fatal(err)
	}
	forged, err := json.Marshal(present(other.ID, "forged", actorID))
	if err != nil {
		t.Fatal(err)
	}
	var third string
	for _, value := range [][]byte{forged, []byte("{"), []byte(`[]`), nil} {
		third = l.User(bus.RoleHost).ID
		if _, err := b.Put(latticetest.Context(t), third, value, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, digest := range []string{"", "{", `[{"host":"x","age":-9000000000000000000}]`, `[{"host":"` + third + `","age":1e99}]`, `null`} {
		if err := svc.Publish("kvup.hb.digest", []byte(digest)); err != nil {
			t.Fatal(err)
		}
	}
	_, last := enter(t, l, "last", control.DirectoryConfig{})
	latticetest.WaitFor(t, "what comes after", func() bool { return lives(d, last) })
	if len(d.Hosts()) != 2 || d.WhereActor(actorID) != nil {
		t.Errorf("got %+v", d.Hosts())
	}
}

func TestLookupsAllocateNothing(t *testing.T) {
	l := latticetest.Hub(t)
	d, id := enter(t, l, "own", control.DirectoryConfig{}, actorID)
	var got []string
	if n := testing.AllocsPerRun(100, func() { got = d.WhereActor(actorID); got = d.WhereProvider("keyvalue") }); n > 0.5 {
		t.Errorf("%v allocations", n)
	}
	if !slices.Equal(got, []string{id}) {
		t.Errorf("got %v", got)
	}
}

func BenchmarkWhereActor(b *testing.B) {
	l := latticetest.Hub(b)
	d, _ := enter(b, l, "own", control.DirectoryConfig{}, actorID)
	b.ReportAllocs()
	for b.Loop() {
		if d.WhereActor(actorID) == nil {
			b.Fatal("the actor is not known")
		}
	}
}

// TestDirectoryOfALeafCatchesUp cuts a host's link, changes what runs elsewhere meanwhile, and heals the link.
func TestDirectoryOfALeafCatchesUp(t *testing.T) {
	l := latticetest.Hub(t)
	defer serveDirectory(t, l).Close()
	leaf := l.Leaf("pi")
	d, err := control.OpenDirectory(leaf.Conn(), control.DirectoryConfig{Host: leaf.ID(), RTT: leaf.RTT, Log: latticetest.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Publish(present(leaf.ID(), "pi", actorID)); err != nil {
		t.Fatal(err)
	}
	other, id := enter(t, l, "barn", control.DirectoryConfig{})
	latticetest.WaitFor(t, "both to know each other", func() bool { return lives(d, id) && lives(other, leaf.ID()) })
	leaf.Proxy.Cut()
	latticetest.WaitFor(t, "both to miss each other", func() bool { return !lives(d, id) && !lives(other, leaf.ID()) })
	if got := d.WhereActor(actorID); !slices.Equal(got, []string{leaf.ID()}) {
		t.Errorf("cut off, the host finds its own actor on %v", got)
	}
	if err := other.Publish(present(id, "barn", actorID)); err != nil {
		t.Fatal(err)
	}
	if err := d.Publish(present(leaf.ID(), "pi")); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the other host to have its own change", func() bool { return slices.Contains(other.WhereActor(actorID), id) })
	leaf.Proxy.Heal()
	latticetest.WaitFor(t, "both to know where the actor is now", func() bool {
		want := []string{id}
		return lives(d, id) && lives(other, leaf.ID()) && slices.Equal(d.WhereActor(actorID), want) && slices.Equal(other.WhereActor(actorID), want)
	})
}
