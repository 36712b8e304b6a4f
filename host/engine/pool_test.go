package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// blocked starts n calls of wait and returns when all are inside of the host function. The function that it gives waits for their
// end and returns their errors.
func blocked(t *testing.T, ctx context.Context, pool *Pool, h *testHost, n int) func() []error {
	t.Helper()
	errs := make(chan error, n)
	wait := function(t, pool, "hostile", "wait")
	for range n {
		go func() { _, err := wait.Call(ctx, nil, nil, nil); errs <- err }()
	}
	for range n {
		<-h.entered
	}
	return func() (all []error) {
		for range n {
			all = append(all, <-errs)
		}
		return all
	}
}

func TestCallsWaitForAnInstanceUntilTheQueueIsFull(t *testing.T) {
	h := &testHost{entered: make(chan struct{})}
	pool := newPool(t, newEngine(t, Config{}), "hostile", h, Limits{Instances: 2, Queue: 3})
	ctx, cancel := context.WithCancel(context.Background())
	ended := blocked(t, ctx, pool, h, 2)
	ok := function(t, pool, "hostile", "ok")
	results := make(chan error, 3)
	for range 3 {
		go func() { _, err := ok.Call(context.Background(), nil, nil, nil); results <- err }()
	}
	waitFor(t, func() bool { return pool.Stats().Waiting == 3 })
	if _, err := ok.Call(context.Background(), nil, nil, nil); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "2 instances") {
		t.Errorf("with a full queue: %v", err)
	}
	cancel()
	for range 3 {
		if err := <-results; err != nil {
			t.Error("a call that waited:", err)
		}
	}
	ended()
	if s := pool.Stats(); s.Instances > 2 || s.Waiting != 0 || s.Busy != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWaitingCallHonoursItsContext(t *testing.T) {
	h := &testHost{entered: make(chan struct{})}
	pool := newPool(t, newEngine(t, Config{}), "hostile", h, Limits{Instances: 1})
	ctx, cancel := context.WithCancel(context.Background())
	ended := blocked(t, ctx, pool, h, 1)
	short, cancelShort := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancelShort()
	if _, err := function(t, pool, "hostile", "ok").Call(short, nil, nil, nil); !errors.Is(err, ErrDeadline) {
		t.Errorf("got %v", err)
	}
	cancel()
	ended()
	checkAlive(t, pool)
}

func TestWaitingCallsAreServedInTheirOrder(t *testing.T) {
	h := &testHost{entered: make(chan struct{})}
	pool := newPool(t, newEngine(t, Config{}), "hostile", h, Limits{Instances: 1})
	ctx, cancel := context.WithCancel(context.Background())
	ended := blocked(t, ctx, pool, h, 1)
	var mu sync.Mutex
	var order []int
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			in, err := pool.acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			pool.release(in)
		})
		waitFor(t, func() bool { return pool.Stats().Waiting == i+1 })
	}
	cancel()
	wg.Wait()
	ended()
	if !slices.IsSorted(order) || len(order) != 5 {
		t.Errorf("order %v", order)
	}
}

func TestIdleInstancesAreEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &testHost{}
		e := newEngine(t, Config{})
		pool := newPool(t, e, "basic", h, Limits{Idle: time.Minute})
		if _, err := function(t, pool, "calls", "make").Call(context.Background(), u32(1), nil, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := function(t, pool, "calls", "keep").Call(context.Background(), u32(0), []any{&counter{host: h}}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(45 * time.Second) // of the bubble's clock
		synctest.Wait()
		if s := pool.Stats(); s.Instances != 1 || h.drops.Load() != 1 {
			t.Fatalf("too early: %+v, %d drops", s, h.drops.Load())
		}
		time.Sleep(60 * time.Second)
		synctest.Wait()
		if s := pool.Stats(); s.Instances != 0 || s.Memory != 0 || h.drops.Load() != 2 {
			t.Fatalf("after twice the time: %+v, %d drops", s, h.drops.Load())
		}
		if _, err := function(t, pool, "calls", "make").Call(context.Background(), u32(1), nil, nil); err != nil {
			t.Fatal("a call after eviction:", err)
		}
		closePool(t, pool)
	})
}

func TestCloseWaitsForRunningCalls(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "hostile", &testHost{}, Limits{Call: 100 * time.Millisecond})
	result := make(chan error, 1)
	spin := function(t, pool, "hostile", "spin")
	go func() { _, err := spin.Call(context.Background(), nil, nil, nil); result <- err }()
	waitFor(t, func() bool { return pool.Stats().Busy == 1 })
	if err := pool.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, ErrDeadline) {
		t.Errorf("the running call: %v", err)
	}
	if _, err := spin.Call(context.Background(), nil, nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}
}

