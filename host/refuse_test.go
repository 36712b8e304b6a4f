package host_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/control"
)

// importing is a module that imports one function without results and parameters, or with one, described by its WIT.
func importing(t testing.TB, iface, fn, params, world string) []byte {
	t.Helper()
	sections := "\x01" + prefixed("\x01\x60"+prefixed(params)+"\x00") + "\x02" + prefixed("\x01"+prefixed(iface)+prefixed(fn)+"\x00\x00")
	wasm, err := describeText([]byte("\x00asm\x01\x00\x00\x00"+sections), "test:importer/w", map[string]string{"w.wit": world})
	fatal(t, err)
	return wasm
}

// prefixed is a short text after its length.
func prefixed(s string) string { return string(rune(len(s))) + s }

const unknownWIT = "package test:importer; world w { import wasi:nothing/thing@1.0.0; }\npackage wasi:nothing@1.0.0 { interface thing { f: func(); } }\n"

const resourceWIT = "package test:importer; world w { import acme:thing/store@1.0.0; }\n" +
	"package acme:thing@1.0.0 { interface store { resource r; f: func(x: borrow<r>); } }\n"

// flip changes one byte in the middle, which is the original's.
func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

func TestAModuleThatMayNotRunIsRefusedAndNothingIsHalfStarted(t *testing.T) {
	n := newNode(t)
	n.peer("bystander", control.Limits{Instances: 1})
	n.want("bystander", "visit", "", "1")
	fatal(t, n.conn.Flush()) // the events of its start are past
	events, err := control.NewClient(n.lattice.Conn(bus.RoleAdmin), nil, n.ID()).Events(t.Context())
	fatal(t, err)
	counter := func(s signed) []byte { s.guest = "counter"; return n.sign(s) }
	good := counter(signed{})
	ops := claims.Grant{Cap: "wasi:keyvalue", Ops: []string{"get"}}
	scope := claims.Grant{Cap: "wasi:keyvalue", Scope: json.RawMessage(`{"bucket":"counts"}`)}
	for what, c := range map[string]struct {
		module []byte
		limits control.Limits
		kind   error
		cause  error // or nil
		says   []string
	}{
		"unsigned":            {guest(t, "counter"), control.Limits{}, lattice.ErrDenied, claims.ErrUnsigned, []string{"not signed", "wattle sign"}},
		"tampered":            {flip(good), control.Limits{}, lattice.ErrDenied, claims.ErrHash, []string{"signed"}},
		"cut off":             {good[:len(good)-1], control.Limits{}, lattice.ErrInvalid, claims.ErrFormat, nil},
		"empty":               {nil, control.Limits{}, lattice.ErrInvalid, claims.ErrFormat, nil},
		"junk":                {[]byte("this is no module"), control.Limits{}, lattice.ErrInvalid, claims.ErrFormat, nil},
		"expired":             {counter(signed{expires: time.Now().Add(-time.Hour)}), control.Limits{}, lattice.ErrDenied, claims.ErrExpired, []string{"counter expired on"}},
		"of a stranger":       {counter(signed{issuer: account(t)}), control.Limits{}, lattice.ErrDenied, claims.ErrIssuer, []string{"does not trust", "wattle trust add"}},
		"import not granted":  {counter(signed{caps: []string{"wasi:http"}}), control.Limits{}, lattice.ErrDenied, nil, []string{"imports wasi:keyvalue/", "--cap wasi:keyvalue"}},
		"grant of operations": {counter(signed{caps: []string{"wasi:http"}, grants: []claims.Grant{ops}}), control.Limits{}, lattice.ErrUnsupported, nil, []string{"wasi:keyvalue", "cannot enforce"}},
		"grant with a scope":  {counter(signed{caps: []string{"wasi:http"}, grants: []claims.Grant{scope}}), control.Limits{}, lattice.ErrUnsupported, nil, []string{"wasi:keyvalue", "cannot enforce"}},
		"unknown contract": {n.sign(signed{name: "unknown", caps: []string{"wasi:nothing"}, wasm: importing(t, "wasi:nothing/thing@1.0.0", "f", "", unknownWIT)}), control.Limits{},
			lattice.ErrUnsupported, nil, []string{"does not know wasi:nothing/thing@1.0.0#f", "wattle get providers"}},
		"resources of others": {n.sign(signed{name: "resources", caps: []string{"acme:thing"}, wasm: importing(t, "acme:thing/store@1.0.0", "f", "\x7f", resourceWIT)}), control.Limits{},
			lattice.ErrUnsupported, nil, []string{"passes resources"}},
		"runs already":         {n.sign(signed{guest: "peer", name: "bystander", version: "2.0.0"}), control.Limits{}, lattice.ErrConflict, nil, []string{"runs already", "--replace"}},
		"memory does not do":   {good, control.Limits{Memory: 1 << 16}, lattice.ErrLimit, nil, []string{"needs at least"}},
		"too many instances":   {good, control.Limits{Instances: 1 << 30}, lattice.ErrInvalid, nil, []string{"instances go up to"}},
		"a negative mailbox":   {good, control.Limits{Mailbox: -1}, lattice.ErrInvalid, nil, nil},
		"no module after that": {n.sign(signed{name: "short", wasm: append([]byte("\x00asm\x01\x00\x00\x00"), 1, 1, 5)}), control.Limits{}, lattice.ErrInvalid, nil, nil},
	} {
		t.Run(what, func(t *testing.T) {
			before := n.state()
			info, err := n.StartModule(t.Context(), c.module, control.StartRequest{Limits: c.limits})
			if err == nil {
				t.Fatalf("started %+v", info)
			}
			ev := <-events
			if !errors.Is(err, c.kind) || lattice.KindOf(err) != c.kind || c.cause != nil && !errors.Is(err, c.cause) || info.ID != "" {
				t.Errorf("error %v, want %v and nothing started: %+v", err, c.kind, info)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if after := n.state(); after != before {
				t.Errorf("before\n%s\nafter\n%s", before, after)
			}
			if ev.Kind != "actor.refused" || ev.Data["kind"] != c.kind.Error() || ev.Data["hash"] != control.ModuleHash(c.module) || !strings.Contains(err.Error(), ev.Data["reason"]) {
				t.Errorf("event %+v", ev)
			}
		})
	}
	n.want("bystander", "visit", "", "2")
}

// state is what must be as before after a refusal.
func (n *node) state() string {
	inv := n.inventory()
	s := fmt.Sprintf("links %v\n", inv.Links)
	for _, a := range inv.Actors {
		s += fmt.Sprintln(a.Name, a.Version, a.Instances, a.Calls, a.Failures)
	}
	places, err := control.OpenPlaces(n.t.Context(), n.conn, n.cfg.Log)
	fatal(n.t, err)
	list, err := places.List(n.t.Context(), n.ID())
	fatal(n.t, err)
	return s + fmt.Sprint(list)
}

func TestAModuleThatWasNotUploadedIsNotFound(t *testing.T) {
	n := newNode(t)
	if _, err := n.Start(t.Context(), control.StartRequest{Hash: strings.Repeat("0", 64)}); !errors.Is(err, lattice.ErrNotFound) {
		t.Error(err)
	}
	if _, err := n.Start(t.Context(), control.StartRequest{Hash: "../../etc"}); !errors.Is(err, lattice.ErrInvalid) {
		t.Error(err)
	}
}

func TestARefusedReplacementLeavesTheActorInPlace(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{Instances: 1})
	n.want("p", "visit", "", "1")
	before := n.inventory().Actors
	for _, s := range []signed{{issuer: account(t)}, {caps: []string{"wasi:http"}}, {expires: time.Now().Add(-time.Hour)}} {
		s.guest, s.name, s.version, s.replace = "peer", "p", "2.0.0", true
		if _, err := n.tryRun(s); !errors.Is(err, lattice.ErrDenied) {
			t.Errorf("replaced: %v", err)
		}
	}
	if after := n.inventory().Actors; !reflect.DeepEqual(after, before) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	n.want("p", "visit", "", "2")
}
