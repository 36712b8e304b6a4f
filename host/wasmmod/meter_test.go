package wasmmod_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/wattle-io/wattle/host/wasmmod"
)

var behaving = []string{"bench", "control", "tables", "data", "exceptions"}

// TestMeteredModuleGivesTheSameResults runs every exported function of the fixtures with and without checks. A slice of 1 yields
// at every check.
func TestMeteredModuleGivesTheSameResults(t *testing.T) {
	for _, name := range behaving {
		for _, slice := range []int32{1, 50, 20_000} {
			t.Run(fmt.Sprintf("%s/slice %d", name, slice), func(t *testing.T) {
				wasm := fixture(t, name)
				want := instantiate(t, wasm, nil)
				h := &host{slice: slice, yields: -1}
				got := instantiate(t, apply(t, wasm), h)
				compare(t, want, got)
				if h.used == 0 {
					t.Error("the guest never yielded")
				}
			})
		}
	}
}

func compare(t *testing.T, want, got api.Module) {
	t.Helper()
	for _, fn := range slices.Sorted(mapsKeys(want.ExportedFunctionDefinitions())) {
		for _, arg := range []uint64{0, 1, 2, 3, 5, 8, 13, 21, 100, 126, 4095, 1 << 31, 0x3ff8000000000000} {
			args := make([]uint64, len(want.ExportedFunction(fn).Definition().ParamTypes()))
			for i := range args {
				if args[i] = arg + uint64(i); want.ExportedFunction(fn).Definition().ParamTypes()[i] == api.ValueTypeI32 {
					args[i] = uint64(uint32(args[i]))
				}
			}
			if fn == "fib" || fn == "loop" || fn == "calls" {
				args[0] = args[0]&15 + 1
			}
			compareCall(t, want, got, fn, args)
		}
	}
	if m := want.ExportedMemory("memory"); m != nil {
		a, _ := m.Read(0, m.Size())
		b, _ := got.ExportedMemory("memory").Read(0, m.Size())
		if !bytes.Equal(a, b) {
			t.Error("memories differ at the end")
		}
	}
}

func compareCall(t *testing.T, want, got api.Module, fn string, args []uint64) {
	t.Helper()
	ctx, stack := context.Background(), stackLeft(got)
	w, werr := want.ExportedFunction(fn).Call(ctx, args...)
	g, gerr := got.ExportedFunction(fn).Call(ctx, args...)
	if (werr == nil) != (gerr == nil) || werr == nil && !slices.Equal(w, g) {
		t.Errorf("%s%v: original %v %v, metered %v %v", fn, args, w, werr, g, gerr)
	}
	if left := stackLeft(got); gerr == nil && left != stack {
		t.Errorf("%s%v: stack budget %d before the call, %d after", fn, args, stack, left)
	}
	if gerr != nil {
		setStack(got, uint32(stack))
	}
}

func mapsKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestStackBudgetDoesNotDrift(t *testing.T) {
	for name, fns := range map[string][]string{
		"control": {"multi", "even", "ack", "table", "dead"}, "tables": {"exported", "last", "at"}, "exceptions": {"catch", "rethrow", "loop"}} {
		mod := instantiate(t, apply(t, fixture(t, name)), &host{slice: 1 << 30, yields: -1})
		ctx, stack := context.Background(), []uint64{0, 0}
		calls := 100_000
		if name == "exceptions" {
			calls = 1000 // the engine is slow there
		}
		for _, fn := range fns {
			f := mod.ExportedFunction(fn)
			for i := range uint64(calls) {
				stack[0], stack[1] = i&3, 1
				if err := f.CallWithStack(ctx, stack); err != nil {
					t.Fatalf("%s %s call %d: %v", name, fn, i, err)
				}
			}
			if left := stackLeft(mod); left != wasmmod.DefaultStack {
				t.Errorf("%s %s: budget %d after %d calls, %d before", name, fn, left, calls, wasmmod.DefaultStack)
			}
		}
	}
}

