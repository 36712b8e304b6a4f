package engine

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// checkAlive makes sure that the pool's next call works.
func checkAlive(t *testing.T, p *Pool) {
	t.Helper()
	out, err := function(t, p, "hostile", "ok").Call(context.Background(), nil, nil, nil)
	if err != nil || !bytes.Equal(out, u32(42)) {
		t.Fatalf("next call: %v, %v", out, err)
	}
}

func TestHostileGuestFailsOnlyItsCall(t *testing.T) {
	tests := []struct {
		name string
		args []byte
		kind error
		msg  string
	}{
		{"spin", nil, ErrDeadline, "longer"},
		{"recurse", u32(0), ErrStack, "nested"},
		{"ping", u32(0), ErrStack, "nested"},
		{"indirect", u32(0), ErrStack, "nested"},
		{"unreachable", nil, ErrTrap, "unreachable"},
		{"out-of-bounds", nil, ErrTrap, "outside of memory"},
		{"misaligned", nil, ErrTrap, "not aligned to 4"},
		{"misaligned-area", nil, ErrTrap, "not aligned to 4"},
		{"bad-utf8", nil, ErrTrap, "not UTF-8"},
		{"bad-case", nil, ErrTrap, "discriminant 2"},
		{"bad-char", nil, ErrTrap, "0xd800"},
		{"huge-list", nil, ErrTrap, "outside of memory"},
		{"amplify", nil, ErrTrap, "too large"},
		{"post-trap", nil, ErrTrap, "unreachable"},
		{"post-call", nil, ErrTrap, "post-return"},
		{"stale", nil, ErrTrap, "not open"},
		{"foreign", nil, ErrTrap, "not open"},
		{"double-drop", nil, ErrTrap, "not open"},
		{"many-handles", nil, ErrHandles, "limit is 1024"},
		{"wait", nil, ErrDeadline, "longer"},
		{"wait-often", nil, ErrDeadline, "longer"},
		{"exit", u32(3), ErrTrap, "exited with code 3"},
		{"exit", u32(0), ErrTrap, "exited with code 0"},
	}
	e := newEngine(t, Config{})
	other := newPool(t, e, "basic", &testHost{}, Limits{})
	pool := newPool(t, e, "hostile", &testHost{}, Limits{Call: 300 * time.Millisecond, Instances: 1})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := function(t, pool, "hostile", tt.name).Call(context.Background(), tt.args, nil, nil)
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.msg) {
				t.Fatalf("got %v, want %v with %q", err, tt.kind, tt.msg)
			}
			checkAlive(t, pool)
			if _, err := function(t, other, "calls", "greet").Call(context.Background(), text("x"), nil, nil); err != nil {
				t.Fatal("another pool:", err)
			}
		})
	}
	if s := pool.Stats(); s.Failures != uint64(len(tests)) || s.Calls != 2*uint64(len(tests)) || s.Instances != 1 {
		t.Errorf("stats: %+v", s)
	} else if s.Fuel < slice || s.Time < 300*time.Millisecond {
		t.Errorf("a call that spun for its 300 ms is not accounted: %+v", s)
	}
}

func TestHostileRealloc(t *testing.T) {
	tests := []struct {
		mode uint64
		kind error
		msg  string
	}{
		{1, ErrTrap, "unreachable"},
		{2, ErrTrap, "outside of memory"},
		{4, ErrTrap, "inside of realloc"},
		{5, ErrDeadline, "longer"},
	}
	pool := newPool(t, newEngine(t, Config{}), "hostile", &testHost{}, Limits{Call: 300 * time.Millisecond, Instances: 1})
	for _, tt := range tests {
		t.Run(tt.msg, func(t *testing.T) {
			if _, err := function(t, pool, "hostile", "set-realloc").Call(context.Background(), u32(tt.mode), nil, nil); err != nil {
				t.Fatal(err)
			}
			long := text(strings.Repeat("x", 100))
			_, err := function(t, pool, "hostile", "take").Call(context.Background(), long, nil, nil)
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.msg) {
				t.Fatalf("got %v, want %v with %q", err, tt.kind, tt.msg)
			}
			checkAlive(t, pool)
		})
	}
}

