package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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

var actorID = "M" + strings.Repeat("A", 55)

// node is a Node that does what the test says and takes note of what it was asked.
type node struct {
	call func(ctx context.Context, r control.CallRequest) (control.CallReply, error)

	mu    sync.Mutex
	err   error // guarded by mu: of all other commands
	asked []any // guarded by mu
}

func (n *node) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

// take is what it was asked since the last take.
func (n *node) take() []any {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := n.asked
	n.asked = nil
	return asked
}

func (n *node) note(v any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, v)
	return n.err
}

func (n *node) Start(_ context.Context, r control.StartRequest) (control.ActorInfo, error) {
	return info(), n.note(r)
}
func (n *node) Stop(_ context.Context, r control.StopRequest) error { return n.note(r) }
func (n *node) PutLink(_ context.Context, l lattice.Link) (lattice.Link, error) {
	err := n.note(l)
	l.Revision++
	return l, err
}
func (n *node) DeleteLink(_ context.Context, k lattice.LinkKey) error { return n.note(k) }
func (n *node) Inventory(context.Context) (control.Inventory, error) {
	return control.Inventory{Actors: []control.ActorInfo{info()}}, n.note("inventory")
}
func (n *node) Call(ctx context.Context, r control.CallRequest) (control.CallReply, error) {
	return n.call(ctx, r)
}

func info() control.ActorInfo {
	return control.ActorInfo{ID: actorID, Name: "counter", State: control.StateRunning, Started: time.Unix(1700000000, 0).UTC()}
}

// serviceOf is the config of a host that trusts the lattice.
func serviceOf(t testing.TB, l *latticetest.Lattice, host string, n control.Node) control.ServiceConfig {
	t.Helper()
	trust, err := envelope.TrustOf(l.Identity)
	if err != nil {
		t.Fatal(err)
	}
	return control.ServiceConfig{Host: host, Node: n, Trust: envelope.Fixed(trust), Log: latticetest.Log(t)}
}

// client is a client of a new user of the role, within the process.
func client(l *latticetest.Lattice, role bus.Role, host string) *control.Client {
	u := l.User(role)
	return control.NewClient(l.ConnAs(u), u, host)
}

// overTCP is client over the loopback interface.
func overTCP(l *latticetest.Lattice, role bus.Role, host string) *control.Client {
	return control.NewClient(l.TCP(role), l.User(role), host)
}

// serve puts the node on the lattice and returns its host's id.
func serve(t testing.TB, l *latticetest.Lattice, n control.Node) string {
	t.Helper()
	u := l.User(bus.RoleHost)
	s, err := control.Serve(l.ConnAs(u), serviceOf(t, l, u.ID, n))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return u.ID
}

func wantError(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	var e *lattice.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Errorf("got %v, want %v", err, kind)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
}

func TestCommandsArriveAsTheyWereSent(t *testing.T) {
	l := latticetest.Hub(t)
	n := &node{}
	c, ctx := overTCP(l, bus.RoleAdmin, serve(t, l, n)), latticetest.Context(t)

	start := control.StartRequest{Hash: strings.Repeat("0", 64), Replace: true, Config: map[string]string{"a": "b"},
		Limits: control.Limits{Instances: 3, Memory: 1 << 20, Timeout: control.Duration(1500 * time.Millisecond)}}
	if got, err := c.Start(ctx, start); err != nil || !reflect.DeepEqual(got, info()) {
		t.Error(got, err)
	}
	stop := control.StopRequest{Actor: "counter"}
	if err := c.Stop(ctx, stop); err != nil {
		t.Error(err)
	}
	link := lattice.Link{Source: actorID, Target: "keyvalue", Contract: "wasi:keyvalue", Name: "default", Config: map[string]string{"k": "v"}, Revision: 4}
	stored, err := c.PutLink(ctx, link)
	if err != nil || stored.Revision != 5 || stored.Config["k"] != "v" {
		t.Error(stored, err)
	}
	if err := c.DeleteLink(ctx, link.Key()); err != nil {
		t.Error(err)
	}
	inv, err := c.Inventory(ctx)
	if err != nil || len(inv.Actors) != 1 || inv.Actors[0].Name != "counter" {
		t.Error(inv, err)
	}
	if got, want := n.take(), []any{start, stop, link, link.Key(), "inventory"}; !reflect.DeepEqual(got, want) {
		t.Errorf("asked\n%+v, want\n%+v", got, want)
	}
}

