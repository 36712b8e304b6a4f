package wasmmod_test

import (
	"context"
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wattle-io/wattle/host/wasmmod"
)

// features is all that the engine can take.
const features = api.CoreFeaturesV2 | api.CoreFeatureSIMD<<1 | api.CoreFeatureSIMD<<2 | api.CoreFeatureSIMD<<3 | api.CoreFeatureSIMD<<4 | api.CoreFeatureSIMD<<5

func BenchmarkFuel(b *testing.B) {
	wasm := fixture(b, "bench")
	for _, bm := range []struct {
		name string
		arg  uint64
	}{{"loop", 100_000}, {"sum", 400_000}, {"fib", 22}, {"calls", 50_000}} {
		b.Run(bm.name, func(b *testing.B) {
			b.Run("original", func(b *testing.B) { benchCall(b, instantiate(b, wasm, nil), bm.name, bm.arg) })
			b.Run("metered", func(b *testing.B) { benchCall(b, metered(b, wasm, 20_000), bm.name, bm.arg) })
		})
	}
}

func benchCall(b *testing.B, mod api.Module, name string, arg uint64) {
	fn, ctx := mod.ExportedFunction(name), context.Background()
	stack := []uint64{0}
	for b.Loop() {
		stack[0] = arg
		if err := fn.CallWithStack(ctx, stack); err != nil {
			b.Fatal(err)
		}
	}
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func metered(t testing.TB, wasm []byte, slice uint64) api.Module {
	t.Helper()
	out, err := wasmmod.Apply(wasm, wasmmod.Rewrite{Meter: true})
	if err != nil {
		t.Fatal(err)
	}
	return instantiate(t, out, func(reason uint64) uint64 {
		if reason != wasmmod.YieldFuel {
			panic("stack")
		}
		return slice
	})
}

func instantiate(t testing.TB, wasm []byte, yield func(uint64) uint64) api.Module {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(features))
	t.Cleanup(func() { r.Close(ctx) })
	if yield != nil {
		_, err := r.NewHostModuleBuilder(wasmmod.YieldModule).NewFunctionBuilder().
			WithGoFunction(api.GoFunc(func(_ context.Context, s []uint64) { s[0] = yield(uint64(uint32(s[0]))) }), []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).
			Export(wasmmod.YieldName).Instantiate(ctx)
		if err != nil {
			t.Fatal(err)
		}
	}
	mod, err := r.Instantiate(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	return mod
}