func TestMemoryLimitGivesTheGuestMinusOne(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "hostile", &testHost{}, Limits{Memory: 8 << 20})
	out, err := function(t, pool, "hostile", "exhaust").Call(context.Background(), nil, nil, nil)
	if err != nil || !bytes.Equal(out, u32(1+7*16)) {
		t.Fatalf("got %v, %v; want 113 pages", out, err)
	}
	if m := pool.Stats().Memory; m != 113<<16 {
		t.Errorf("memory in use %d", m)
	}
	checkAlive(t, pool)
}

func TestProgramThatNeedsMoreMemoryThanTheLimitIsRefused(t *testing.T) {
	p := loadProgram(t, newEngine(t, Config{}), guest(t, "basic"))
	_, err := p.NewPool(PoolConfig{Name: "basic", Imports: (&testHost{}).imports(), Limits: Limits{Memory: 1 << 16}})
	if !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "at least 131072 bytes") {
		t.Fatalf("got %v", err)
	}
}

func TestTableGrowthIsBounded(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "bigtable", &testHost{}, Limits{})
	out, err := function(t, pool, "hostile", "exhaust").Call(context.Background(), nil, nil, nil)
	if err != nil || !bytes.Equal(out, u32(maxTable)) {
		t.Fatalf("got %v, %v", out, err)
	}
}

func TestStartThatLoopsIsStopped(t *testing.T) {
	e := newEngine(t, Config{})
	for _, name := range []string{"startloop", "initloop"} {
		pool := newPool(t, e, name, &testHost{}, Limits{Call: 100 * time.Millisecond})
		_, err := function(t, pool, "hostile", "ok").Call(context.Background(), nil, nil, nil)
		if !errors.Is(err, ErrDeadline) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestStartThatTrapsLeavesNothing(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "starttrap", &testHost{}, Limits{})
	for range 3 {
		_, err := function(t, pool, "hostile", "ok").Call(context.Background(), nil, nil, nil)
		if !errors.Is(err, ErrTrap) {
			t.Fatalf("got %v", err)
		}
		if s := pool.Stats(); s.Instances != 0 || s.Memory != 0 || s.Busy != 0 {
			t.Fatalf("left over: %+v", s)
		}
	}
}

func TestBorrowThatIsKeptIsATrap(t *testing.T) {
	h := &testHost{}
	pool := newPool(t, newEngine(t, Config{}), "hostile", h, Limits{})
	_, err := function(t, pool, "hostile", "keep-borrow").Call(context.Background(), u32(0), []any{&counter{host: h}}, nil)
	if !errors.Is(err, ErrTrap) || !strings.Contains(err.Error(), "borrowed") {
		t.Fatalf("got %v", err)
	}
	if h.drops.Load() != 0 {
		t.Error("a borrowed object was dropped")
	}
}

func TestHandlesAreDroppedWithTheInstance(t *testing.T) {
	h := &testHost{}
	pool := newPool(t, newEngine(t, Config{}), "hostile", h, Limits{Handles: 10})
	if _, err := function(t, pool, "hostile", "many-handles").Call(context.Background(), nil, nil, nil); !errors.Is(err, ErrHandles) {
		t.Fatalf("got %v", err)
	}
	if h.made.Load() != 11 || h.drops.Load() != 11 {
		t.Errorf("%d made, %d dropped", h.made.Load(), h.drops.Load())
	}
}

func TestCancellationStopsTheGuest(t *testing.T) {
	h := &testHost{entered: make(chan struct{})}
	pool := newPool(t, newEngine(t, Config{}), "hostile", h, Limits{})
	for _, name := range []string{"spin", "wait"} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() {
			_, err := function(t, pool, "hostile", name).Call(ctx, nil, nil, nil)
			done <- err
		}()
		if name == "wait" {
			<-h.entered
		}
		cancel()
		if err := <-done; !errors.Is(err, ErrCanceled) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDeadlineOfTheCallerCounts(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "hostile", &testHost{}, Limits{})
	for _, name := range []string{"spin", "wait", "wait-often"} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		_, err := function(t, pool, "hostile", name).Call(ctx, nil, nil, nil)
		cancel()
		if !errors.Is(err, ErrDeadline) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestGarbageIsCollectedWhileGuestsSpin fails by its timeout if a guest holds up Go's collector until its own end.
func TestGarbageIsCollectedWhileGuestsSpin(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "hostile", &testHost{}, Limits{Call: time.Minute})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	for range 2 {
		spin := function(t, pool, "hostile", "spin")
		go func() { _, err := spin.Call(ctx, nil, nil, nil); done <- err }()
	}
	waitFor(t, func() bool { return pool.Stats().Busy == 2 && pool.Stats().Instances == 2 })
	start := time.Now()
	for range 20 {
		runtime.GC()
	}
	t.Logf("20 collections while two guests spin: %v", time.Since(start))
	if ctx.Err() != nil || time.Since(start) > 30*time.Second {
		t.Error("the collector waited for the guests")
	}
	cancel()
	for range 2 {
		if err := <-done; !errors.Is(err, ErrCanceled) {
			t.Error(err)
		}
	}
}

func waitFor(t testing.TB, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatal("condition did not come true")
		}
		runtime.Gosched()
	}
}