func TestKindMessageAndHintOfAnErrorSurvive(t *testing.T) {
	l := latticetest.Hub(t)
	n := &node{}
	c, ctx := client(l, bus.RoleAdmin, serve(t, l, n)), latticetest.Context(t)
	for _, kind := range []error{lattice.ErrDenied, lattice.ErrNoLink, lattice.ErrNotFound, lattice.ErrInvalid, lattice.ErrConflict, lattice.ErrBusy,
		lattice.ErrDeadline, lattice.ErrTrap, lattice.ErrLimit, lattice.ErrUnavailable, lattice.ErrUnsupported, lattice.ErrInternal} {
		secret := errors.New("a cause for this host only")
		sent := fmt.Errorf("host: stop: %w", &lattice.Error{Kind: kind, Msg: "no such \"actor\"\nhere", Hint: "start it", Err: secret})
		n.fail(sent)
		err := c.Stop(ctx, control.StopRequest{Actor: "x"})
		want := lattice.Error{Kind: kind, Msg: "no such \"actor\"\nhere", Hint: "start it"}
		var got *lattice.Error
		if !errors.As(err, &got) || !reflect.DeepEqual(*got, want) {
			t.Errorf("sent %v, got %v", sent, err)
		}
	}
	n.fail(lattice.ErrBusy)
	wantError(t, c.Stop(ctx, control.StopRequest{}), lattice.ErrBusy)
	n.fail(errors.New("plain"))
	wantError(t, c.Stop(ctx, control.StopRequest{}), lattice.ErrInternal, "plain")
	n.fail(&lattice.Error{Msg: "an error without a kind"})
	if err := c.Stop(ctx, control.StopRequest{}); err == nil {
		t.Error("an error without a kind was lost")
	}
}

func TestPanicOfTheNodeIsAnErrorAndTheNextCommandWorks(t *testing.T) {
	l := latticetest.Hub(t)
	n := &node{call: func(context.Context, control.CallRequest) (control.CallReply, error) { panic("secret detail") }}
	c, ctx := client(l, bus.RoleAdmin, serve(t, l, n)), latticetest.Context(t)
	_, err := c.Call(ctx, control.CallRequest{Actor: "a", Func: "f"})
	wantError(t, err, lattice.ErrInternal, "call")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the panic's text went to the caller: %v", err)
	}
	if err := c.Stop(ctx, control.StopRequest{}); err != nil {
		t.Error(err)
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	l := latticetest.Hub(t)
	n := &node{}
	host, nc, admin := serve(t, l, n), l.Conn(bus.RoleAdmin), l.User(bus.RoleAdmin)
	for _, body := range []string{"", "{", "[]", `"x"`, `{"hash":1}`, `{"hash":"x","unknown":1}`, `{"hash":"x"}{}`, `{"hash":"x"} x`,
		`{"limits":{"timeout":"soon"}}`, `{"limits":{"instances":"1e99"}}`, `{"hash":"` + strings.Repeat("x", control.MaxRequest) + `"}`} {
		m, err := nc.RequestWithContext(latticetest.Context(t), "ctl."+host+".start", signed(t, admin, "ctl."+host+".start", body))
		if err != nil {
			t.Fatal(err)
		}
		if code := m.Header.Get("Nats-Service-Error-Code"); code != "invalid" && code != "limit" {
			t.Errorf("%.40q: code %q, body %.200q", body, code, m.Data)
		}
	}
	if asked := n.take(); len(asked) > 0 {
		t.Errorf("the node was asked %v", asked)
	}
}

