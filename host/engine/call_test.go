package engine

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wattle-io/wattle/wit"
)

func TestCallWithOneHostCall(t *testing.T) { eachForm(t, "basic", testCallWithOneHostCall) }

func testCallWithOneHostCall(t *testing.T, form string) {
	pool := newPool(t, newEngine(t, Config{}), form, &testHost{}, Limits{})
	out, err := function(t, pool, "calls", "work").Call(context.Background(), args(func(e *wit.Encoder) { e.Bytes([]byte{1, 2, 3}) }), nil, nil)
	if err != nil || !bytes.Equal(out, u32(6)) {
		t.Fatalf("got %v, %v", out, err)
	}
}

func TestStringsCrossInBothDirections(t *testing.T) {
	eachForm(t, "basic", testStringsCrossInBothDirections)
}

func testStringsCrossInBothDirections(t *testing.T, form string) {
	pool := newPool(t, newEngine(t, Config{}), form, &testHost{}, Limits{})
	greet := function(t, pool, "calls", "greet")
	for _, name := range []string{"", "Ada", "Zoë 🌍", string(make([]byte, 300_000))} {
		out, err := greet.Call(context.Background(), text(name), nil, nil)
		if err != nil || !bytes.Equal(out, text("hello "+name)) {
			t.Fatalf("%.10q: got %.40q, %v", name, out, err)
		}
	}
}

// person is a value of record person, with strings of any content.
func person() []byte {
	return args(func(e *wit.Encoder) {
		e.String("Ada Lovelace")
		e.Some()
		e.String("the enchantress of number")
		e.Byte(36)
		e.F32(1.65)
		e.F64(-0.5)
		e.Int(-62135596800)
		e.Uint(1 << 63)
		e.Byte(0x80) // s8 -128
		e.Int(-32768)
		e.Char('𝄞')
		e.Bool(true)
		e.Flags(0b101, 3)
		e.Uint(2)
		e.String("label")
		e.Uint(2)
		e.String("a")
		e.String("")
		e.Uint(3)
		e.Uint(0)
		e.Uint(1)
		e.Uint(1<<32 - 1)
	})
}

func TestRecordGoesThroughTheGuestUnchanged(t *testing.T) {
	eachForm(t, "basic", testRecordGoesThroughTheGuestUnchanged)
}

func testRecordGoesThroughTheGuestUnchanged(t *testing.T, form string) {
	pool := newPool(t, newEngine(t, Config{}), form, &testHost{}, Limits{})
	out, err := function(t, pool, "calls", "trip").Call(context.Background(), person(), nil, []byte("prefix"))
	if err != nil || !bytes.Equal(out, append([]byte("prefix"), person()...)) {
		t.Fatalf("got % x, %v", out, err)
	}
}

func TestResourcesOfTheHost(t *testing.T) { eachForm(t, "basic", testResourcesOfTheHost) }

func testResourcesOfTheHost(t *testing.T, form string) {
	ctx, h := context.Background(), &testHost{}
	pool := newPool(t, newEngine(t, Config{}), form, h, Limits{Instances: 1})
	if out, err := function(t, pool, "calls", "make").Call(ctx, u32(41), nil, nil); err != nil || !bytes.Equal(out, u32(42)) || h.drops.Load() != 1 {
		t.Fatalf("make: %v, %v, %d drops", out, err, h.drops.Load())
	}
	c := &counter{host: h, n: 10}
	count := args(func(e *wit.Encoder) { e.Uint(0); e.Uint(5) })
	if out, err := function(t, pool, "calls", "count").Call(ctx, count, []any{c}, nil); err != nil || !bytes.Equal(out, u32(15)) {
		t.Fatalf("count: %v, %v", out, err)
	}
	if h.drops.Load() != 1 {
		t.Fatal("a borrowed object was dropped")
	}
	if _, err := function(t, pool, "calls", "keep").Call(ctx, u32(0), []any{c}, nil); err != nil {
		t.Fatal(err)
	}
	if out, err := function(t, pool, "calls", "kept").Call(ctx, nil, nil, nil); err != nil || !bytes.Equal(out, u32(16)) {
		t.Fatalf("kept: %v, %v", out, err)
	}
	if _, err := function(t, pool, "calls", "give").Call(ctx, nil, nil, nil); !errors.Is(err, ErrHandleResult) {
		t.Fatalf("give: %v", err)
	}
	_, objects, err := function(t, pool, "calls", "give").CallHandles(ctx, nil, nil, nil)
	if err != nil || len(objects) != 1 || objects[0] != any(c) || h.drops.Load() != 1 {
		t.Fatalf("give: %v, %v, %d drops", objects, err, h.drops.Load())
	}
}

func TestContextOfAHostFunctionEndsWithTheCall(t *testing.T) {
	var kept []context.Context
	imports := (&testHost{}).imports()
	imports["test:guest/host@1.0.0#tick"] = func(ctx context.Context, c *wit.Call) error {
		if d, ok := ctx.Deadline(); !ok || time.Until(d) > 30*time.Second {
			t.Errorf("deadline %v, %v", d, ok)
		}
		ctx.Done()
		kept = append(kept, ctx)
		c.Args.Bytes()
		c.Result.Uint(0)
		return nil
	}
	p := loadProgram(t, newEngine(t, Config{}), guest(t, "basic"))
	pool, err := p.NewPool(PoolConfig{Imports: imports})
	if err != nil {
		t.Fatal(err)
	}
	defer closePool(t, pool)
	type key struct{}
	ctx := context.WithValue(context.Background(), key{}, "of the caller")
	for range 2 {
		if _, err := function(t, pool, "calls", "work").Call(ctx, []byte{0}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, ctx := range kept {
		if ctx.Err() == nil || ctx.Value(key{}) != "of the caller" {
			t.Errorf("after the call: %v, %v", ctx.Err(), ctx.Value(key{}))
		}
	}
}

func TestCallAllocatesNothing(t *testing.T) { eachForm(t, "basic", testCallAllocatesNothing) }

func testCallAllocatesNothing(t *testing.T, form string) {
	pool := newPool(t, newEngine(t, Config{}), form, &testHost{}, Limits{})
	ctx, out := context.Background(), make([]byte, 0, 1024)
	for name, a := range map[string][]byte{
		"work":  args(func(e *wit.Encoder) { e.Bytes(make([]byte, 16)) }),
		"greet": text("world"),
		"trip":  person(),
	} {
		f := function(t, pool, "calls", name)
		n := testing.AllocsPerRun(200, func() {
			if _, err := f.Call(ctx, a, nil, out); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
