package control_test

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func next[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-ch:
		if !ok {
			t.Fatal("the channel was closed")
		}
		return v
	case <-time.After(latticetest.Patience):
		t.Fatal("nothing came")
	}
	panic("not reached")
}

// body is an event as it travels.
func body(t *testing.T, ev lattice.Event) []byte {
	t.Helper()
	b, err := control.MarshalEvent(ev)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEventsReachThoseWhoFollow(t *testing.T) {
	l := latticetest.Hub(t)
	ctx, cancel := context.WithCancel(latticetest.Context(t))
	defer cancel()
	u, other := l.User(bus.RoleHost), l.User(bus.RoleHost)
	host, view := l.ConnAs(u), l.TCP(bus.RoleView)
	one, err := control.NewClient(view, nil, u.ID).Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	all, err := control.NewClient(view, nil, "").Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ev := lattice.Event{ID: "1", Kind: "actor.started", Host: u.ID, Subject: actorID, Time: time.Now().UTC(), Data: map[string]string{"name": "counter"}}
	elsewhere := ev
	elsewhere.Host = other.ID
	if err := control.PublishEvent(l.ConnAs(other), elsewhere); err != nil {
		t.Fatal(err)
	}
	if got := next(t, all); got.Host != other.ID {
		t.Errorf("got %+v", got)
	}
	if err := host.Publish("evt."+u.ID+".junk", []byte("{")); err != nil { // is left out
		t.Fatal(err)
	}
	if err := control.PublishEvent(host, ev); err != nil {
		t.Fatal(err)
	}
	for _, ch := range []<-chan lattice.Event{one, all} {
		if got := next(t, ch); !reflect.DeepEqual(got, ev) {
			t.Errorf("sent %+v, got %+v", ev, got)
		}
	}
	cancel()
	latticetest.WaitFor(t, "the channel to be closed", func() bool { _, open := <-one; return !open })
}

func TestHostCannotSpeakForAnother(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	mine, victim := l.User(bus.RoleHost), l.User(bus.RoleHost)
	host := l.ConnAs(mine)
	events, err := control.NewClient(l.TCP(bus.RoleView), nil, "").Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	forged := lattice.Event{Kind: "actor.started", Host: victim.ID}
	if err := control.PublishEvent(host, forged); err != nil {
		t.Fatal(err)
	}
	if err := host.Publish("evt."+mine.ID+".actor.started", body(t, forged)); err != nil {
		t.Fatal(err)
	}
	if err := control.PublishEvent(host, lattice.Event{Kind: "actor.started", Host: mine.ID}); err != nil {
		t.Fatal(err)
	}
	if got := next(t, events); got.Host != mine.ID {
		t.Errorf("an event of %s was sent by %s", got.Host, mine.ID)
	}
}

func TestLogsAreFollowedByIDNameOrAll(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	u := l.User(bus.RoleHost)
	c := control.NewClient(l.TCP(bus.RoleView), nil, u.ID)
	follow := func(actor string) <-chan control.LogRecord {
		t.Helper()
		ch, err := c.Logs(ctx, actor)
		if err != nil {
			t.Fatal(err)
		}
		return ch
	}
	all, byID, byName, provider := follow(""), follow(actorID), follow("counter"), follow("httpserver")
	r := control.LogRecord{Time: time.Now().UTC(), Level: slog.LevelWarn, Actor: actorID, Name: "counter", Instance: 3, Message: "high", Attrs: map[string]string{"n": "1"}}
	p := control.LogRecord{Actor: "httpserver", Message: "listening"}
	nc := l.ConnAs(u)
	for _, r := range []control.LogRecord{p, r} {
		if err := control.PublishLog(nc, u.ID, r); err != nil {
			t.Fatal(err)
		}
	}
	r.Host, p.Host = u.ID, u.ID
	if got := next(t, all); !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v", got)
	}
	if got := next(t, provider); !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v", got)
	}
	for _, ch := range []<-chan control.LogRecord{all, byID, byName} {
		if got := next(t, ch); !reflect.DeepEqual(got, r) {
			t.Errorf("sent %+v, got %+v", r, got)
		}
	}
	r.Message = strings.Repeat("é", 10000)
	if err := control.PublishLog(nc, u.ID, r); err != nil {
		t.Fatal(err)
	}
	if got := next(t, byID); len(got.Message) > 9000 || !strings.HasSuffix(got.Message, "é…") {
		t.Errorf("a long message came as %d bytes", len(got.Message))
	}
}