func TestTooLargeRequestsAndAnswersAreRefused(t *testing.T) {
	l := latticetest.Hub(t)
	n := &node{call: func(_ context.Context, r control.CallRequest) (control.CallReply, error) {
		if r.Func == "broken" {
			return control.CallReply{Result: json.RawMessage(`{`)}, nil
		}
		return control.CallReply{Result: json.RawMessage(`"` + strings.Repeat("x", control.MaxReply) + `"`)}, nil
	}}
	c, ctx := client(l, bus.RoleAdmin, serve(t, l, n)), latticetest.Context(t)
	_, err := c.Call(ctx, control.CallRequest{})
	wantError(t, err, lattice.ErrLimit, "answer")
	_, err = c.Call(ctx, control.CallRequest{Actor: strings.Repeat("x", control.MaxRequest)})
	wantError(t, err, lattice.ErrLimit, "request")
	_, err = c.Call(ctx, control.CallRequest{Func: "broken"})
	wantError(t, err, lattice.ErrInternal, "JSON")
}

func TestRightsAreChecked(t *testing.T) {
	l := latticetest.Hub(t)
	n := &node{}
	host, ctx := serve(t, l, n), latticetest.Context(t)
	viewer := overTCP(l, bus.RoleView, host)
	if _, err := viewer.Inventory(ctx); err != nil {
		t.Errorf("a viewer asks for the inventory: %v", err)
	}
	n.take()
	wantError(t, viewer.Stop(ctx, control.StopRequest{Actor: "x"}), lattice.ErrDenied, "stop", "admin")
	_, err := viewer.Start(ctx, control.StartRequest{})
	wantError(t, err, lattice.ErrDenied)
	_, err = viewer.Upload(ctx, []byte("module"), nil)
	wantError(t, err, lattice.ErrDenied, "upload")
	other := client(l, bus.RoleHost, host)
	wantError(t, other.Stop(ctx, control.StopRequest{Actor: "x"}), lattice.ErrDenied)
	if asked := n.take(); len(asked) > 0 {
		t.Errorf("the node was asked %v", asked)
	}
}

func TestHostThatIsNotThereIsSaidAtOnce(t *testing.T) {
	l := latticetest.Hub(t)
	admin := l.User(bus.RoleAdmin)
	nc, ctx := l.ConnAs(admin), latticetest.Context(t)
	wantError(t, control.NewClient(nc, admin, l.User(bus.RoleHost).ID).Stop(ctx, control.StopRequest{}), lattice.ErrUnavailable, "is it running")
	for _, id := range []string{"", "U", "*", ">", "x y", strings.Repeat("U", 57)} {
		wantError(t, control.NewClient(nc, admin, id).Stop(ctx, control.StopRequest{}), lattice.ErrInvalid)
	}
	_, err := control.Serve(nc, serviceOf(t, l, "*", &node{}))
	wantError(t, err, lattice.ErrInvalid)
	nc.Close()
	wantError(t, control.NewClient(nc, admin, l.User(bus.RoleHost).ID).Stop(ctx, control.StopRequest{}), lattice.ErrUnavailable)
}

// ending is a call that runs until its context ends.
func ending() (*node, chan error) {
	ended := make(chan error, 1)
	return &node{call: func(ctx context.Context, _ control.CallRequest) (control.CallReply, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return control.CallReply{}, ctx.Err()
	}}, ended
}

