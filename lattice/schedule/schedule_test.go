package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/schedule"
)

var actorID = "M" + strings.Repeat("A", 55)

// fakeHost runs nothing, but keeps the books as a host does.
type fakeHost struct {
	control.Node // nil: other commands are not sent
	world        *world
	name, id     string
	labels       map[string]string
	load         float64
	mute         chan bool // if not nil, Bid waits for it

	mu       sync.Mutex
	room     int                    // guarded by mu: instances that it may still run
	refuse   error                  // guarded by mu: what Start says
	draining bool                   // guarded by mu
	running  int                    // guarded by mu: instances of the actor
	start    control.StartRequest   // guarded by mu
	starts   []control.StartRequest // guarded by mu: all of them
}

func (h *fakeHost) Bid(ctx context.Context, ask control.Ask) (control.Bid, error) {
	if h.mute != nil {
		select {
		case <-h.mute:
		case <-ctx.Done():
			return control.Bid{}, ctx.Err()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	b := control.Bid{Name: h.name, Labels: h.labels, Free: h.room, Load: h.load}
	if h.running > 0 && (ask.Actor == actorID || ask.Actor == "counter") {
		start := h.start
		b.Running, b.ActorID, b.Start = h.running, actorID, &start
	}
	for k, v := range ask.Labels {
		if h.labels[k] != v {
			b.Refused = fmt.Sprintf("it has no label %s=%s", k, v)
		}
	}
	if h.draining {
		b.Refused = "it is being drained"
	}
	return b, nil
}

func (h *fakeHost) Start(_ context.Context, r control.StartRequest) (control.ActorInfo, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starts = append(h.starts, r)
	if h.refuse != nil {
		return control.ActorInfo{}, h.refuse
	}
	if h.running > 0 && !r.Replace {
		return control.ActorInfo{}, &lattice.Error{Kind: lattice.ErrConflict, Msg: "it runs already"}
	}
	h.set(max(r.Limits.Instances, 1))
	h.start = r
	return control.ActorInfo{ID: actorID, Host: h.id, Max: h.running}, nil
}

// refuses makes Start say that.
func (h *fakeHost) refuses(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = err
}

// asked is all that it was to start, and last what it runs.
func (h *fakeHost) asked() (all []control.StartRequest, last control.StartRequest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.starts), h.start
}

// set is called with mu held.
func (h *fakeHost) set(n int) {
	h.room += h.running - n
	h.running = n
	h.world.note(fmt.Sprintf("%s:%d", h.name, n))
}

func (h *fakeHost) Stop(_ context.Context, r control.StopRequest) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Actor != actorID || h.running == 0 {
		return &lattice.Error{Kind: lattice.ErrNotFound, Msg: "no such actor"}
	}
	h.set(0)
	return nil
}

func (h *fakeHost) Scale(_ context.Context, r control.ScaleRequest) (control.ActorInfo, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Actor != actorID || h.running == 0 || r.Instances < 1 {
		return control.ActorInfo{}, &lattice.Error{Kind: lattice.ErrNotFound, Msg: "no such actor"}
	}
	h.set(r.Instances)
	return control.ActorInfo{ID: actorID, Host: h.id, Max: h.running}, nil
}

func (h *fakeHost) Drain(_ context.Context, r control.DrainRequest) (control.DrainReply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = !r.Off
	var reply control.DrainReply
	if h.running > 0 {
		reply.Actors = append(reply.Actors, control.DrainActor{ID: actorID, Name: "counter", Instances: h.running, Start: h.start})
	}
	return reply, nil
}

func (h *fakeHost) Label(context.Context, control.LabelRequest) (control.HostInfo, error) {
	return control.HostInfo{}, nil
}

// world is a lattice of fake hosts on a real hub.
type world struct {
	t *testing.T
	*schedule.Scheduler
	hosts []*fakeHost

	mu  sync.Mutex
	log []string // guarded by mu: "name:instances" for each change
}

func (w *world) note(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, s)
}

// changes is what has changed so far.
func (w *world) changes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.log)
}

