package engine

import (
	"context"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wattle-io/wattle/wit"
)

// BenchmarkCall compares a call with one host call and 16 bytes of payload: through wazero alone (allocation of the argument
// in the guest, call, host function that sums the bytes), and through Func.Call.
func BenchmarkCall(b *testing.B) {
	payload := make([]byte, 16)
	b.Run("raw", func(b *testing.B) { benchRaw(b, payload) })
	for _, form := range []string{"basic", "basic.component"} {
		b.Run(form+"/work", func(b *testing.B) {
			benchFunc(b, form, "work", args(func(e *wit.Encoder) { e.Bytes(payload) }))
		})
		b.Run(form+"/greet", func(b *testing.B) { benchFunc(b, form, "greet", text("world")) })
		b.Run(form+"/record", func(b *testing.B) { benchFunc(b, form, "trip", person()) })
		b.Run(form+"/list64K", func(b *testing.B) {
			b.SetBytes(2 * 64 << 10)
			benchFunc(b, form, "blob", args(func(e *wit.Encoder) { e.Bytes(make([]byte, 64<<10)) }))
		})
	}
}

func benchFunc(b *testing.B, form, name string, a []byte) {
	pool := newPool(b, newEngine(b, Config{}), form, &testHost{}, Limits{})
	f, ctx, out := function(b, pool, "calls", name), context.Background(), make([]byte, 0, 128<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Call(ctx, a, nil, out); err != nil {
			b.Fatal(err)
		}
	}
}

// rawGuest instantiates the unmetered guest with wazero alone.
func rawGuest(b *testing.B) api.Module {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	b.Cleanup(func() { r.Close(ctx) })
	i32 := api.ValueTypeI32
	hb := r.NewHostModuleBuilder("test:guest/host@1.0.0")
	export := func(name string, f api.GoModuleFunc, params, results int) {
		types := []api.ValueType{i32, i32, i32}
		hb.NewFunctionBuilder().WithGoModuleFunction(f, types[:params], types[:results]).Export(name)
	}
	none := api.GoModuleFunc(func(context.Context, api.Module, []uint64) {})
	export("tick", func(_ context.Context, m api.Module, stack []uint64) {
		payload, ok := m.Memory().Read(uint32(stack[0]), uint32(stack[1]))
		if !ok {
			panic("out of bounds")
		}
		var sum uint32
		for _, x := range payload {
			sum += uint32(x)
		}
		stack[0] = uint64(sum)
	}, 2, 1)
	export("greeting", none, 3, 0)
	export("odd", none, 1, 0)
	export("[constructor]counter", none, 1, 1)
	export("[method]counter.next", none, 1, 1)
	export("[resource-drop]counter", none, 1, 0)
	if _, err := hb.Instantiate(ctx); err != nil {
		b.Fatal(err)
	}
	m, err := r.Instantiate(ctx, guest(b, "basic"))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func benchRaw(b *testing.B, payload []byte) {
	ctx, m := context.Background(), rawGuest(b)
	realloc, work := m.ExportedFunction("cabi_realloc"), m.ExportedFunction("test:guest/calls@1.0.0#work")
	var stack [4]uint64
	b.ReportAllocs()
	for b.Loop() {
		stack = [4]uint64{2: 1, 3: uint64(len(payload))}
		if err := realloc.CallWithStack(ctx, stack[:]); err != nil {
			b.Fatal(err)
		}
		m.Memory().Write(uint32(stack[0]), payload)
		stack[1] = uint64(len(payload))
		if err := work.CallWithStack(ctx, stack[:]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInstantiate is the time from nothing to an instance that has served its first call, and its end.
func BenchmarkInstantiate(b *testing.B) {
	for _, form := range []string{"basic", "basic.component"} {
		b.Run(form, func(b *testing.B) { benchInstantiate(b, form) })
	}
}

func benchInstantiate(b *testing.B, form string) {
	p := loadProgram(b, newEngine(b, Config{}), guest(b, form))
	imports := (&testHost{}).imports()
	b.ReportAllocs()
	for b.Loop() {
		pool, err := p.NewPool(PoolConfig{Imports: imports, Limits: Limits{Idle: -1}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := function(b, pool, "calls", "work").Call(context.Background(), []byte{0}, nil, nil); err != nil {
			b.Fatal(err)
		}
		pool.Close(context.Background())
	}
}

// BenchmarkIdleInstance reports the bytes of Go's heap that an idle instance takes, and of linear memory outside of it.
func BenchmarkIdleInstance(b *testing.B) {
	const n = 200
	for b.Loop() {
		h := &testHost{}
		p := loadProgram(b, newEngine(b, Config{}), guest(b, "basic"))
		pool, err := p.NewPool(PoolConfig{Imports: h.imports(), Limits: Limits{Idle: -1, Instances: n}})
		if err != nil {
			b.Fatal(err)
		}
		before := heap()
		instances := make([]*Instance, n)
		for i := range instances {
			in, err := pool.acquire(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			in.begin(context.Background())
			if _, _, err := in.lift(&p.plan.Lifts[0], []byte{0}, nil, nil); err != nil {
				b.Fatal(err)
			}
			in.end()
			instances[i] = in
		}
		b.ReportMetric(float64(heap()-before)/n, "heapB/instance")
		b.ReportMetric(float64(pool.Stats().Memory)/n, "linearB/instance")
		for _, in := range instances {
			pool.release(in)
		}
		pool.Close(context.Background())
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkLoad is the time to make a program anew, with compiled code on disk and without.
func BenchmarkLoad(b *testing.B) {
	wasm := guest(b, "basic")
	for _, cached := range []bool{false, true} {
		name := "cold"
		cfg := Config{}
		if cached {
			name, cfg.CacheDir = "cached", b.TempDir()
		}
		b.Run(name, func(b *testing.B) {
			e := newEngine(b, cfg)
			for b.Loop() {
				p, err := e.Load(context.Background(), wasm)
				if err != nil {
					b.Fatal(err)
				}
				p.Release()
			}
		})
	}
}
