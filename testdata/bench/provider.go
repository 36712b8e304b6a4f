package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/providers/keyvalue"
)

// benchProvider compares a guest's call of a key-value store with a Go program's call through the same flat operations and provider.
func benchProvider(ctx context.Context, b *bench) ([]table, error) {
	n, err := startNode(ctx, filepath.Join(b.dir, "provider"))
	if err != nil {
		return nil, err
	}
	defer n.stop(ctx)
	wasm, err := guest("kv")
	if err != nil {
		return nil, err
	}
	if wasm, err = withWorld(wasm, "bench:guest/kv"); err != nil {
		return nil, err
	}
	if err := n.start(ctx, "kv", wasm); err != nil {
		return nil, err
	}
	t := table{title: "Actor → provider on the same host", head: []string{"provider, operation", "direct Go call", "from a guest", "×", "allocs"},
		note: "Link check, flat operation, provider: the Go call goes the same way, without a guest. No NATS message but the store's own."}
	for _, c := range []struct{ target, op string }{{"keyvalue-memory", "get"}, {"keyvalue-memory", "increment"}, {"keyvalue", "increment"}} {
		costs, err := n.compareProvider(ctx, b, c.target, c.op)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", c.target, c.op, err)
		}
		t.add(c.target+", "+c.op, nanos(costs[0].ns), nanos(costs[1].ns), factor(costs[1].ratio), fmt.Sprintf("%.0f and %.0f", costs[0].allocs, costs[1].allocs))
		t.goals = append(t.goals, atMost(c.target+", "+c.op+": ×", costs[1].ratio, 2, "%.2f"))
	}
	return []table{t}, nil
}

// compareProvider links the guest to a provider and calls an operation directly and through the guest.
func (n *node) compareProvider(ctx context.Context, b *bench, target, op string) ([]cost, error) {
	link := lattice.Link{Source: "kv", Target: target, Contract: keyvalue.Name, Config: map[string]string{"bucket": "bench"}}
	stored, err := n.host.PutLink(ctx, link)
	if err != nil {
		return nil, err
	}
	client := keyvalue.NewClient(n.host, stored, "bench")
	direct := map[string]func() error{
		"get":       func() error { _, err := client.Get(ctx, "visits"); return err },
		"increment": func() error { _, err := client.Increment(ctx, "visits", 1); return err },
	}[op]
	if err := client.Set(ctx, "visits", []byte("1")); err != nil {
		return nil, err
	}
	return compare(ctx, b, []candidate{
		{"direct", func(times int) error {
			for range times {
				if err := direct(); err != nil {
					return err
				}
			}
			return nil
		}},
		{"guest", func(times int) error { // the guest repeats by itself
			_, err := n.host.Call(ctx, control.CallRequest{Actor: "kv", Func: "bench:guest/visits@1.0.0#" + op, Args: fmt.Appendf(nil, "[%d]", times)})
			return err
		}},
	})
}