// newWorld makes hosts h0, h1, …, with room for that many instances each. Those with an even number are in the kitchen.
func newWorld(t *testing.T, room ...int) *world {
	t.Helper()
	l := latticetest.Hub(t)
	trust, err := envelope.TrustOf(l.Identity)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t}
	var ids []string
	for i, n := range room {
		u := l.User(bus.RoleHost)
		h := &fakeHost{world: w, name: fmt.Sprint("h", i), id: u.ID, room: n, labels: map[string]string{"zone": []string{"kitchen", "hall"}[i%2]}}
		s, err := control.Serve(l.ConnAs(u), control.ServiceConfig{Host: u.ID, Node: h, Trust: envelope.Fixed(trust)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		w.hosts, ids = append(w.hosts, h), append(ids, u.ID)
	}
	w.Scheduler = schedule.New(control.NewLattice(l.TCP(bus.RoleAdmin), l.User(bus.RoleAdmin)), func() []string { return ids })
	return w
}

// want fails the test unless the hosts run that many instances.
func (w *world) want(n ...int) {
	w.t.Helper()
	got := make([]int, len(w.hosts))
	for i, h := range w.hosts {
		h.mu.Lock()
		got[i] = h.running
		h.mu.Unlock()
	}
	if !slices.Equal(got, n) {
		w.t.Errorf("the hosts run %v, want %v", got, n)
	}
}

func request(n int) schedule.Request {
	return schedule.Request{Actor: actorID, Instances: n, Start: control.StartRequest{Hash: "abc"}}
}

func (w *world) start(r schedule.Request) []control.ActorInfo {
	w.t.Helper()
	infos, err := w.Start(latticetest.Context(w.t), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return infos
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

func TestStartSpreadsOverTheHostsWithTheLabels(t *testing.T) {
	w := newWorld(t, 5, 5, 1, 5, 5)
	r := request(5)
	r.Start.On = map[string]string{"zone": "kitchen"}
	infos := w.start(r)
	w.want(2, 0, 1, 0, 2)
	if len(infos) != 3 {
		t.Errorf("started %+v", infos)
	}
	if _, got := w.hosts[2].asked(); got.Hash != "abc" || got.Limits.Instances != 1 || !reflect.DeepEqual(got.On, r.Start.On) {
		t.Errorf("a host was asked %+v", got)
	}
	r.Start.On = map[string]string{"zone": "attic"}
	_, err := w.Start(latticetest.Context(t), r)
	wantError(t, err, lattice.ErrUnavailable, "zone=attic")
	w.want(2, 0, 1, 0, 2)
}

func TestStartPacksOnAsFewHostsAsPossible(t *testing.T) {
	w := newWorld(t, 5, 5, 5)
	w.hosts[0].load, w.hosts[1].load = 0.3, 0.7
	r := request(6)
	r.Strategy = schedule.Binpack
	w.start(r)
	w.want(1, 5, 0)
}

func TestStartOfOneTakesTheHostsOwnLimits(t *testing.T) {
	w := newWorld(t, 0, 5)
	r := request(0)
	r.Start.Limits.Instances = 3
	w.start(r)
	w.want(0, 3)
}

func TestStartDoesNotWaitForASlowHost(t *testing.T) {
	w := newWorld(t, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	w.hosts[9].mute = make(chan bool)
	defer close(w.hosts[9].mute)
	began := time.Now()
	w.start(request(9))
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	w.want(1, 1, 1, 1, 1, 1, 1, 1, 1, 0)
}

func TestHostThatCannotAfterAllGivesWayToAnother(t *testing.T) {
	w := newWorld(t, 1, 1, 1)
	w.hosts[2].load = 0.9 // chosen last
	w.hosts[0].refuses(&lattice.Error{Kind: lattice.ErrBusy, Msg: "another was faster"})
	w.start(request(2))
	w.want(0, 1, 1)
	w = newWorld(t, 1, 1)
	w.hosts[0].refuses(&lattice.Error{Kind: lattice.ErrBusy, Msg: "another was faster"})
	infos, err := w.Start(latticetest.Context(t), request(2))
	wantError(t, err, lattice.ErrBusy, w.hosts[0].id, "another was faster")
	if len(infos) != 1 || infos[0].Host != w.hosts[1].id {
		t.Errorf("started %+v", infos)
	}
}

func TestRefusalThatAllWouldRepeatEndsTheStart(t *testing.T) {
	w := newWorld(t, 5, 5, 5)
	for _, h := range w.hosts {
		h.refuses(&lattice.Error{Kind: lattice.ErrDenied, Msg: "not signed"})
	}
	_, err := w.Start(latticetest.Context(t), request(1))
	wantError(t, err, lattice.ErrDenied, "not signed")
	total := 0
	for _, h := range w.hosts {
		all, _ := h.asked()
		total += len(all)
	}
	if total != 1 {
		t.Errorf("%d hosts were asked", total)
	}
}

func TestWithoutRoomForAllNothingIsStarted(t *testing.T) {
	w := newWorld(t, 1, 1)
	_, err := w.Start(latticetest.Context(t), request(3))
	wantError(t, err, lattice.ErrLimit, "2 instances, not for 3")
	w.want(0, 0)
	for _, n := range []int{-1, schedule.MaxInstances + 1} {
		_, err := w.Start(latticetest.Context(t), request(n))
		wantError(t, err, lattice.ErrInvalid)
	}
}

func TestReplaceUpdatesWhereItRuns(t *testing.T) {
	w := newWorld(t, 5, 5, 5)
	w.hosts[1].load, w.hosts[2].load = 0.1, 0.2
	w.hosts[2].mute = make(chan bool)
	w.start(request(2))
	w.want(1, 1, 0)
	close(w.hosts[2].mute)
	next := request(0)
	next.Start.Hash, next.Start.Replace = "def", true
	next.Start.Limits.Instances = 1
	w.start(next)
	w.want(1, 1, 0)
	for i, want := range []string{"def", "def", ""} {
		if _, got := w.hosts[i].asked(); got.Hash != want {
			t.Errorf("host %d runs %q", i, got.Hash)
		}
	}
	next.Instances = 6
	w.start(next)
	w.want(2, 2, 2)
	next.Instances = 1
	w.start(next)
	w.want(1, 0, 0)
	w = newWorld(t, 5)
	w.start(next)
	w.want(1)
}

func TestScaleAddsAndTakesAway(t *testing.T) {
	w := newWorld(t, 5, 5, 5, 5)
	ctx := latticetest.Context(t)
	_, err := w.Scale(ctx, "counter", 2, schedule.Spread)
	wantError(t, err, lattice.ErrNotFound, "counter")
	r := request(2)
	r.Start.On = map[string]string{"zone": "kitchen"}
	w.start(r)
	w.want(1, 0, 1, 0)
	changes, err := w.Scale(ctx, "counter", 6, schedule.Spread)
	if err != nil || len(changes) != 2 {
		t.Fatal(changes, err)
	}
	w.want(3, 0, 3, 0) // still in the kitchen
	if _, err = w.Scale(ctx, actorID, 11, schedule.Spread); !errors.Is(err, lattice.ErrLimit) {
		t.Error(err)
	}
	w.want(3, 0, 3, 0)
	if _, err = w.Scale(ctx, actorID, 1, schedule.Binpack); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, -1, schedule.MaxInstances + 1} {
		_, err = w.Scale(ctx, actorID, n, schedule.Spread)
		wantError(t, err, lattice.ErrInvalid)
	}
	if err := w.Stop(ctx, "counter"); err != nil {
		t.Fatal(err)
	}
	w.want(0, 0, 0, 0)
	wantError(t, w.Stop(ctx, "counter"), lattice.ErrNotFound)
}

func TestScaleStartsOnOtherHostsAsItWasStarted(t *testing.T) {
	w := newWorld(t, 1, 5)
	r := request(1)
	r.Start.Config = map[string]string{"greeting": "hello"}
	w.hosts[1].load = 0.9
	w.start(r)
	w.want(1, 0)
	if _, err := w.Scale(latticetest.Context(t), "counter", 3, schedule.Spread); err != nil {
		t.Fatal(err)
	}
	w.want(1, 2)
	if _, got := w.hosts[1].asked(); got.Hash != "abc" || got.Config["greeting"] != "hello" || got.Replace {
		t.Errorf("it was started as %+v", got)
	}
}

func TestDrainMovesActorsBeforeItStopsThem(t *testing.T) {
	w := newWorld(t, 5, 5, 5, 5)
	w.hosts[2].load = 0.5
	r := request(2)
	r.Start.On = map[string]string{"zone": "kitchen"}
	r.Strategy = schedule.Binpack
	w.hosts[0].load = 0.6
	w.start(r)
	w.want(2, 0, 0, 0)
	before := len(w.changes())
	drained, err := w.Drain(latticetest.Context(t), w.hosts[0].id, false)
	if err != nil || len(drained.Moved) != 1 || !reflect.DeepEqual(drained.Moved[0].To, []schedule.Share{{Host: w.hosts[2].id, Instances: 2}}) {
		t.Fatalf("%+v, %v", drained, err)
	}
	w.want(0, 0, 2, 0) // in the kitchen
	if got, want := w.changes()[before:], []string{"h2:2", "h0:0"}; !slices.Equal(got, want) {
		t.Errorf("it went %v, want %v", got, want)
	}
	r.Start.Replace = false
	_, err = w.Start(latticetest.Context(t), r)
	wantError(t, err, lattice.ErrUnavailable, "drained")
}

func TestDrainAddsToHostsThatRunTheActorAlready(t *testing.T) {
	w := newWorld(t, 2, 2)
	w.start(request(2))
	w.want(1, 1)
	if _, err := w.Drain(latticetest.Context(t), w.hosts[0].id, false); err != nil {
		t.Fatal(err)
	}
	w.want(0, 2)
}

func TestWhatCannotMoveStaysUnlessForced(t *testing.T) {
	w := newWorld(t, 5, 5)
	r := request(2)
	r.Start.On = map[string]string{"zone": "kitchen"}
	w.start(r)
	drained, err := w.Drain(latticetest.Context(t), w.hosts[0].id, false)
	wantError(t, err, lattice.ErrUnavailable, "counter", "zone=kitchen", "--force")
	if len(drained.Stayed) != 1 || len(drained.Moved)+len(drained.Stopped) != 0 {
		t.Errorf("%+v", drained)
	}
	w.want(2, 0)
	drained, err = w.Drain(latticetest.Context(t), w.hosts[0].id, true)
	if err != nil || len(drained.Stopped) != 1 {
		t.Errorf("%+v, %v", drained, err)
	}
	w.want(0, 0)
}
