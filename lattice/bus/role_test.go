package bus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// TestRolesMayDoWhatTheTableSays probes each role over a real connection: me is the user's own id, h another host's.
func TestRolesMayDoWhatTheTableSays(t *testing.T) {
	l := latticetest.Hub(t)
	other := l.User(bus.RoleHost).ID
	for _, tc := range []struct {
		role           bus.Role
		pub, notPub    string
		sub, notSub    string
		alsoOverTheNet bool
	}{
		{role: bus.RoleHost,
			pub: "rpc.<h>.<me>.T.S.op evt.<me>.actor.started hb.<me> log.<me>.M _R.<h>.x.y $JS.hub.API.DIRECT.GET.KV_links " +
				"$JS.hub.API.DIRECT.GET.KV_place.$KV.place.k $JS.hub.API.$KV.inv.<me> blob.a.0.1 cfg.get.<me>.l",
			notPub: "rpc.<h>.<h>.T.S.op evt.<h>.x hb.<h> log.<h>.M ctl.<h>.stop ctl.<me>.stop auc.who $KV.links.k $JS.hub.API.$KV.links.k " +
				"$JS.hub.API.$KV.inv.<h> kvup.links.k $JS.API.STREAM.CREATE.X $JS.hub.API.STREAM.CREATE.X $JS.hub.API.CONSUMER.CREATE.KV_links " +
				"$JS.hub.API.DIRECT.GET.KV_config cfg.get.<h>.l $JS.ACK.x $O.modules.C.x $SYS.REQ.x",
			sub:    "rpc.<me>.> ctl.<me>.> auc.> _R.<me>.> kvup.> $SRV.PING",
			notSub: "> rpc.<h>.> ctl.<h>.> ctl.> _R.> _R.<h>.> evt.> $KV.>"},
		{role: bus.RoleAdmin, alsoOverTheNet: true,
			pub: "ctl.<h>.start auc.who $SRV.PING $O.modules.C.x $JS.hub.API.STREAM.INFO.OBJ_modules $JS.hub.API.DIRECT.GET.KV_links.$KV.links.k",
			notPub: "rpc.<h>.<me>.T.S.op evt.<h>.x log.<h>.M $KV.links.k $JS.hub.API.$KV.links.k kvup.links.k $JS.hub.API.STREAM.DELETE.KV_links " +
				"$JS.hub.API.STREAM.PURGE.KV_links $JS.hub.API.CONSUMER.CREATE.KV_links $JS.API.STREAM.CREATE.X _R.<h>.x",
			sub:    "_R.<me>.> evt.> hb.> log.> kvup.>",
			notSub: "> rpc.> ctl.> _R.> _R.<h>.> $KV.> $O.> $JS.>"},
		{role: bus.RoleView, alsoOverTheNet: true,
			pub: "ctl.<h>.inventory $SRV.PING $JS.hub.API.DIRECT.GET.KV_links $JS.hub.API.DIRECT.GET.KV_inv.$KV.inv.x",
			notPub: "ctl.<h>.start ctl.<h>.stop ctl.<h>.call ctl.<h>.putlink ctl.<h>.deletelink auc.who $O.modules.C.x " +
				"$JS.hub.API.DIRECT.GET.KV_trust $JS.hub.API.STREAM.INFO.OBJ_modules rpc.<h>.<me>.T.S.op evt.<h>.x",
			sub:    "_R.<me>.> evt.> log.>",
			notSub: "> rpc.> ctl.> _R.<h>.>"},
		{role: bus.RoleService,
			pub: "ctl.<h>.start $KV.links.k $JS.API.STREAM.CREATE.X kvup.links.k rpc.<h>.<me>.T.S.op",
			sub: "> ctl.<h>.> _R.>"},
	} {
		t.Run(string(tc.role), func(t *testing.T) {
			u := l.User(tc.role)
			conns := []*nats.Conn{l.ConnAs(u)}
			if tc.alsoOverTheNet {
				nc, err := bus.Connect(latticetest.Context(t), l.ClientURL(), u)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(nc.Close)
				conns = append(conns, nc)
			}
			subjects := func(s string) []string {
				return strings.Fields(strings.NewReplacer("<me>", u.ID, "<h>", other).Replace(s))
			}
			for _, nc := range conns {
				probe := func(subject, verb string, do func(string) error, want bool) {
					t.Helper()
					before := nc.LastError()
					if err := do(subject); err != nil {
						t.Fatal(err)
					}
					if got := allowed(t, nc, before); got != want {
						t.Errorf("may %s %s: %v, want %v", verb, subject, got, want)
					}
				}
				pub := func(s string) error { return nc.Publish(s, nil) }
				sub := func(s string) error { _, err := nc.SubscribeSync(s); return err }
				for _, s := range subjects(tc.pub) {
					probe(s, "publish", pub, true)
				}
				for _, s := range subjects(tc.notPub) {
					probe(s, "publish", pub, false)
				}
				for _, s := range subjects(tc.sub) {
					probe(s, "subscribe", sub, true)
				}
				for _, s := range subjects(tc.notSub) {
					probe(s, "subscribe", sub, false)
				}
			}
		})
	}
}

// allowed reports whether the hub took what was sent after the error before. It answers in order, so when the flush is back, a
// refusal is here. (Subjects of JetStream's API are mapped before they are checked, so the refusal may name another one.)
func allowed(t *testing.T, nc *nats.Conn, before error) bool {
	t.Helper()
	if err := nc.FlushWithContext(latticetest.Context(t)); err != nil {
		t.Fatal(err)
	}
	err := nc.LastError()
	if err == before {
		return true
	}
	if !errors.Is(err, nats.ErrPermissionViolation) {
		t.Fatal(err)
	}
	return false
}

func TestTooLargeAMessageIsRefused(t *testing.T) {
	l := latticetest.Hub(t)
	nc := l.TCP(bus.RoleAdmin)
	if nc.MaxPayload() != bus.MaxPayload {
		t.Errorf("the hub takes %d bytes", nc.MaxPayload())
	}
	if err := nc.Publish("auc.who", make([]byte, bus.MaxPayload+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("got %v", err)
	}
}