func TestRunawayGuestIsStopped(t *testing.T) {
	wasm := apply(t, fixture(t, "runaway"))
	for name := range instantiate(t, wasm, &host{slice: 1, yields: -1}).ExportedFunctionDefinitions() {
		t.Run(name, func(t *testing.T) {
			want := errFuel
			if strings.HasPrefix(name, "recurse") {
				want = errStack
			}
			h := &host{slice: 20_000, yields: 100}
			fn := instantiate(t, wasm, h).ExportedFunction(name)
			_, err := fn.Call(context.Background(), make([]uint64, len(fn.Definition().ParamTypes()))...)
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

// TestStackBudgetBoundsTheDepth: a function of no locals takes 64; with one parameter 72.
func TestStackBudgetBoundsTheDepth(t *testing.T) {
	mod := instantiate(t, apply(t, fixture(t, "control")), &host{slice: 1 << 30, yields: -1})
	call := func(depth uint64) error {
		_, err := mod.ExportedFunction("even").Call(context.Background(), depth)
		return err
	}
	const frame = 72 // $even and $odd; the exported function has a frame too
	setStack(mod, 102*frame)
	if err := call(100); err != nil {
		t.Errorf("100 calls in a budget for 102 frames: %v", err)
	}
	if err := call(101); !errors.Is(err, errStack) {
		t.Errorf("101 calls in a budget for 102 frames: got %v, want a stack overflow", err)
	}
}

func TestTailCallsDoNotUseUpTheStackBudget(t *testing.T) {
	mod := instantiate(t, apply(t, fixture(t, "control")), &host{slice: 1 << 30, yields: -1})
	setStack(mod, 1000)
	if got, err := mod.ExportedFunction("tail").Call(context.Background(), 0xffff); err != nil || got[0] != 0 {
		t.Errorf("65,535 tail calls: %v %v", got, err)
	}
}

func TestCaughtExceptionsGiveTheStackBack(t *testing.T) {
	mod := instantiate(t, apply(t, fixture(t, "exceptions")), &host{slice: 1 << 30, yields: -1})
	setStack(mod, 2000)
	if _, err := mod.ExportedFunction("many").Call(context.Background(), 0); err != nil {
		t.Errorf("500 exceptions through 10 frames each: %v", err)
	}
}

func TestFuelGrowsWithTheWork(t *testing.T) {
	used := func(name, fn string, arg uint64) int64 {
		h := &host{slice: 1 << 20, yields: -1}
		mod := instantiate(t, apply(t, fixture(t, name)), h)
		before := int64(h.used)<<20 - int64(fuelLeft(mod))
		if _, err := mod.ExportedFunction(fn).Call(context.Background(), arg); err != nil {
			t.Fatal(err)
		}
		return int64(h.used)<<20 - int64(fuelLeft(mod)) - before
	}
	for _, c := range []struct {
		module, fn      string
		arg             uint64
		atLeast, atMost int64
	}{
		{"bench", "loop", 10_000, 9_900, 10_300},
		{"bench", "loop", 1_000_000, 999_900, 1_020_000},
		{"bench", "fib", 15, 1_900, 4_000}, // 1,973 calls
		{"data", "bulk", 0xfff, 0xfff / 64, 2 * 0xfff / 64},
		{"data", "bulk", 0, 0, 10},
		{"exceptions", "catch", 0, 1500, 1600}, // one try_table, one throw
	} {
		if n := used(c.module, c.fn, c.arg); n < c.atLeast || n > c.atMost {
			t.Errorf("%s %s(%d) used %d units, want %d to %d", c.module, c.fn, c.arg, n, c.atLeast, c.atMost)
		}
	}
}

func TestGoGuest(t *testing.T) {
	wasm := needGoGuest(t)
	want := instantiate(t, wasm, nil)
	h := &host{slice: 1000, yields: -1}
	out := apply(t, wasm)
	got := instantiate(t, out, h)
	t.Logf("%d bytes, metered %d (%.2f)", len(wasm), len(out), float64(len(out))/float64(len(wasm)))
	for n := uint64(1); n < 400; n += 37 {
		compareCall(t, want, got, "work", []uint64{n})
	}
	h.yields = 1000
	if _, err := got.ExportedFunction("spin").Call(context.Background(), 1); !errors.Is(err, errFuel) {
		t.Errorf("spin: got %v, want %v", err, errFuel)
	}
	deep := instantiate(t, out, &host{slice: 1000, yields: -1})
	if _, err := deep.ExportedFunction("forever").Call(context.Background(), 1); !errors.Is(err, errStack) {
		t.Errorf("forever: got %v, want %v", err, errStack)
	}
}

func TestModuleWithoutFunctionsIsMeteredToo(t *testing.T) {
	mod := instantiate(t, apply(t, []byte("\x00asm\x01\x00\x00\x00")), &host{})
	if stackLeft(mod) != wasmmod.DefaultStack || fuelLeft(mod) != 0 {
		t.Errorf("stack %d, fuel %d", stackLeft(mod), fuelLeft(mod))
	}
}

func TestFunctionNamesStayInTraces(t *testing.T) {
	mod := instantiate(t, apply(t, fixture(t, "runaway")), &host{slice: 1, yields: 0})
	_, err := mod.ExportedFunction("recurse_mutual").Call(context.Background())
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte(".ping(")) {
		t.Errorf("the trace does not name $ping: %v", err)
	}
}
