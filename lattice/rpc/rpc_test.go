package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/rpc"
)

const target, source = "keyvalue", "MABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVW"

// pair is two hosts of one lattice: one that calls, one that is called.
type pair struct {
	*latticetest.Lattice
	caller, callee *bus.User
	client         *rpc.Client
	server         *rpc.Server
}

// newPair starts two hosts on one hub.
func newPair(t testing.TB, callee rpc.Callee, client rpc.ClientConfig, server rpc.ServerConfig) *pair {
	t.Helper()
	l := latticetest.Hub(t)
	p := &pair{Lattice: l, caller: l.User(bus.RoleHost), callee: l.User(bus.RoleHost)}
	p.server = serve(t, l, p.callee, callee, server)
	p.client = dial(t, l, p.caller, client)
	return p
}

func serve(t testing.TB, l *latticetest.Lattice, u *bus.User, callee rpc.Callee, cfg rpc.ServerConfig) *rpc.Server {
	t.Helper()
	cfg.Log = latticetest.Log(t)
	s, err := rpc.Serve(l.ConnAs(u), u.ID, callee, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(latticetest.Context(t)); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t testing.TB, l *latticetest.Lattice, u *bus.User, cfg rpc.ClientConfig) *rpc.Client {
	t.Helper()
	cfg.Log = latticetest.Log(t)
	c, err := rpc.NewClient(l.ConnAs(u), u.ID, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (p *pair) call(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	return p.client.Invoke(ctx, p.callee.ID, inv)
}

// invocation is a call with this operation and payload.
func invocation(op string, payload []byte) lattice.Invocation {
	return lattice.Invocation{Source: source, Target: target, Contract: "wasi:keyvalue", Link: "default", Op: op, Payload: payload}
}

func TestCallReachesTheHostAndComesBack(t *testing.T) {
	var got lattice.Invocation
	var from string
	p := newPair(t, func(ctx context.Context, src string, inv lattice.Invocation) (lattice.Reply, error) {
		got, from = inv, src
		return lattice.Reply{Payload: append([]byte("re: "), inv.Payload...)}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	inv := invocation("wasi:http/incoming-handler@0.2.0#handle", []byte("hello"))
	inv.Idempotent = true
	reply, err := p.call(latticetest.Context(t), inv)
	if err != nil || string(reply.Payload) != "re: hello" {
		t.Fatalf("got %q, %v", reply.Payload, err)
	}
	if from != p.caller.ID || got.Source != inv.Source || got.Target != inv.Target || got.Contract != inv.Contract || got.Link != inv.Link ||
		got.Op != inv.Op || !bytes.Equal(got.Payload, inv.Payload) || !got.Idempotent || got.Body != nil || got.Stream != nil {
		t.Errorf("%s called %+v", from, got)
	}
}

func TestReplyIsAppendedToTheMemoryOfTheCaller(t *testing.T) {
	p := newPair(t, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	for _, n := range []int{3, mib} {
		inv := invocation("echo", noise(n))
		inv.Out = append(make([]byte, 0, 100), "before:"...)
		reply, err := p.call(latticetest.Context(t), inv)
		if err != nil || !bytes.Equal(reply.Payload, append([]byte("before:"), inv.Payload...)) {
			t.Errorf("got %d bytes, %v", len(reply.Payload), err)
		}
	}
}

func TestErrorKeepsKindMessageAndHint(t *testing.T) {
	p := newPair(t, func(context.Context, string, lattice.Invocation) (lattice.Reply, error) {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrDenied, Msg: "no", Hint: "ask", Err: errors.New("secret")}
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	_, err := p.call(latticetest.Context(t), invocation("get", nil))
	var e *lattice.Error
	if !errors.Is(err, lattice.ErrDenied) || !errors.As(err, &e) || e.Msg != "no" || e.Hint != "ask" || e.Err != nil {
		t.Errorf("got %+v", err)
	}
	if rpc.NotBegun(err) {
		t.Error("the call has begun")
	}
}
