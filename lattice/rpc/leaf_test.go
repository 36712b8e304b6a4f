package rpc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/rpc"
)

// leafPair is two hosts that have joined a hub as leaves.
type leafPair struct {
	caller, callee *latticetest.Leaf
	client         *rpc.Client
}

func newLeafPair(t testing.TB, callee rpc.Callee) *leafPair {
	t.Helper()
	clientConfig, serverConfig := quick()
	l := latticetest.Hub(t)
	p := &leafPair{caller: l.Leaf("caller"), callee: l.Leaf("callee")}
	serverConfig.Log, clientConfig.Log = latticetest.Log(t), latticetest.Log(t)
	s, err := rpc.Serve(p.callee.Conn(), p.callee.ID(), callee, serverConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(latticetest.Context(t)); err != nil {
			t.Error(err)
		}
	})
	if p.client, err = rpc.NewClient(p.caller.Conn(), p.caller.ID(), clientConfig); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Close)
	latticetest.WaitFor(t, "the way to the callee", func() bool { _, err := p.client.Ping(latticetest.Context(t), p.callee.ID()); return err == nil })
	return p
}

func (p *leafPair) call(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	return p.client.Invoke(ctx, p.callee.ID(), inv)
}

// works waits until a call is answered.
func (p *leafPair) works(t *testing.T) {
	t.Helper()
	latticetest.WaitFor(t, "a call to be answered", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		reply, err := p.call(ctx, invocation("get", []byte("x")))
		return err == nil && string(reply.Payload) == "x"
	})
}

// waitOrEcho hangs on "wait" and echoes otherwise.
func waitOrEcho(h *hang) rpc.Callee {
	return func(ctx context.Context, src string, inv lattice.Invocation) (lattice.Reply, error) {
		if inv.Op == "wait" {
			return h.call(ctx, src, inv)
		}
		return echo(ctx, src, inv)
	}
}

func TestLossesBetweenLeaves(t *testing.T) {
	for name, tc := range map[string]struct {
		lose func(*leafPair)
		heal func(*leafPair)
	}{
		"the callee's link is cut":       {func(p *leafPair) { p.callee.Proxy.Cut() }, func(p *leafPair) { p.callee.Proxy.Heal() }},
		"the callee's link says nothing": {func(p *leafPair) { p.callee.Proxy.BlackHole() }, func(p *leafPair) { p.callee.Proxy.Heal() }},
		"the caller's link is cut":       {func(p *leafPair) { p.caller.Proxy.Cut() }, func(p *leafPair) { p.caller.Proxy.Heal() }},
		"the caller's link says nothing": {func(p *leafPair) { p.caller.Proxy.BlackHole() }, func(p *leafPair) { p.caller.Proxy.Heal() }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHang()
			p := newLeafPair(t, waitOrEcho(h))
			done := make(chan error, 1)
			go func() {
				_, err := p.call(context.Background(), invocation("wait", nil))
				done <- err
			}()
			await(t, "the call", h.begun)
			began := time.Now()
			tc.lose(p)
			if err := await(t, "the error", done); !errors.Is(err, lattice.ErrUnavailable) || rpc.NotBegun(err) {
				t.Errorf("the caller got %v", err)
			}
			if took := time.Since(began); took > lost+2*time.Second {
				t.Errorf("the caller waited %s", took)
			}
			await(t, "the end of the callee", h.ended)
			tc.heal(p)
			p.works(t)
		})
	}
}

// TestSmallCallsPassLargeOnes shares a thin link: a stream must not keep the others waiting for longer than its window takes.
func TestSmallCallsPassLargeOnes(t *testing.T) {
	p := newLeafPair(t, echo)
	const rate = 4 * mib
	p.callee.Proxy.Throttle(rate)
	ctx, cancel := context.WithTimeout(context.Background(), latticetest.Patience)
	defer cancel()
	var wg sync.WaitGroup
	big := make(chan struct{})
	wg.Go(func() {
		defer close(big)
		if _, err := p.call(ctx, invocation("echo", noise(4*mib))); err != nil {
			t.Errorf("the large call: %v", err)
		}
	})
	var worst time.Duration
	n := 0
	for running := true; running; n++ {
		began := time.Now()
		if _, err := p.call(ctx, invocation("echo", []byte("small"))); err != nil {
			t.Fatalf("a small call: %v", err)
		}
		worst = max(worst, time.Since(began))
		select {
		case <-big:
			running = false
		default:
		}
	}
	wg.Wait()
	t.Logf("%d small calls, the slowest took %s", n, worst)
	if n < 3 {
		t.Errorf("only %d small calls passed a large one", n)
	}
}
