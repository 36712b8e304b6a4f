package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/wit"
)

// loop is a guest's function that computes, with an argument that keeps it busy for about a millisecond.
type loop struct {
	name, title string
	n           uint32
	wasm        []byte
}

func (l loop) export() string { return "bench:guest/loops@1.0.0#" + l.name }

func loops(ctx context.Context, b *bench) ([]loop, error) {
	tight, err := guest("loops")
	if err != nil {
		return nil, err
	}
	mixed, err := b.buildGuest(ctx, ".", "./guests/mixed")
	if err != nil {
		return nil, err
	}
	return []loop{
		{"count", "loop of 5 instructions", 1_000_000, tight}, {"fib", "recursive fib(24)", 24, tight},
		{"sum", "sum of memory", 64, tight}, {"mixed", "Go: maps, sort, hash", 1, mixed},
	}, nil
}

// benchFuel compares guests that compute: unmetered in wazero, metered in the engine, and with wazero's own means to stop a guest.
func benchFuel(ctx context.Context, b *bench) ([]table, error) {
	list, err := loops(ctx, b)
	if err != nil {
		return nil, err
	}
	t := table{title: "Fuel", note: "Guests that compute for about a millisecond: without any check, with fuel, and with wazero's WithCloseOnContextDone.",
		head: []string{"guest", "unmetered", "fuel", "×", "close on done", "×"}}
	worst := 0.0
	for _, l := range list {
		costs, err := l.compare(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		t.add(l.title, nanos(costs[0].ns), nanos(costs[1].ns), factor(costs[1].ratio), nanos(costs[2].ns), factor(costs[2].ratio))
		worst = max(worst, costs[1].ratio)
	}
	t.goals = []goal{atMost("fuel: ×", worst, 1.15, "%.2f")}
	return []table{t}, nil
}

func (l loop) compare(ctx context.Context, b *bench) ([]cost, error) {
	plain, stop, err := l.raw(ctx, wazero.NewRuntimeConfig())
	if err != nil {
		return nil, err
	}
	defer stop()
	metered, stop, err := l.engine(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	done, cancel := context.WithCancel(ctx) // without a Done channel there is nothing for wazero to watch
	defer cancel()
	closing, stop, err := l.raw(done, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
	if err != nil {
		return nil, err
	}
	defer stop()
	return compare(ctx, b, []candidate{{"unmetered", plain}, {"fuel", repeatCall(ctx, metered)}, {"close on done", closing}})
}

// raw runs the loop in wazero alone.
func (l loop) raw(ctx context.Context, cfg wazero.RuntimeConfig) (run func(int) error, stop func(), err error) {
	r := wazero.NewRuntimeWithConfig(ctx, cfg)
	stop = func() { r.Close(context.WithoutCancel(ctx)) }
	defer func() {
		if err != nil {
			stop()
		}
	}()
	if _, err = wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return nil, nil, err
	}
	module := wazero.NewModuleConfig().WithStartFunctions("_initialize").WithSysNanotime().WithSysWalltime()
	m, err := r.InstantiateWithConfig(ctx, l.wasm, module)
	if err != nil {
		return nil, nil, err
	}
	return repeat(ctx, m.ExportedFunction(l.export()), l.n), stop, nil
}

func repeat(ctx context.Context, f api.Function, arg uint32) func(int) error {
	return func(n int) error {
		var stack [1]uint64
		for range n {
			stack[0] = uint64(arg)
			if err := f.CallWithStack(ctx, stack[:]); err != nil {
				return err
			}
		}
		return nil
	}
}

// engine gives the loop as the host runs it: a call with a context.
func (l loop) engine(ctx context.Context) (call func(context.Context) error, stop func(), err error) {
	p, stop, err := pool(ctx, l.wasm, nil, engine.Limits{})
	if err != nil {
		return nil, nil, err
	}
	f, err := p.Func("bench:guest/loops", l.name)
	if err != nil {
		stop()
		return nil, nil, err
	}
	var args wit.Encoder
	args.Uint(uint64(l.n))
	out := make([]byte, 0, 16)
	return func(ctx context.Context) error {
		_, err := f.Call(ctx, args.Buf, nil, out)
		return err
	}, stop, nil
}

func repeatCall(ctx context.Context, call func(context.Context) error) func(int) error {
	return func(n int) error {
		for range n {
			if err := call(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// benchStop measures how long a runaway guest goes on after its deadline.
func benchStop(ctx context.Context, b *bench) ([]table, error) {
	tight, err := guest("loops")
	if err != nil {
		return nil, err
	}
	t := table{title: "Runaway guests", note: "Time from the deadline of a call (20 ms) to its return, of 20 calls.", head: []string{"guest", "p50", "max"}}
	worst := 0.0
	for _, l := range []loop{{"count", "endless loop", 0, tight}, {"fib", "endless recursion, fib(90)", 90, tight}} {
		late, err := l.overrun(ctx, b.repeats(20))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		t.add(l.title, nanos(median(late)), nanos(percentile(late, 100)))
		worst = max(worst, percentile(late, 100))
	}
	t.goals = []goal{atMost("stopped within", worst/1e6, 10, "%.2f ms")}
	return []table{t}, nil
}

// overrun gives the times in ns by which calls exceed their deadlines.
func (l loop) overrun(ctx context.Context, times int) (late []float64, err error) {
	call, stop, err := l.engine(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	for range times {
		deadline := time.Now().Add(20 * time.Millisecond)
		limited, cancel := context.WithDeadline(ctx, deadline)
		err := call(limited)
		over := time.Since(deadline)
		cancel()
		if !errors.Is(err, engine.ErrDeadline) {
			return nil, fmt.Errorf("a runaway guest ended with: %v", err)
		}
		late = append(late, float64(over.Nanoseconds()))
	}
	return late, nil
}
