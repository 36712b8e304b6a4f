package rpc_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/rpc"
)

// Times of tests that wait for a loss.
const beat, lost = 20 * time.Millisecond, 400 * time.Millisecond

func quick() (rpc.ClientConfig, rpc.ServerConfig) {
	return rpc.ClientConfig{Beat: beat, Lost: lost}, rpc.ServerConfig{Lost: lost}
}

// hang is a callee that waits for the end of its context, and tells of both.
type hang struct {
	begun chan struct{}
	ended chan error
}

func newHang() *hang { return &hang{make(chan struct{}, 100), make(chan error, 100)} }

func (h *hang) call(ctx context.Context, _ string, _ lattice.Invocation) (lattice.Reply, error) {
	h.begun <- struct{}{}
	<-ctx.Done()
	h.ended <- ctx.Err()
	return lattice.Reply{}, ctx.Err()
}

// await is the next of ch, or the end of the test.
func await[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(latticetest.Patience):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}

// start makes a call in a goroutine and returns where its error will be.
func (p *pair) start(ctx context.Context, inv lattice.Invocation) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := p.call(ctx, inv)
		done <- err
	}()
	return done
}

func TestDeadlineTravels(t *testing.T) {
	left := make(chan time.Duration, 1)
	h := newHang()
	p := newPair(t, func(ctx context.Context, src string, inv lattice.Invocation) (lattice.Reply, error) {
		at, _ := ctx.Deadline()
		left <- time.Until(at)
		return h.call(ctx, src, inv)
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := p.call(ctx, invocation("wait", nil))
	if !errors.Is(err, lattice.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	if d := await(t, "the call", left); d <= 0 || d > 301*time.Millisecond {
		t.Errorf("the callee had %s", d)
	}
	await(t, "the end of the callee", h.ended)
}

func TestCallWithoutDeadlineHasNone(t *testing.T) {
	p := newPair(t, func(ctx context.Context, _ string, _ lattice.Invocation) (lattice.Reply, error) {
		if at, ok := ctx.Deadline(); ok {
			t.Errorf("the callee has until %s", at)
		}
		return lattice.Reply{}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	if _, err := p.call(context.Background(), invocation("wait", nil)); err != nil {
		t.Error(err)
	}
}

// never is longer than any test: what would end a call after it does not.
const never = time.Hour

func TestCancelTravels(t *testing.T) {
	h := newHang()
	p := newPair(t, h.call, rpc.ClientConfig{}, rpc.ServerConfig{Lost: never})
	ctx, cancel := context.WithCancel(context.Background())
	done := p.start(ctx, invocation("wait", nil))
	await(t, "the call", h.begun)
	cancel()
	if err := await(t, "the error", done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := await(t, "the end of the callee", h.ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the callee ended with %v", err)
	}
}

func TestTraceTravels(t *testing.T) {
	want := lattice.Trace{ID: [16]byte{1, 15: 2}, Span: [8]byte{3, 7: 4}, Flags: 1}
	var got lattice.Trace
	p := newPair(t, func(ctx context.Context, _ string, _ lattice.Invocation) (lattice.Reply, error) {
		got, _ = lattice.TraceOf(ctx)
		return lattice.Reply{}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	if _, err := p.call(lattice.WithTrace(latticetest.Context(t), want), invocation("get", nil)); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHostThatIsNotThereIsKnownAtOnce(t *testing.T) {
	p := newPair(t, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	began := time.Now()
	_, err := p.client.Invoke(latticetest.Context(t), p.User(bus.RoleHost).ID, invocation("get", nil))
	if !errors.Is(err, lattice.ErrUnavailable) || !rpc.NotBegun(err) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestHostThatDiesFailsItsCalls(t *testing.T) {
	l := latticetest.Hub(t)
	clientConfig, serverConfig := quick()
	h := newHang()
	u := l.User(bus.RoleHost)
	nc := l.ConnAs(u)
	s, err := rpc.Serve(nc, u.ID, h.call, serverConfig)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, l, l.User(bus.RoleHost), clientConfig)
	done := make(chan error, 1)
	go func() {
		_, err := c.Invoke(context.Background(), u.ID, invocation("wait", nil))
		done <- err
	}()
	await(t, "the call", h.begun)
	nc.Close() // as kill -9: the hub sees that the connection is gone
	if err := await(t, "the error", done); !errors.Is(err, lattice.ErrUnavailable) || rpc.NotBegun(err) {
		t.Errorf("got %v", err)
	}
	await(t, "the end of the callee, whose caller does not ask any more", h.ended)
	if err := s.Close(latticetest.Context(t)); err != nil {
		t.Error(err)
	}
}

func TestHostThatWasRestartedKnowsNothingOfOldCalls(t *testing.T) {
	l := latticetest.Hub(t)
	clientConfig, serverConfig := quick()
	h := newHang()
	u := l.User(bus.RoleHost)
	nc := l.ConnAs(u)
	old, err := rpc.Serve(nc, u.ID, h.call, serverConfig)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, l, l.User(bus.RoleHost), clientConfig)
	done := make(chan error, 1)
	go func() {
		_, err := c.Invoke(context.Background(), u.ID, invocation("wait", nil))
		done <- err
	}()
	await(t, "the call", h.begun)
	nc.Close()
	serve(t, l, u, echo, serverConfig) // at once, so that nobody notices that it was away
	if err := await(t, "the error", done); !errors.Is(err, lattice.ErrUnavailable) || rpc.NotBegun(err) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Invoke(latticetest.Context(t), u.ID, invocation("get", nil)); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if err := old.Close(latticetest.Context(t)); err != nil {
		t.Error(err)
	}
}

func TestLongCallsLiveAsLongAsBothHostsDo(t *testing.T) {
	clientConfig, serverConfig := quick()
	p := newPair(t, func(ctx context.Context, _ string, _ lattice.Invocation) (lattice.Reply, error) {
		select {
		case <-time.After(3 * lost):
			return lattice.Reply{Payload: []byte("done")}, nil
		case <-ctx.Done():
			return lattice.Reply{}, ctx.Err()
		}
	}, clientConfig, serverConfig)
	var wg sync.WaitGroup
	for range 1500 { // more than one ping can name
		wg.Go(func() {
			if reply, err := p.call(latticetest.Context(t), invocation("wait", nil)); err != nil && !errors.Is(err, lattice.ErrBusy) || err == nil && string(reply.Payload) != "done" {
				t.Errorf("got %q, %v", reply.Payload, err)
			}
		})
	}
	wg.Wait()
}

func TestTooManyCallsOfOneHostAreRefused(t *testing.T) {
	h := newHang()
	p := newPair(t, func(ctx context.Context, src string, inv lattice.Invocation) (lattice.Reply, error) {
		if inv.Op == "get" {
			return lattice.Reply{}, nil
		}
		return h.call(ctx, src, inv)
	}, rpc.ClientConfig{}, rpc.ServerConfig{MaxCalls: 2, MaxBytes: 3 * mib})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var calls []<-chan error
	for range 2 {
		calls = append(calls, p.start(ctx, invocation("wait", nil)))
		await(t, "the call", h.begun)
	}
	_, err := p.call(ctx, invocation("get", nil))
	if !errors.Is(err, lattice.ErrBusy) || !rpc.NotBegun(err) {
		t.Errorf("got %v", err)
	}
	other := dial(t, p.Lattice, p.User(bus.RoleHost), rpc.ClientConfig{})
	if _, err := other.Invoke(ctx, p.callee.ID, invocation("get", nil)); err != nil {
		t.Errorf("another host: %v", err)
	}
	if _, err := other.Invoke(ctx, p.callee.ID, invocation("get", make([]byte, 4*mib))); !errors.Is(err, lattice.ErrBusy) || !rpc.NotBegun(err) {
		t.Errorf("more bytes than may be held: %v", err)
	}
	cancel()
	for _, c := range calls {
		await(t, "the end", c)
	}
	latticetest.WaitFor(t, "room", func() bool { _, err := p.call(latticetest.Context(t), invocation("get", nil)); return err == nil })
}

func TestPanicFailsOneCall(t *testing.T) {
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		if inv.Op == "break" {
			panic("ouch: a secret")
		}
		return lattice.Reply{}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	_, err := p.call(latticetest.Context(t), invocation("break", nil))
	if !errors.Is(err, lattice.ErrInternal) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if _, err := p.call(latticetest.Context(t), invocation("get", nil)); err != nil {
		t.Error(err)
	}
}

func TestServerThatClosesLetsCallsEndAndTakesNoMore(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	p := newPair(t, func(_ context.Context, _ string, _ lattice.Invocation) (lattice.Reply, error) {
		close(begun)
		<-release
		return lattice.Reply{Payload: []byte("done")}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	running := p.start(context.Background(), invocation("wait", nil))
	await(t, "the call", begun)
	closed := make(chan error, 1)
	go func() { closed <- p.server.Close(latticetest.Context(t)) }()
	latticetest.WaitFor(t, "no more calls to be taken", func() bool {
		_, err := p.call(latticetest.Context(t), invocation("get", nil))
		return errors.Is(err, lattice.ErrUnavailable) && rpc.NotBegun(err)
	})
	close(release)
	if err := await(t, "the call that ran", running); err != nil {
		t.Errorf("the call that ran: %v", err)
	}
	if err := await(t, "the end", closed); err != nil {
		t.Error(err)
	}
}

func TestServerCutsOffWhatDoesNotEnd(t *testing.T) {
	l := latticetest.Hub(t)
	h := newHang()
	u := l.User(bus.RoleHost)
	s, err := rpc.Serve(l.ConnAs(u), u.ID, h.call, rpc.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, l, l.User(bus.RoleHost), rpc.ClientConfig{})
	done := make(chan error, 1)
	go func() {
		_, err := c.Invoke(context.Background(), u.ID, invocation("wait", nil))
		done <- err
	}()
	await(t, "the call", h.begun)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, lattice.ErrDeadline) {
		t.Errorf("close: %v", err)
	}
	if err := await(t, "the error", done); !errors.Is(err, lattice.ErrUnavailable) || rpc.NotBegun(err) {
		t.Errorf("got %v", err)
	}
}

func TestClientThatClosesFailsItsCalls(t *testing.T) {
	l := latticetest.Hub(t)
	h := newHang()
	u := l.User(bus.RoleHost)
	serve(t, l, u, h.call, rpc.ServerConfig{Lost: lost})
	me := l.User(bus.RoleHost)
	c, err := rpc.NewClient(l.ConnAs(me), me.ID, rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Invoke(context.Background(), u.ID, invocation("wait", nil))
		done <- err
	}()
	await(t, "the call", h.begun)
	c.Close()
	if err := await(t, "the error", done); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Invoke(context.Background(), u.ID, invocation("wait", nil)); !errors.Is(err, lattice.ErrUnavailable) || !rpc.NotBegun(err) {
		t.Errorf("a closed client: %v", err)
	}
}

func TestNextHostIsTriedOnlyIfThatIsSafe(t *testing.T) {
	clientConfig, serverConfig := quick()
	l := latticetest.Hub(t)
	var calls atomic.Int32
	counting := func(kind error) rpc.Callee {
		return func(context.Context, string, lattice.Invocation) (lattice.Reply, error) {
			calls.Add(1)
			if kind != nil {
				return lattice.Reply{}, &lattice.Error{Kind: kind, Msg: "refused", Err: errors.New("why")}
			}
			return lattice.Reply{Payload: []byte("here")}, nil
		}
	}
	up, busy, failing, broken := l.User(bus.RoleHost), l.User(bus.RoleHost), l.User(bus.RoleHost), l.User(bus.RoleHost)
	serve(t, l, up, counting(nil), serverConfig)
	serve(t, l, busy, counting(nil), rpc.ServerConfig{MaxBytes: 1})
	serve(t, l, failing, counting(lattice.ErrUnavailable), serverConfig)
	serve(t, l, broken, counting(lattice.ErrDenied), serverConfig)
	c := dial(t, l, l.User(bus.RoleHost), clientConfig)
	gone := l.User(bus.RoleHost)
	for _, tc := range []struct {
		name       string
		first      *bus.User
		idempotent bool
		calls      int32
		want       error
	}{
		{"gone", gone, false, 1, nil},
		{"busy", busy, false, 1, nil},
		{"may have run", failing, false, 1, lattice.ErrUnavailable},
		{"may have run, idempotent", failing, true, 2, nil},
		{"refused", broken, true, 1, lattice.ErrDenied},
	} {
		calls.Store(0)
		inv := invocation("get", nil)
		inv.Idempotent = tc.idempotent
		reply, err := c.InvokeAny(latticetest.Context(t), []string{tc.first.ID, up.ID}, inv)
		if !errors.Is(err, tc.want) || calls.Load() != tc.calls || err == nil && string(reply.Payload) != "here" {
			t.Errorf("%s: %q, %v after %d calls", tc.name, reply.Payload, err, calls.Load())
		}
	}
	if _, err := c.InvokeAny(latticetest.Context(t), nil, invocation("get", nil)); !errors.Is(err, lattice.ErrUnavailable) || !rpc.NotBegun(err) {
		t.Errorf("no host: %v", err)
	}
}

func TestCalleeCanSayThatACallHasNotBegun(t *testing.T) {
	inner := &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "the actor stopped", Err: rpc.ErrNotBegun}
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		if inv.Op == "direct" {
			return lattice.Reply{}, inner
		}
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "it did something, then called another", Err: inner}
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	if _, err := p.call(latticetest.Context(t), invocation("direct", nil)); !rpc.NotBegun(err) {
		t.Errorf("got %v", err)
	}
	if _, err := p.call(latticetest.Context(t), invocation("wrapped", nil)); rpc.NotBegun(err) || !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("got %v, of which part has run", err)
	}
}

func TestPingTellsWhetherAHostServes(t *testing.T) {
	p := newPair(t, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	if rtt, err := p.client.Ping(latticetest.Context(t), p.callee.ID); err != nil || rtt <= 0 || rtt > 10*time.Second {
		t.Errorf("got %s, %v", rtt, err)
	}
	if _, err := p.client.Ping(latticetest.Context(t), p.User(bus.RoleHost).ID); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestParallelCallsGetTheirOwnReplies(t *testing.T) {
	p := newPair(t, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	ctx := latticetest.Context(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 50 {
				want := strings.Repeat(string(rune('a'+i%26)), 1+i*j)
				reply, err := p.call(ctx, invocation("echo", []byte(want)))
				if err != nil || string(reply.Payload) != want {
					t.Errorf("sent %d bytes, got %d, %v", len(want), len(reply.Payload), err)
					return
				}
			}
		})
	}
	wg.Wait()
}
