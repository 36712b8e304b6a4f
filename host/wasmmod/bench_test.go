package wasmmod_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/wattle-io/wattle/host/wasmmod"
)

// BenchmarkFuel reports what the checks cost: the time per operation is that of the metered module, "ratio" is the best of
// its runs to the best of the original's, both taken in turn.
func BenchmarkFuel(b *testing.B) {
	wasm := fixture(b, "bench")
	for _, bm := range []struct {
		name string
		arg  uint64
	}{{"loop", 100_000}, {"sum", 400_000}, {"fib", 20}, {"calls", 50_000}} {
		b.Run(bm.name, func(b *testing.B) {
			original := instantiate(b, wasm, nil).ExportedFunction(bm.name)
			metered := instantiate(b, apply(b, wasm), &host{slice: 20_000, yields: -1}).ExportedFunction(bm.name)
			benchRatio(b, original, metered, bm.arg)
		})
	}
}

// BenchmarkFuelGoGuest is the same on a Go program.
func BenchmarkFuelGoGuest(b *testing.B) {
	wasm := needGoGuest(b)
	original := instantiate(b, wasm, nil).ExportedFunction("work")
	metered := instantiate(b, apply(b, wasm), &host{slice: 100_000, yields: -1}).ExportedFunction("work")
	benchRatio(b, original, metered, 100)
}

func benchRatio(b *testing.B, original, metered api.Function, arg uint64) {
	best := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	for b.Loop() {
		b.StopTimer()
		best[0] = min(best[0], timeCall(b, original, arg))
		b.StartTimer()
		best[1] = min(best[1], timeCall(b, metered, arg))
	}
	b.ReportMetric(float64(best[1])/float64(best[0]), "ratio")
}

func timeCall(b *testing.B, fn api.Function, arg uint64) time.Duration {
	start := time.Now()
	if err := fn.CallWithStack(context.Background(), []uint64{arg}); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func BenchmarkApply(b *testing.B) {
	wasm := needGoGuest(b)
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wasmmod.Apply(wasm, wasmmod.Rewrite{Meter: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	wasm := needGoGuest(b)
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wasmmod.Decode(wasm); err != nil {
			b.Fatal(err)
		}
	}
}