func TestWrongTelemetryIsRefused(t *testing.T) {
	l := latticetest.Hub(t)
	u := l.User(bus.RoleHost)
	nc, ctx := l.ConnAs(u), latticetest.Context(t)
	for _, ev := range []lattice.Event{{Kind: "a.b"}, {Host: u.ID}, {Host: u.ID, Kind: "a..b"}, {Host: u.ID, Kind: "a.*"}, {Host: u.ID, Kind: ">"}} {
		wantError(t, control.PublishEvent(nc, ev), lattice.ErrInvalid)
	}
	wantError(t, control.PublishEvent(nc, lattice.Event{Host: u.ID, Kind: "a", Subject: strings.Repeat("x", control.MaxTelemetry)}), lattice.ErrLimit)
	wantError(t, control.PublishLog(nc, u.ID, control.LogRecord{Actor: "*"}), lattice.ErrInvalid)
	wantError(t, control.PublishLog(nc, "x", control.LogRecord{Actor: actorID}), lattice.ErrInvalid)
	c := control.NewClient(nc, nil, "not a host")
	_, err := c.Events(ctx)
	wantError(t, err, lattice.ErrInvalid)
	_, err = control.NewClient(nc, nil, u.ID).Logs(ctx, "a.>")
	wantError(t, err, lattice.ErrInvalid)
	nc.Close()
	wantError(t, control.PublishEvent(nc, lattice.Event{Host: u.ID, Kind: "a"}), lattice.ErrUnavailable)
}

func TestChannelsCloseWithTheConnection(t *testing.T) {
	l := latticetest.Hub(t)
	nc := l.TCP(bus.RoleView)
	ch, err := control.NewClient(nc, nil, "").Events(latticetest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	select {
	case _, open := <-ch:
		if open {
			t.Error("an event out of nothing")
		}
	case <-time.After(latticetest.Patience):
		t.Error("the channel is still open")
	}
}

func TestPlacementsAreKeptPerHost(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	open := func() *control.Places {
		t.Helper()
		p, err := control.OpenPlaces(ctx, l.Conn(bus.RoleService), latticetest.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p, h1, h2 := open(), l.User(bus.RoleHost).ID, l.User(bus.RoleHost).ID
	pl := control.Placement{Host: h1, Actor: actorID, Start: control.StartRequest{Hash: "abc", Limits: control.Limits{Timeout: control.Duration(time.Second)}}}
	stored, err := p.Put(ctx, pl)
	if err != nil || stored.Revision == 0 {
		t.Fatal(stored, err)
	}
	pl.Host = h2
	if _, err := p.Put(ctx, pl); err != nil {
		t.Fatal(err)
	}
	changed := stored
	changed.Start.Hash = "def"
	if changed, err = p.Put(ctx, changed); err != nil {
		t.Fatal(err)
	}
	_, err = p.Put(ctx, stored)
	wantError(t, err, lattice.ErrConflict)
	_, err = p.Put(ctx, control.Placement{Host: h1, Actor: "name"})
	wantError(t, err, lattice.ErrInvalid)
	l.Restart()
	p = open()
	if list, err := p.List(ctx, h1); err != nil || !reflect.DeepEqual(list, []control.Placement{changed}) {
		t.Errorf("%+v %v", list, err)
	}
	for range 2 {
		if err := p.Delete(ctx, h1, actorID); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := p.List(ctx, h1); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	if list, err := p.List(ctx, h2); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}