func TestDeadlineOfTheCallerReachesTheNode(t *testing.T) {
	l := latticetest.Hub(t)
	n, ended := ending()
	c := overTCP(l, bus.RoleAdmin, serve(t, l, n))
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Call(ctx, control.CallRequest{})
	wantError(t, err, lattice.ErrDeadline)
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestCallerThatGoesAwayCancelsItsCommand(t *testing.T) {
	l := latticetest.Hub(t)
	for name, leave := range map[string]func(*nats.Conn, context.CancelFunc){
		"cancelled":   func(_ *nats.Conn, cancel context.CancelFunc) { cancel() },
		"disconnects": func(nc *nats.Conn, _ context.CancelFunc) { nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			n, ended := ending()
			began := make(chan bool, 1)
			call := n.call
			n.call = func(ctx context.Context, r control.CallRequest) (control.CallReply, error) {
				began <- true
				return call(ctx, r)
			}
			nc, admin := l.TCP(bus.RoleAdmin), l.User(bus.RoleAdmin)
			c := control.NewClient(nc, admin, serve(t, l, n))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan error, 1)
			go func() { _, err := c.Call(ctx, control.CallRequest{}); done <- err }()
			<-began
			leave(nc, cancel)
			if err := <-done; err == nil {
				t.Error("no error")
			}
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the command ended with %v", err)
			}
		})
	}
}

func TestBeatsKeepALongCommandAlive(t *testing.T) {
	l := latticetest.Hub(t)
	release := make(chan bool)
	n := &node{call: func(context.Context, control.CallRequest) (control.CallReply, error) {
		<-release
		return control.CallReply{Result: json.RawMessage("7")}, nil
	}}
	host, nc, admin := serve(t, l, n), l.Conn(bus.RoleAdmin), l.User(bus.RoleAdmin)
	beats := make(chan bool, 10)
	sub, err := nc.Subscribe(nc.NewInbox(), func(m *nats.Msg) { beats <- m.Header.Get("Wattle-Beat") != "" })
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("ctl."+host+".call", sub.Subject, signed(t, admin, "ctl."+host+".call", `{"actor":"a","func":"f"}`)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !<-beats {
			t.Fatal("an answer before the command ended")
		}
	}
	close(release)
	for <-beats {
	}
}

func TestCloseEndsCommandsAndTakesNoMore(t *testing.T) {
	l := latticetest.Hub(t)
	n, ended := ending()
	u := l.User(bus.RoleHost)
	s, err := control.Serve(l.ConnAs(u), serviceOf(t, l, u.ID, n))
	if err != nil {
		t.Fatal(err)
	}
	c, ctx := client(l, bus.RoleAdmin, u.ID), latticetest.Context(t)
	done := make(chan error, 1)
	began := make(chan bool, 1)
	call := n.call
	n.call = func(ctx context.Context, r control.CallRequest) (control.CallReply, error) {
		began <- true
		return call(ctx, r)
	}
	go func() { _, err := c.Call(ctx, control.CallRequest{}); done <- err }()
	<-began
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the caller was told of success")
	}
	latticetest.WaitFor(t, "commands to be refused", func() bool { return errors.Is(c.Stop(ctx, control.StopRequest{}), lattice.ErrUnavailable) })
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestDiscoverFindsAllHosts(t *testing.T) {
	l := latticetest.Hub(t)
	nc, ctx := l.TCP(bus.RoleView), latticetest.Context(t)
	_, err := control.Discover(ctx, nc)
	wantError(t, err, lattice.ErrUnavailable, "wattle up")
	want := map[string]bool{}
	for range 5 {
		want[serve(t, l, &node{})] = true
	}
	got, err := control.Discover(ctx, nc)
	if err != nil || len(got) != len(want) {
		t.Fatal(got, err)
	}
	for _, id := range got {
		if !want[id] {
			t.Errorf("%s is no host", id)
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = control.Discover(gone, nc)
	wantError(t, err, lattice.ErrDeadline)
}

func BenchmarkRoundTrip(b *testing.B) {
	l := latticetest.Hub(b)
	n := &node{call: func(context.Context, control.CallRequest) (control.CallReply, error) {
		return control.CallReply{Result: json.RawMessage("7")}, nil
	}}
	host, admin := serve(b, l, n), l.User(bus.RoleAdmin)
	for name, nc := range map[string]*nats.Conn{"in-process": l.Conn(bus.RoleAdmin), "tcp": l.TCP(bus.RoleAdmin)} {
		c := control.NewClient(nc, admin, host)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Call(context.Background(), control.CallRequest{Actor: "a", Func: "f"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
