package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func newToken(t testing.TB, l *latticetest.Lattice, change func(*bus.TokenConfig)) *bus.Token {
	t.Helper()
	cfg := bus.TokenConfig{Name: "pi-kitchen", Labels: map[string]string{"zone": "kitchen", "Board": "rpi4/B_1.2"}, Hubs: l.LeafURLs(), Pin: l.Pin()}
	if change != nil {
		change(&cfg)
	}
	token, err := bus.NewToken(l.Identity, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenIsForOneHost(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	token := newToken(t, l, nil)
	key := newKey(t)
	m, err := bus.Enroll(ctx, token, key)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"zone": "kitchen", "Board": "rpi4/B_1.2"}
	if m.User.ID != key.ID || m.Name != "pi-kitchen" || m.Lattice != "test" || !reflect.DeepEqual(m.Labels, want) || m.Pin != l.Pin() || len(m.Hubs) != 1 {
		t.Errorf("membership %+v", m)
	}
	if left := time.Until(m.User.Expires()); left > time.Hour || left < 50*time.Minute {
		t.Errorf("the credential is for %s", left)
	}
	for _, k := range []*bus.User{key, newKey(t)} { // not even the same host
		_, err = bus.Enroll(ctx, token, k)
		wantError(t, err, lattice.ErrConflict, "used", "join-token")
	}
	all, err := l.Enroll.Members(ctx)
	if err != nil || len(all) != 1 || all[0].ID != key.ID || all[0].Name != "pi-kitchen" || !reflect.DeepEqual(all[0].Labels, want) {
		t.Errorf("members %+v, %v", all, err)
	}

	l.Restart() // the mark of the token outlives the hub
	_, err = bus.Enroll(ctx, token, newKey(t))
	wantError(t, err, lattice.ErrConflict, "used")
}

func TestOfManyAtOnceOneUsesTheToken(t *testing.T) {
	l := latticetest.Hub(t)
	token := newToken(t, l, nil)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = bus.Enroll(latticetest.Context(t), token, newKey(t)) })
	}
	wg.Wait()
	joined := 0
	for _, err := range errs {
		if err == nil {
			joined++
		} else if !errors.Is(err, lattice.ErrConflict) {
			t.Error(err)
		}
	}
	if joined != 1 {
		t.Errorf("%d joined", joined)
	}
}

func TestExpiredTokenIsRefusedByTheHubsClock(t *testing.T) {
	l := latticetest.Hub(t)
	token := newToken(t, l, func(cfg *bus.TokenConfig) { cfg.TTL = time.Second })
	latticetest.WaitFor(t, "the token to expire", func() bool { return time.Now().After(token.Expires) })
	_, err := bus.Enroll(latticetest.Context(t), token, newKey(t))
	wantError(t, err, lattice.ErrDenied, "expired at", "join-token")
	if all, err := l.Enroll.Members(latticetest.Context(t)); err != nil || len(all) > 0 {
		t.Errorf("members %v, %v", all, err)
	}
}