func TestBadArgumentsAreTheCallersFault(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "basic", &testHost{}, Limits{})
	tests := map[string][]byte{
		"greet": {5, 'a'},               // short
		"work":  {1, 2, 3},              // left over
		"make":  {0xff, 0xff},           // endless number
		"trip":  {},                     // nothing
		"blob":  {0xff, 0xff, 0xff, 15}, // long list of nothing
		"count": {0, 1},                 // no handles given
	}
	for name, a := range tests {
		if _, err := function(t, pool, "calls", name).Call(context.Background(), a, nil, nil); !errors.Is(err, ErrBadValue) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestBadResultOfAHostFunctionFailsTheCall(t *testing.T) {
	h := &testHost{}
	pool := newPool(t, newEngine(t, Config{}), "basic", h, Limits{})
	ask := function(t, pool, "calls", "ask")
	for _, odd := range [][]byte{{}, {2}, {0, 1, 0xff}, {1, 1, 1}} {
		h.odd = odd
		if _, err := ask.Call(context.Background(), nil, nil, nil); !errors.Is(err, ErrBadValue) {
			t.Errorf("% x: got %v", odd, err)
		}
	}
	h.odd = args(func(e *wit.Encoder) { e.OK(); e.String("fine") })
	if out, err := ask.Call(context.Background(), nil, nil, nil); err != nil || !bytes.Equal(out, h.odd) {
		t.Errorf("got % x, %v", out, err)
	}
	h.oddErr = errors.New("the disk is on fire")
	if _, err := ask.Call(context.Background(), nil, nil, nil); !errors.Is(err, ErrTrap) || !errors.Is(err, h.oddErr) {
		t.Errorf("got %v", err)
	}
}

func TestPanicOfAHostFunctionFailsTheCall(t *testing.T) {
	imports := (&testHost{}).imports()
	imports["test:guest/host@1.0.0#odd"] = func(context.Context, *wit.Call) error {
		var m map[string]int
		m["x"] = 1
		return nil
	}
	p := loadProgram(t, newEngine(t, Config{}), guest(t, "basic"))
	pool, err := p.NewPool(PoolConfig{Imports: imports})
	if err != nil {
		t.Fatal(err)
	}
	defer closePool(t, pool)
	for range 2 {
		_, err = function(t, pool, "calls", "ask").Call(context.Background(), nil, nil, nil)
		if !errors.Is(err, ErrTrap) || !strings.Contains(err.Error(), "a host function panicked: assignment to entry in nil map") {
			t.Fatalf("got %v", err)
		}
	}
}
