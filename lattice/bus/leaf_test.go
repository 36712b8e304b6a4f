package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// answer answers what comes on the subject with the text, once the interest is known to the hub.
func answer(t testing.TB, nc *nats.Conn, subject, text string) *nats.Subscription {
	t.Helper()
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) {
		if m.Reply != "" {
			_ = m.Respond([]byte(text))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushWithContext(latticetest.Context(t)); err != nil {
		t.Fatal(err)
	}
	return sub
}

// reaches waits until a question is answered: interest takes a moment to get round.
func reaches(t testing.TB, nc *nats.Conn, subject string) {
	t.Helper()
	latticetest.WaitFor(t, "an answer on "+subject, func() bool {
		_, err := nc.Request(subject, nil, time.Second)
		return err == nil
	})
}

func rpcTo(dst, src *latticetest.Leaf) string { return "rpc." + dst.ID() + "." + src.ID() + ".T.S.op" }

func TestHostsReachEachOther(t *testing.T) {
	l := latticetest.Hub(t)
	a, b := l.Leaf("a"), l.Leaf("b")
	answer(t, b.Conn(), "rpc."+b.ID()+".>", "from b")
	nc := a.Conn()
	reaches(t, nc, rpcTo(b, a))
	m, err := nc.Request(rpcTo(b, a), []byte("x"), time.Second)
	if err != nil || string(m.Data) != "from b" {
		t.Fatalf("got %v, %v", m, err)
	}
	if _, err := nc.Request("rpc."+l.User(bus.RoleHost).ID+"."+a.ID()+".T.S.op", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a host that is not there: %v", err)
	}
	if a.RTT() <= 0 || a.RTT() > time.Second {
		t.Errorf("round trip of %s", a.RTT())
	}
}

// TestLeafMayDoWhatTheTableSays probes the rights of a host over a real link: what it may is answered, what it may not reaches
// nobody.
func TestLeafMayDoWhatTheTableSays(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	a, b := l.Leaf("a"), l.Leaf("b")
	svc := l.Conn(bus.RoleService)
	for _, name := range []string{"links", "place", "trust", "config", "inv"} {
		if _, err := bus.OpenBucket(ctx, svc, bus.BucketConfig{Name: name, MaxValue: 1 << 10}); err != nil {
			t.Fatal(err)
		}
	}
	heard := make(chan string, 1000)
	if _, err := svc.Subscribe(">", func(m *nats.Msg) { heard <- m.Subject + " " + string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	if err := svc.Flush(); err != nil {
		t.Fatal(err)
	}
	nc := a.Conn()
	// Each message is followed by one that is allowed: messages of one connection stay in order, so when that is here, the one
	// before is not coming.
	published := func(subject string) (got bool) {
		if err := errors.Join(nc.Publish(subject, []byte("probe")), nc.Publish("hb."+a.ID(), []byte("end "+subject))); err != nil {
			t.Fatal(err)
		}
		for {
			select {
			case s := <-heard:
				if s == "hb."+a.ID()+" end "+subject {
					return got
				}
				got = got || strings.HasSuffix(s, " probe")
			case <-ctx.Done():
				t.Fatal("the hub hears nothing")
			}
		}
	}
	subjects := func(s string) []string {
		return strings.Fields(strings.NewReplacer("<me>", a.ID(), "<h>", b.ID()).Replace(s))
	}
	latticetest.WaitFor(t, "the hub to hear", func() bool {
		_ = nc.Publish("hb."+a.ID(), nil)
		select {
		case <-heard:
			return true
		case <-time.After(5 * time.Millisecond):
			return false
		}
	})
	for _, s := range subjects("rpc.<h>.<me>.T.S.op evt.<me>.actor.started hb.<me> log.<me>.M _R.<h>.x.y blob.a.0.1 cfg.get.<me>.l enroll.<me>") {
		if !published(s) {
			t.Errorf("%s does not reach the hub", s)
		}
	}
	for _, s := range subjects("rpc.<h>.<h>.T.S.op rpc.<me>.<h>.T.S.op evt.<h>.x hb.<h> log.<h>.M ctl.<h>.stop ctl.<me>.stop auc.who $KV.links.k $KV.inv.<h> " +
		"kvup.links.k cfg.get.<h>.l enroll.<h> loc.x $O.modules.C.x $SYS.REQ.x $JS.API.STREAM.DELETE.KV_links") {
		if published(s) {
			t.Errorf("%s reaches the hub", s)
		}
	}
	asked := func(subject, data string) error {
		m, err := nc.Request(subject, []byte(data), 2*time.Second)
		if err == nil && strings.Contains(string(m.Data), `"error"`) {
			return errors.New(string(m.Data))
		}
		return err
	}
	for _, s := range []string{"links", "place", "trust", "inv", "members"} {
		if err := asked("$JS.hub.API.DIRECT.GET.KV_"+s, `{"seq":1,"next_by_subj":"$KV.`+s+`.>","batch":1}`); err != nil {
			t.Errorf("cannot read %s: %v", s, err)
		}
	}
	if err := asked("$JS.hub.API.$KV.inv."+a.ID(), "{}"); err != nil {
		t.Errorf("cannot write its own inventory: %v", err)
	}
	for _, s := range subjects("$JS.hub.API.$KV.inv.<h> $JS.hub.API.$KV.links.k $JS.hub.API.DIRECT.GET.KV_config $JS.hub.API.DIRECT.GET.KV_tokens " +
		"$JS.hub.API.STREAM.DELETE.KV_links $JS.hub.API.STREAM.PURGE.KV_links $JS.hub.API.STREAM.CREATE.X $JS.hub.API.CONSUMER.CREATE.KV_links " +
		"$JS.hub.API.STREAM.INFO.KV_links $JS.<h>.API.INFO") {
		if err := asked(s, "{}"); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s: %v", s, err)
		}
	}
	r, err := bus.UseBucket(svc, "links")
	if err != nil {
		t.Fatal(err)
	}
	if all, err := r.Load(ctx); err != nil || len(all) != 0 {
		t.Errorf("links after the probes: %v, %v", all, err)
	}
}

func TestLeafHearsOnlyWhatIsForIt(t *testing.T) {
	l := latticetest.Hub(t)
	a, b := l.Leaf("a"), l.Leaf("b")
	svc, nc := l.Conn(bus.RoleService), a.Conn()
	heard := make(chan string, 1000)
	// ">" within the host is fine; what the hub sends is what the host may hear.
	if _, err := nc.Subscribe(">", func(m *nats.Msg) { heard <- m.Subject }); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"ctl." + b.ID() + ".>", "_R." + b.ID() + ".>", "rpc." + b.ID() + ".>", "evt.>", "$KV.>"} {
		if _, err := nc.Subscribe(s, func(m *nats.Msg) { heard <- m.Subject }); err != nil {
			t.Fatal(err)
		}
	}
	send := func(subjects ...string) (got []string) {
		for _, s := range append(subjects, "ctl."+a.ID()+".end") {
			if err := svc.Publish(s, nil); err != nil {
				t.Fatal(err)
			}
		}
		for {
			select {
			case s := <-heard:
				if s == "ctl."+a.ID()+".end" {
					return got
				}
				if !strings.HasPrefix(s, "enroll.") && !strings.HasPrefix(s, "_R."+a.ID()) && !strings.HasPrefix(s, "$JS.EVENT") {
					got = append(got, s)
				}
			case <-latticetest.Context(t).Done():
				t.Fatal("the host hears nothing")
			}
		}
	}
	latticetest.WaitFor(t, "the host to hear", func() bool {
		_ = svc.Publish("ctl."+a.ID()+".x", nil)
		select {
		case <-heard:
			return true
		case <-time.After(10 * time.Millisecond):
			return false
		}
	})
	send() // what was left
	for _, s := range []string{"ctl." + b.ID() + ".stop", "_R." + b.ID() + ".secret", "rpc." + b.ID() + "." + a.ID() + ".T.S.op", "evt." + b.ID() + ".x", "$KV.links.k",
		"loc.x", "log." + b.ID() + ".M"} {
		if got := send(s); len(got) > 0 {
			t.Errorf("the host heard %s: %v", s, got)
		}
	}
	if got := send("auc.who"); len(got) == 0 {
		t.Error("the host did not hear auc.who")
	}
}

func TestLocalPlaneStaysInTheHost(t *testing.T) {
	l := latticetest.Hub(t)
	a, b := l.Leaf("a"), l.Leaf("b")
	nc, other, svc := a.Conn(), b.Conn(), l.Conn(bus.RoleService)
	answer(t, nc, "loc.x", "mine")
	if _, err := a.Conn().Request("loc.x", nil, time.Second); err != nil {
		t.Errorf("within the host: %v", err)
	}
	for _, c := range []*nats.Conn{other, svc} {
		if _, err := c.Request("loc.x", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("from outside: %v", err)
		}
	}
}

func TestHostWorksWithoutAHub(t *testing.T) {
	l := latticetest.Hub(t)
	host := l.Join("edge", nil)
	l.Stop()
	host.Start()
	ctx := latticetest.Context(t)
	js, err := jetstream.New(host.Conn())
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(ctx, "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the reason", func() bool { return host.State().Err != nil })
	wantError(t, host.State().Err, lattice.ErrUnavailable, "tls://")
	if host.Up() || host.State().Stopped {
		t.Errorf("state %+v", host.State())
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	wantError(t, host.Leaf.WaitUp(short), lattice.ErrUnavailable, "tls://")

	host.Stop()
	host.Start() // still alone; its own state is there
	if js, err = jetstream.New(host.Conn()); err != nil {
		t.Fatal(err)
	}
	if kv, err = js.KeyValue(ctx, "mine"); err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(ctx, "k"); err != nil || string(e.Value()) != "v" {
		t.Errorf("after a restart: %v, %v", e, err)
	}
	l.Start()
	host.WaitUp()
}

func TestLeafStoreIsForOneLeafAtATime(t *testing.T) {
	l := latticetest.Hub(t)
	host := l.Leaf("a")
	cfg := host.Membership.Leaf()
	cfg.Dir = host.Dir
	_, err := bus.StartLeaf(latticetest.Context(t), cfg)
	wantError(t, err, lattice.ErrConflict, host.Dir)
	checkMode(t, filepath.Join(host.Dir, "account"), 0o600)
	host.Stop()
	if err := os.WriteFile(filepath.Join(host.Dir, "account"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = bus.StartLeaf(latticetest.Context(t), cfg)
	wantError(t, err, lattice.ErrInvalid, "account")
}

func TestBadHubAddressesAreRefused(t *testing.T) {
	u := newKey(t)
	var pin bus.Pin
	pin[0] = 1
	for _, tc := range []struct {
		hubs []string
		pin  bus.Pin
		kind error
	}{
		{nil, pin, lattice.ErrInvalid},
		{[]string{"tls://host"}, pin, lattice.ErrInvalid},
		{[]string{"tls://:1"}, pin, lattice.ErrInvalid},
		{[]string{"http://host:1"}, pin, lattice.ErrInvalid},
		{[]string{"tls://user:secret@host:1"}, pin, lattice.ErrInvalid},
		{[]string{"tls://host:1\r\n"}, pin, lattice.ErrInvalid},
		{make([]string, 17), pin, lattice.ErrInvalid},
		{[]string{"nats-leaf://192.0.2.1:1"}, bus.Pin{}, lattice.ErrDenied},
		{[]string{"ws://192.0.2.1:1"}, bus.Pin{}, lattice.ErrDenied},
		{[]string{"nats-leaf://127.0.0.1:1"}, pin, lattice.ErrDenied},
	} {
		_, err := bus.StartLeaf(latticetest.Context(t), bus.LeafConfig{User: u, Hubs: tc.hubs, Pin: tc.pin})
		wantError(t, err, tc.kind)
		if err != nil && strings.Contains(err.Error(), "secret") && !strings.Contains(err.Error(), "it is not") {
			t.Errorf("quotes a password: %v", err)
		}
	}
	_, err := bus.StartLeaf(latticetest.Context(t), bus.LeafConfig{Hubs: []string{"tls://h:1"}})
	wantError(t, err, lattice.ErrInvalid, "credential")
}

func newKey(t testing.TB) *bus.User {
	t.Helper()
	u, err := bus.NewHostKey()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTooLargeAMessageDoesNotEndTheLink(t *testing.T) {
	l := latticetest.Hub(t)
	a := l.Leaf("a")
	answer(t, l.Conn(bus.RoleService), "evt.>", "ok")
	nc := a.Conn()
	subject := "evt." + a.ID() + ".x"
	reaches(t, nc, subject)
	since := a.State().Since
	if err := nc.Publish(subject, make([]byte, bus.MaxPayload+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("got %v", err)
	}
	// The largest that the local server takes, with and without headers, must pass the link as well.
	if _, err := nc.Request(subject, make([]byte, bus.MaxPayload), 5*time.Second); err != nil {
		t.Error(err)
	}
	if _, err := nc.RequestMsg(&nats.Msg{Subject: subject, Header: nats.Header{"A": {strings.Repeat("x", 1<<16)}}, Data: make([]byte, bus.MaxPayload-1<<17)},
		5*time.Second); err != nil {
		t.Error(err)
	}
	if !a.Up() || !a.State().Since.Equal(since) {
		t.Error("the link was lost")
	}
}

func TestMessagesAreCheckedBeforeTheyAreSent(t *testing.T) {
	for _, s := range []string{"", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB x", "a.*", "a.>", ">", "ä", strings.Repeat("a", 256), strings.Repeat("a", 5000)} {
		wantError(t, bus.CheckMessage(s, 1), lattice.ErrInvalid)
	}
	for _, s := range []string{"a", "rpc.U.U.a-b_c.d", "$KV.links.k=/", strings.Repeat("a", 255)} {
		if err := bus.CheckMessage(s, bus.MaxMessage); err != nil {
			t.Error(err)
		}
	}
	wantError(t, bus.CheckMessage("a", bus.MaxMessage+1), lattice.ErrLimit, "stream")
	if n := testing.AllocsPerRun(10, func() { _ = bus.CheckMessage("rpc.U.U.a-b_c.d", 10) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
