package control_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// placer is a node that bids as the test says.
type placer struct {
	node
	bid   func(ctx context.Context, ask control.Ask) (control.Bid, error)
	await chan error // what AwaitLink says; nil: that it holds
}

// awaited is what AwaitLink was asked.
type awaited struct {
	key      lattice.LinkKey
	revision uint64
}

func (p *placer) Bid(ctx context.Context, ask control.Ask) (control.Bid, error) {
	_ = p.note(ask)
	if p.bid == nil {
		return control.Bid{Free: 1}, nil
	}
	return p.bid(ctx, ask)
}

func (p *placer) Scale(_ context.Context, r control.ScaleRequest) (control.ActorInfo, error) {
	return info(), p.note(r)
}

func (p *placer) Drain(_ context.Context, r control.DrainRequest) (control.DrainReply, error) {
	return control.DrainReply{Actors: []control.DrainActor{{ID: actorID, Start: control.StartRequest{Hash: "abc"}}}}, p.note(r)
}

func (p *placer) Label(_ context.Context, r control.LabelRequest) (control.HostInfo, error) {
	return control.HostInfo{Labels: r.Set}, p.note(r)
}

func (p *placer) AwaitLink(ctx context.Context, key lattice.LinkKey, revision uint64) error {
	_ = p.note(awaited{key, revision})
	if p.await == nil {
		return nil
	}
	select {
	case err := <-p.await:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hosts serves n placers, of which the last does not bid before it is released.
func hosts(t testing.TB, l *latticetest.Lattice, n int) (ids []string, release func()) {
	t.Helper()
	hold := make(chan bool)
	t.Cleanup(sync.OnceFunc(func() { close(hold) }))
	release = sync.OnceFunc(func() { hold <- true })
	for i := range n {
		ids = append(ids, serve(t, l, &placer{bid: func(ctx context.Context, ask control.Ask) (control.Bid, error) {
			if i == n-1 {
				select {
				case <-hold:
				case <-ctx.Done():
				}
			}
			if ask.Labels["zone"] == "kitchen" && i%2 == 1 {
				return control.Bid{}, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: "it has no label zone=kitchen"}
			}
			return control.Bid{Free: i, Load: 0.5}, nil
		}}))
	}
	return ids, release
}

func latticeOf(l *latticetest.Lattice) *control.Lattice {
	admin := l.User(bus.RoleAdmin)
	return control.NewLattice(l.TCP(bus.RoleAdmin), admin)
}

func TestAuctionEndsWhenAllLiveHostsHaveAnswered(t *testing.T) {
	l := latticetest.Hub(t)
	ids, release := hosts(t, l, 10)
	lat, ctx := latticeOf(l), latticetest.Context(t)
	time.AfterFunc(100*time.Millisecond, release)
	began := time.Now()
	bids, err := lat.Auction(ctx, control.Auction{Ask: control.Ask{Labels: map[string]string{"zone": "kitchen"}}, Live: func() []string { return ids }})
	if err != nil || len(bids) != 10 || time.Since(began) < 50*time.Millisecond {
		t.Fatalf("%d bids after %s, %v", len(bids), time.Since(began), err)
	}
	for _, b := range bids {
		i := slices.Index(ids, b.Host)
		if odd := i%2 == 1; i < 0 || odd != (b.Refused != "") || odd && (b.Free != 0 || !strings.Contains(b.Refused, "zone=kitchen")) || !odd && b.Free != i || b.RTT <= 0 {
			t.Errorf("host %d bids %+v", i, b)
		}
	}
	if bids[9].Host != ids[9] || bids[9].RTT < 50*time.Millisecond {
		t.Errorf("the slow one came as %+v", bids[9])
	}
}

func TestAuctionEndsWithEnoughBidsAndDoesNotWaitForTheSlow(t *testing.T) {
	l := latticetest.Hub(t)
	ids, _ := hosts(t, l, 10) // the last one hangs
	lat, ctx := latticeOf(l), latticetest.Context(t)
	enough := func(bids []control.Bid) bool { return len(bids) >= 9 }
	began := time.Now()
	bids, err := lat.Auction(ctx, control.Auction{Enough: enough, Live: func() []string { return ids }})
	if err != nil || len(bids) != 9 {
		t.Fatalf("%d bids, %v", len(bids), err)
	}
	if took := time.Since(began); took > time.Second { // the hanging bid would come after two
		t.Errorf("it took %s", took)
	}
}

func TestAuctionDoesNotWaitForAHostThatIsLost(t *testing.T) {
	l := latticetest.Hub(t)
	ids, _ := hosts(t, l, 3)
	lat, ctx := latticeOf(l), latticetest.Context(t)
	lost := time.Now().Add(150 * time.Millisecond)
	live := func() []string {
		if time.Now().After(lost) {
			return ids[:2]
		}
		return ids
	}
	began := time.Now()
	bids, err := lat.Auction(ctx, control.Auction{Live: live})
	if err != nil || len(bids) != 2 || time.Since(began) > time.Second {
		t.Fatalf("%d bids after %s, %v", len(bids), time.Since(began), err)
	}
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	bids, err = lat.Auction(ctx, control.Auction{Live: func() []string { return ids }})
	wantError(t, err, lattice.ErrDeadline, ids[2], "2 hosts")
	if len(bids) != 2 || strings.Contains(err.Error(), ids[0]) {
		t.Errorf("%d bids, %v", len(bids), err)
	}
}

func TestAuctionGivesUpAHostThatLivesButDoesNotBid(t *testing.T) {
	l := latticetest.Hub(t)
	mute := l.User(bus.RoleHost).ID
	ids := []string{serve(t, l, &placer{}), mute}
	ctx := latticetest.Context(t)
	bids, err := latticeOf(l).Auction(ctx, control.Auction{Live: func() []string { return ids }})
	wantError(t, err, lattice.ErrDeadline, mute)
	if len(bids) != 1 || ctx.Err() != nil {
		t.Errorf("%d bids, %v", len(bids), ctx.Err())
	}
}

func TestAuctionAmongUnknownHostsEndsWhenNoMoreBidsCome(t *testing.T) {
	l := latticetest.Hub(t)
	lat, ctx := latticeOf(l), latticetest.Context(t)
	began := time.Now()
	_, err := lat.Auction(ctx, control.Auction{})
	wantError(t, err, lattice.ErrUnavailable, "wattle up")
	if took := time.Since(began); took > time.Second {
		t.Errorf("that there is no host took %s to see", took)
	}
	serve(t, l, &node{}) // hears no auctions
	ids, _ := hosts(t, l, 3)
	bids, err := lat.Auction(ctx, control.Auction{})
	if err != nil || len(bids) != 2 {
		t.Errorf("%d bids of %d, %v", len(bids), len(ids), err)
	}
}

func TestOnlyAnAdministratorMayHoldAnAuction(t *testing.T) {
	l := latticetest.Hub(t)
	p := &placer{}
	host := serve(t, l, p)
	ctx := latticetest.Context(t)
	live := func() []string { return []string{host} }
	viewer := l.User(bus.RoleView)
	_, err := control.NewLattice(l.TCP(bus.RoleView), viewer).Auction(ctx, control.Auction{Live: live})
	wantError(t, err, lattice.ErrDenied)
	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err = control.NewLattice(l.TCP(bus.RoleAdmin), viewer).Auction(soon, control.Auction{Live: live}) // whatever connection he got hold of
	wantError(t, err, lattice.ErrDeadline)
	_, err = control.NewLattice(l.TCP(bus.RoleAdmin), nil).Auction(soon, control.Auction{Live: live})
	wantError(t, err, lattice.ErrDenied)

	nc, admin := l.TCP(bus.RoleAdmin), l.User(bus.RoleAdmin)
	sub, err := nc.SubscribeSync("evt.*.bid.>")
	if err != nil {
		t.Fatal(err)
	}
	good := signed(t, admin, "auc.start", `{"token":"`+strings.Repeat("A", 26)+`","ask":{}}`)
	for _, data := range [][]byte{nil, []byte("{}"), signed(t, admin, "auc.start", `{"ask":{}}`), signed(t, admin, "auc.start", `{"token":"a.b","ask":{}}`),
		signed(t, admin, "auc.other", `{"token":"`+strings.Repeat("A", 26)+`","ask":{}}`), good, good} {
		if err := nc.Publish("auc.start", data); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sub.NextMsgWithContext(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := client(l, bus.RoleAdmin, host).Inventory(ctx); err != nil { // it has heard all that was sent before
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "one question to be asked", func() bool { return len(p.take()) > 0 })
	if m, err := sub.NextMsg(50 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("a second bid: %v %v", m, err)
	}
}

// A rogue host sees every question. It can neither bid nor refuse in another's name, nor spoil the auction by junk of its own.
func TestHostCannotBidForAnother(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	honest := serve(t, l, &placer{})
	rogue := l.User(bus.RoleHost)
	nc := l.ConnAs(rogue)
	sub, err := nc.Subscribe("auc.>", func(m *nats.Msg) {
		_, body, _ := strings.Cut(string(m.Data), `"token":"`)
		token := body[:26]
		forged := `{"host":"` + honest + `","free":0,"refused":"I am full"}`
		_ = nc.Publish("evt."+honest+".bid."+token, []byte(forged))
		_ = nc.Publish("evt."+rogue.ID+".bid."+token, []byte(`{"free":1e999}`))
		_ = nc.Publish("evt."+rogue.ID+".bid."+token, []byte(forged))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	bids, err := latticeOf(l).Auction(ctx, control.Auction{Live: func() []string { return []string{honest, rogue.ID} }})
	if err != nil || len(bids) != 2 {
		t.Fatalf("%+v, %v", bids, err)
	}
	for _, b := range bids {
		if honestly := b.Host == honest; honestly != (b.Free == 1) || !honestly && b.Host != rogue.ID {
			t.Errorf("bid %+v", b)
		}
	}
}

func TestBidThatPanicsHarmsNobody(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	bad := serve(t, l, &placer{bid: func(context.Context, control.Ask) (control.Bid, error) { panic("bid") }})
	good := serve(t, l, &placer{})
	bids, err := latticeOf(l).Auction(ctx, control.Auction{Live: func() []string { return []string{good} }})
	if err != nil || len(bids) != 1 || bids[0].Host != good {
		t.Errorf("%+v, %v", bids, err)
	}
	if err := client(l, bus.RoleAdmin, bad).Stop(ctx, control.StopRequest{Actor: "x"}); err != nil {
		t.Errorf("after a bid that panicked: %v", err)
	}
}

func TestBidsAreNoEvents(t *testing.T) {
	l := latticetest.Hub(t)
	ctx, cancel := context.WithCancel(latticetest.Context(t))
	defer cancel()
	u := l.User(bus.RoleHost)
	nc := l.ConnAs(u)
	s, err := control.Serve(nc, serviceOf(t, l, u.ID, &placer{}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events, err := control.NewClient(l.TCP(bus.RoleView), nil, "").Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := latticeOf(l).Auction(ctx, control.Auction{Live: func() []string { return []string{u.ID} }}); err != nil {
		t.Fatal(err)
	}
	if err := control.PublishEvent(nc, lattice.Event{Host: u.ID, Kind: "last"}); err != nil {
		t.Fatal(err)
	}
	if ev := next(t, events); ev.Kind != "last" {
		t.Errorf("an event %+v", ev)
	}
}

func BenchmarkAuction(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint("hosts=", n), func(b *testing.B) { benchAuction(b, n) })
	}
}

func benchAuction(b *testing.B, n int) {
	l := latticetest.Hub(b)
	trust, err := envelope.TrustOf(l.Identity)
	if err != nil {
		b.Fatal(err)
	}
	var ids []string
	for range n {
		u := l.User(bus.RoleHost)
		s, err := control.Serve(l.ConnAs(u), control.ServiceConfig{Host: u.ID, Node: &placer{}, Trust: envelope.Fixed(trust)})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		ids = append(ids, u.ID)
	}
	lat := latticeOf(l)
	for b.Loop() {
		if bids, err := lat.Auction(b.Context(), control.Auction{Live: func() []string { return ids }}); err != nil || len(bids) != n {
			b.Fatal(len(bids), err)
		}
	}
}
