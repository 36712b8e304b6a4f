package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// signed is a command as the user sends it now.
func signed(t testing.TB, u *bus.User, subject, body string) []byte {
	t.Helper()
	return signedAt(t, u, time.Now(), subject, body)
}

func signedAt(t testing.TB, u *bus.User, at time.Time, subject, body string) []byte {
	t.Helper()
	h := envelope.Head{Subject: subject, Issued: at.UnixMilli(), Expires: at.Add(30 * time.Second).UnixMilli()}
	data, err := h.Seal(u, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// send sends a command by hand and returns the code of the error, "" for success, and the answer.
func send(t testing.TB, nc *nats.Conn, subject string, data []byte) (code, answer string) {
	t.Helper()
	m, err := nc.RequestWithContext(latticetest.Context(t), subject, data)
	if err != nil {
		t.Fatal(err)
	}
	return m.Header.Get("Nats-Service-Error-Code"), string(m.Data)
}

// Permissions let an administrator, or a hub that was turned, send what they like. A host obeys only what is signed for it, now, by a credential
// of its lattice whose role may.
func TestCommandsThatAreNotSignedForThisHostAreRefused(t *testing.T) {
	l := latticetest.Hub(t)
	n := &node{}
	host, other := serve(t, l, n), serve(t, l, &node{})
	nc, admin := l.Conn(bus.RoleAdmin), l.User(bus.RoleAdmin)
	stop, body := "ctl."+host+".stop", `{"actor":"x"}`
	stranger, err := bus.NewIdentity("stranger")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := stranger.User(bus.RoleAdmin, "eve", 0)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, c := range map[string]struct {
		data []byte
		code string
		says string
	}{
		"not signed":             {[]byte(body), "invalid", "no signed envelope"},
		"empty":                  {nil, "invalid", "no signed envelope"},
		"for another host":       {signed(t, admin, "ctl."+other+".stop", body), "denied", other},
		"for another verb":       {signed(t, admin, "ctl."+host+".start", body), "denied", ".start"},
		"altered body":           {bytes.Replace(signed(t, admin, stop, body), []byte(`"x"`), []byte(`"y"`), 1), "denied", "body"},
		"altered head":           {bytes.Replace(signed(t, admin, "ctl."+other+".stop", body), []byte(other), []byte(host), 1), "denied", "signature"},
		"a minute too old":       {signedAt(t, admin, now.Add(-2*time.Minute), stop, body), "denied", "clock"},
		"clock an hour behind":   {signedAt(t, admin, now.Add(-time.Hour), stop, body), "denied", "1h0m0s later"},
		"clock an hour ahead":    {signedAt(t, admin, now.Add(time.Hour), stop, body), "denied", "1h0m0s earlier"},
		"view role":              {signed(t, l.User(bus.RoleView), stop, body), "denied", "role view"},
		"host role":              {signed(t, l.User(bus.RoleHost), stop, body), "denied", "role host"},
		"the hub's own role":     {signed(t, l.User(bus.RoleService), stop, body), "denied", "role service"},
		"foreign lattice":        {signed(t, foreign, stop, body), "denied", l.Identity.ID()},
		"from before this start": {signedAt(t, admin, now.Add(-10*time.Second), stop, body), "denied", "copy"},
		"too large":              {signed(t, admin, stop, strings.Repeat(" ", control.MaxRequest+1)), "limit", "allowed"},
	} {
		code, answer := send(t, nc, stop, c.data)
		var e struct{ Msg, Hint string }
		if err := json.Unmarshal([]byte(answer), &e); err != nil || code != c.code || !strings.Contains(e.Msg, c.says) {
			t.Errorf("%s: %q %s", name, code, answer)
		}
	}
	if asked := n.take(); len(asked) > 0 {
		t.Errorf("the node was asked %v", asked)
	}
	if code, answer := send(t, nc, stop, signed(t, admin, stop, body)); code != "" || len(n.take()) != 1 {
		t.Errorf("a proper command: %q %s", code, answer)
	}
	inventory := "ctl." + host + ".inventory"
	if code, answer := send(t, nc, inventory, signed(t, l.User(bus.RoleView), inventory, "{}")); code != "" {
		t.Errorf("a viewer's inventory: %q %s", code, answer)
	}
}

func TestCopyOfACommandGetsTheFirstAnswerAndIsNotCarriedOut(t *testing.T) {
	l := latticetest.Hub(t)
	var calls atomic.Int32
	release := make(chan bool)
	n := &node{call: func(context.Context, control.CallRequest) (control.CallReply, error) {
		<-release
		if n := calls.Add(1); n > 1 {
			return control.CallReply{}, &lattice.Error{Kind: lattice.ErrInternal, Msg: "carried out again"}
		}
		return control.CallReply{Result: json.RawMessage("7")}, nil
	}}
	host, nc, admin := serve(t, l, n), l.Conn(bus.RoleAdmin), l.User(bus.RoleAdmin)
	call := "ctl." + host + ".call"
	command := signed(t, admin, call, `{"actor":"a","func":"f"}`)
	var wg sync.WaitGroup
	answers := make([]string, 5)
	for i := range answers { // while it runs
		wg.Go(func() { _, answers[i] = send(t, nc, call, command) })
	}
	close(release)
	wg.Wait()
	_, later := send(t, nc, call, command)
	for _, a := range append(answers, later) {
		if !strings.Contains(a, `"result":7`) || a != later {
			t.Errorf("answers %q", append(answers, later))
			break
		}
	}
	if calls.Load() != 1 {
		t.Errorf("it was carried out %d times", calls.Load())
	}
	stop := "ctl." + host + ".stop"
	n.fail(&lattice.Error{Kind: lattice.ErrNotFound, Msg: "no such actor"})
	command = signed(t, admin, stop, `{"actor":"x"}`)
	code, refusal := send(t, nc, stop, command)
	n.fail(nil)
	if again, same := send(t, nc, stop, command); code != "not found" || again != code || same != refusal || len(n.take()) != 1 {
		t.Errorf("%q %s, then %q %s", code, refusal, again, same)
	}
}

func TestClientWithoutACredentialCannotCommand(t *testing.T) {
	l := latticetest.Hub(t)
	c := control.NewClient(l.Conn(bus.RoleAdmin), nil, serve(t, l, &node{}))
	wantError(t, c.Stop(latticetest.Context(t), control.StopRequest{}), lattice.ErrDenied, "signed")
}

func TestServiceThatTrustsNobodyIsRefused(t *testing.T) {
	l := latticetest.Hub(t)
	u := l.User(bus.RoleHost)
	for _, cfg := range []control.ServiceConfig{{Host: u.ID, Node: &node{}}, {Host: u.ID, Trust: envelope.Fixed(envelope.Trust{})}} {
		_, err := control.Serve(l.ConnAs(u), cfg)
		wantError(t, err, lattice.ErrInvalid)
	}
}

func TestCommandsOfAPlacerArriveAsTheyWereSent(t *testing.T) {
	l := latticetest.Hub(t)
	n := &placer{}
	c, ctx := overTCP(l, bus.RoleAdmin, serve(t, l, n)), latticetest.Context(t)
	scale := control.ScaleRequest{Actor: "counter", Instances: 3}
	if got, err := c.Scale(ctx, scale); err != nil || got.ID != actorID {
		t.Error(got, err)
	}
	drain := control.DrainRequest{Off: true}
	reply, err := c.Drain(ctx, drain)
	if err != nil || len(reply.Actors) != 1 || reply.Actors[0].Start.Hash != "abc" {
		t.Error(reply, err)
	}
	label := control.LabelRequest{Set: map[string]string{"zone": "kitchen"}, Remove: []string{"old"}}
	if got, err := c.Label(ctx, label); err != nil || got.Labels["zone"] != "kitchen" {
		t.Error(got, err)
	}
	if got, want := n.take(), []any{scale, drain, label}; !reflect.DeepEqual(got, want) {
		t.Errorf("asked\n%+v, want\n%+v", got, want)
	}
	simple := overTCP(l, bus.RoleAdmin, serve(t, l, &node{}))
	_, err = simple.Scale(ctx, scale)
	wantError(t, err, lattice.ErrUnsupported)
	viewer := client(l, bus.RoleView, c.Host())
	_, err = viewer.Drain(ctx, drain)
	wantError(t, err, lattice.ErrDenied)
}

func TestPutLinkWaitsForTheHostsConcernedAndNamesTheOthers(t *testing.T) {
	l := latticetest.Hub(t)
	admin := l.User(bus.RoleAdmin)
	lat := control.NewLattice(l.ConnAs(admin), admin)
	via := serve(t, l, &node{})
	quick, slow, refuses := &placer{}, &placer{await: make(chan error)}, &placer{await: make(chan error, 1)}
	refuses.await <- &lattice.Error{Kind: lattice.ErrInvalid, Msg: "no such bucket"}
	hosts := map[string]*placer{"quick": quick, "slow": slow, "refuses": refuses}
	ids := make(map[string]string)
	for name, n := range hosts {
		ids[name] = serve(t, l, n)
	}
	link := lattice.Link{Source: actorID, Target: "keyvalue", Contract: "wasi:keyvalue", Name: "default", Revision: 4}
	concerned := func(names ...string) func(lattice.Link) []string {
		return func(got lattice.Link) (list []string) {
			if got.Revision != 5 {
				t.Errorf("who is concerned was asked of %+v", got)
			}
			for _, n := range names {
				list = append(list, ids[n])
			}
			return list
		}
	}
	stored, err := lat.PutLink(latticetest.Context(t), via, link, concerned("quick"))
	if err != nil || stored.Revision != 5 {
		t.Errorf("%+v, %v", stored, err)
	}
	if got := quick.take(); len(got) != 1 || !reflect.DeepEqual(got[0], awaited{link.Key(), 5}) {
		t.Errorf("the host was asked %+v", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	gone := l.User(bus.RoleHost).ID
	ids["gone"] = gone
	stored, err = lat.PutLink(ctx, via, link, concerned("quick", "slow", "refuses", "gone"))
	if stored.Revision != 5 || !control.IsPending(err) {
		t.Fatalf("%+v, %v", stored, err)
	}
	wantErrorIs := map[string]error{ids["slow"]: lattice.ErrDeadline, ids["refuses"]: lattice.ErrInvalid, gone: lattice.ErrUnavailable}
	pending := err.(*control.PendingError)
	for id, kind := range wantErrorIs {
		if got := pending.Hosts[id]; lattice.KindOf(got) != kind || !strings.Contains(err.Error(), id) {
			t.Errorf("of %s: %v", id, got)
		}
	}
	if len(pending.Hosts) != 3 || strings.Contains(err.Error(), ids["quick"]) {
		t.Errorf("pending %v", err)
	}
	_, err = lat.PutLink(latticetest.Context(t), gone, link, nil)
	wantError(t, err, lattice.ErrUnavailable)
}