func TestCloseStopsCallsWhenItsTimeIsUp(t *testing.T) {
	h := &testHost{entered: make(chan struct{})}
	pool := newPool(t, newEngine(t, Config{}), "hostile", h, Limits{Instances: 2})
	ended := blocked(t, context.Background(), pool, h, 1)
	spinning := make(chan error, 1)
	spin := function(t, pool, "hostile", "spin")
	go func() { _, err := spin.Call(context.Background(), nil, nil, nil); spinning <- err }()
	waitFor(t, func() bool { return pool.Stats().Busy == 2 && pool.Stats().Instances == 2 })
	waiting := make(chan error, 1)
	go func() { _, err := spin.Call(context.Background(), nil, nil, nil); waiting <- err }()
	waitFor(t, func() bool { return pool.Stats().Waiting == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := pool.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	for name, err := range map[string]error{"waiting": <-waiting, "spinning": <-spinning, "blocked": ended()[0]} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyCallersShareAPool(t *testing.T) {
	h := &testHost{}
	pool := newPool(t, newEngine(t, Config{}), "hostile", h, Limits{Instances: 3, Queue: 100})
	ok, bad := function(t, pool, "hostile", "ok"), function(t, pool, "hostile", "unreachable")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				if (i+j)%10 == 0 {
					if _, err := bad.Call(context.Background(), nil, nil, nil); !errors.Is(err, ErrTrap) {
						t.Error(err)
					}
				} else if out, err := ok.Call(context.Background(), nil, nil, nil); err != nil || !bytes.Equal(out, u32(42)) {
					t.Error(out, err)
				}
			}
		})
	}
	wg.Wait()
	if s := pool.Stats(); s.Calls != 800 || s.Failures != 80 || s.Instances > 3 {
		t.Errorf("%+v", s)
	}
}

func TestMissingImportsAreListedTogether(t *testing.T) {
	p := loadProgram(t, newEngine(t, Config{}), guest(t, "basic"))
	imports := (&testHost{}).imports()
	delete(imports, "test:guest/host@1.0.0#tick")
	delete(imports, "test:guest/host@1.0.0#odd")
	_, err := p.NewPool(PoolConfig{Imports: imports})
	var ie *ImportError
	if !errors.As(err, &ie) || !errors.Is(err, ErrImport) ||
		!slices.Equal(ie.Missing, []string{"test:guest/host@1.0.0#odd", "test:guest/host@1.0.0#tick"}) {
		t.Fatalf("got %v", err)
	}
}

func TestCompatibleVersionsMatch(t *testing.T) {
	p := loadProgram(t, newEngine(t, Config{}), guest(t, "basic"))
	imports := wit.Imports{}
	for name, f := range (&testHost{}).imports() {
		imports[strings.Replace(name, "1.0.0", "1.4.2", 1)] = f
	}
	pool, err := p.NewPool(PoolConfig{Imports: imports})
	if err != nil {
		t.Fatal(err)
	}
	defer closePool(t, pool)
	for _, iface := range []string{"test:guest/calls", "test:guest/calls@1.0.0", "test:guest/calls@1.9.9"} {
		if _, err := pool.Func(iface, "greet"); err != nil {
			t.Error(err)
		}
	}
	for _, iface := range []string{"", "test:guest/call", "test:guest/calls@2.0.0", "test:guest/hostile"} {
		if _, err := pool.Func(iface, "greet"); !errors.Is(err, ErrNoFunc) {
			t.Errorf("%q: %v", iface, err)
		}
	}
}

func TestResourceOfTheGuest(t *testing.T) { eachForm(t, "resource", testResourceOfTheGuest) }

func testResourceOfTheGuest(t *testing.T, form string) {
	ctx := context.Background()
	pool := newPool(t, newEngine(t, Config{}), form, &testHost{}, Limits{Instances: 1})
	for range 3 {
		if out, err := function(t, pool, "things", "round").Call(ctx, u32(14), nil, nil); err != nil || !bytes.Equal(out, u32(14)) {
			t.Fatalf("round: %v, %v", out, err)
		}
	}
	if out, err := function(t, pool, "things", "dropped").Call(ctx, nil, nil, nil); err != nil || !bytes.Equal(out, u32(42)) {
		t.Fatalf("dropped: %v, %v", out, err)
	}
	// A destructor that runs inside of itself needs another function object each time.
	if out, err := function(t, pool, "things", "descend").Call(ctx, u32(20), nil, nil); err != nil || !bytes.Equal(out, u32(21*22/2)) {
		t.Fatalf("descend: %v, %v", out, err)
	}
	if _, err := function(t, pool, "things", "nest").Call(ctx, nil, nil, nil); !errors.Is(err, ErrStack) {
		t.Fatalf("nest: %v", err)
	}
	if _, _, err := function(t, pool, "things", "[constructor]thing").CallHandles(ctx, u32(1), nil, nil); !errors.Is(err, ErrHandleResult) {
		t.Fatalf("constructor: %v", err)
	}
}