func TestTokenOfAnotherLatticeIsRefused(t *testing.T) {
	l, other := latticetest.Hub(t), latticetest.Hub(t)
	ctx := latticetest.Context(t)
	// Made for one, pasted against the other's address: the pin tells before anything is said.
	_, err := bus.Enroll(ctx, newToken(t, other, func(cfg *bus.TokenConfig) { cfg.Hubs = l.LeafURLs() }), newKey(t))
	wantError(t, err, lattice.ErrDenied, l.LeafURLs()[0], "another key")
	// Signed by one with the pin of the other: the hub does not know it.
	foreign, err := bus.NewToken(other.Identity, bus.TokenConfig{Name: "x", Hubs: l.LeafURLs(), Pin: l.Pin()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = bus.Enroll(ctx, foreign, newKey(t))
	wantError(t, err, lattice.ErrDenied, "does not know the join token")
}

func TestJoinWithoutAHubEnds(t *testing.T) {
	l := latticetest.Hub(t)
	token := newToken(t, l, nil)
	l.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_, err := bus.Enroll(ctx, token, newKey(t))
	wantError(t, err, lattice.ErrUnavailable, l.LeafURLs()[0])

	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	token.Hubs = []string{"tls://" + mute.Addr().String()}
	ctx, cancel = context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_, err = bus.Enroll(ctx, token, newKey(t))
	wantError(t, err, lattice.ErrUnavailable, mute.Addr().String())
}

// TestEnrolmentTakesNothingOnTrust asks with wrong proofs and others' tokens, as one who holds a token's credential.
func TestEnrolmentTakesNothingOnTrust(t *testing.T) {
	l := latticetest.Hub(t)
	mine, others := newToken(t, l, nil), newToken(t, l, nil)
	key := newKey(t)
	host := l.User(bus.RoleHost)
	sign := func(u *bus.User, text string) []byte {
		sig, err := u.Sign([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	proof := func(token *bus.Token) string {
		return "wattle-enroll-1\x00" + token.User.ID + "\x00" + l.Identity.ID() + "\x00" + key.ID
	}
	type request struct {
		Op    string `json:"op"`
		Token string `json:"token,omitempty"`
		Host  string `json:"host,omitempty"`
		Proof []byte `json:"proof,omitempty"`
		Extra string `json:"extra,omitempty"`
	}
	nc := l.ConnAs(mine.User)
	ask := func(subject string, q any) (kind, msg string) {
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		m, err := nc.Request(subject, b, 2*time.Second)
		if err != nil {
			return err.Error(), ""
		}
		var r struct{ Kind, Msg string }
		if err := json.Unmarshal(m.Data, &r); err != nil {
			t.Fatal(err)
		}
		return r.Kind, r.Msg
	}
	me := "enroll." + mine.User.ID
	good := request{Op: "join", Token: mine.User.JWT, Host: key.ID, Proof: sign(key, proof(mine))}
	for name, tc := range map[string]struct {
		q    any
		kind string
	}{
		"no proof":                {request{Op: "join", Token: mine.User.JWT, Host: key.ID}, "denied"},
		"proof for another token": {request{Op: "join", Token: mine.User.JWT, Host: key.ID, Proof: sign(key, proof(others))}, "denied"},
		"proof by another key":    {request{Op: "join", Token: mine.User.JWT, Host: key.ID, Proof: sign(mine.User, proof(mine))}, "denied"},
		"another's token":         {request{Op: "join", Token: others.User.JWT, Host: key.ID, Proof: sign(key, proof(others))}, "denied"},
		"a host's credential":     {request{Op: "join", Token: host.JWT, Host: key.ID, Proof: sign(key, proof(mine))}, "denied"},
		"changed token":           {request{Op: "join", Token: strings.Replace(mine.User.JWT, ".", ".e30", 1), Host: key.ID}, "invalid"},
		"no token":                {request{Op: "join", Host: key.ID, Proof: sign(key, proof(mine))}, "invalid"},
		"no host":                 {request{Op: "join", Token: mine.User.JWT}, "invalid"},
		"an account as host":      {request{Op: "join", Token: mine.User.JWT, Host: l.Identity.ID()}, "invalid"},
		"the token as host":       {request{Op: "join", Token: mine.User.JWT, Host: mine.User.ID, Proof: sign(mine.User, "x")}, "invalid"},
		"renewal of a token":      {request{Op: "renew"}, "denied"},
		"unknown question":        {request{Op: "shutdown"}, "unsupported"},
		"unknown field":           {request{Op: "ping", Extra: "x"}, "invalid"},
		"no object":               {"x", "invalid"},
		"null":                    {nil, "unsupported"},
	} {
		if kind, msg := ask(me, tc.q); kind != tc.kind {
			t.Errorf("%s: %q %q", name, kind, msg)
		}
	}
	if kind, _ := ask("enroll."+others.User.ID, request{Op: "ping"}); kind != nats.ErrTimeout.Error() {
		t.Errorf("asked as another: %s", kind)
	}
	if kind, msg := ask(me, good); kind != "" { // none of the above has used the token up
		t.Errorf("the right one: %s %s", kind, msg)
	}
	nc = l.ConnAs(host)
	if kind, _ := ask("enroll."+host.ID, request{Op: "renew"}); kind != "denied" {
		t.Errorf("renewal for a host that did not join: %s", kind)
	}
}

// TestTokenIsGoodForNothingElse is what a finder of a token could do with it.
func TestTokenIsGoodForNothingElse(t *testing.T) {
	l := latticetest.Hub(t)
	newBucket(t, l, "links")
	token := newToken(t, l, nil)
	leaf, err := bus.StartLeaf(latticetest.Context(t), bus.LeafConfig{User: token.User, Hubs: token.Hubs, Pin: token.Pin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = leaf.Shutdown(context.Background()) })
	if err := leaf.WaitUp(latticetest.Context(t)); err != nil {
		t.Fatal(err)
	}
	nc, err := leaf.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	for _, s := range []string{"$JS.hub.API.DIRECT.GET.KV_links", "$JS.hub.API.DIRECT.GET.KV_members", "$JS.hub.API.STREAM.LIST", "enroll." + l.User(bus.RoleHost).ID} {
		if _, err := nc.Request(s, nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s: %v", s, err)
		}
	}
	if _, err := bus.Connect(latticetest.Context(t), l.ClientURL(), token.User); !errors.Is(err, lattice.ErrDenied) {
		t.Errorf("as a client: %v", err)
	}
}

func TestMembershipIsKeptInOneFile(t *testing.T) {
	l := latticetest.Hub(t)
	path := filepath.Join(t.TempDir(), "state", "member.json")
	m := l.Join("a", map[string]string{"k": "v"}).Membership
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	checkMode(t, path, 0o600)
	again, err := bus.LoadMembership(path)
	if err != nil || again.User.ID != m.User.ID || again.User.JWT != m.User.JWT || again.Pin != m.Pin || !reflect.DeepEqual(again.Hubs, m.Hubs) ||
		!reflect.DeepEqual(again.Labels, m.Labels) || again.Name != "a" || again.Lattice != "test" {
		t.Errorf("got %+v, %v", again, err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{}", "null", string(good[:len(good)/2]), strings.Replace(string(good), m.Pin.String(), "00", 1)} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := bus.LoadMembership(path)
		wantError(t, err, lattice.ErrInvalid, path)
	}
	chmod(t, path, 0o640)
	_, err = bus.LoadMembership(path)
	wantError(t, err, lattice.ErrDenied, "chmod 600")
	_, err = bus.LoadMembership(path + "x")
	wantError(t, err, lattice.ErrNotFound)
}
