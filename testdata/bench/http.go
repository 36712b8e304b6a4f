package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// server is something that counts visits behind HTTP.
type server struct{ name, addr string }

// benchHTTP compares actors/counter with plain Go servers that do the same on the same hub.
func benchHTTP(ctx context.Context, b *bench) ([]table, error) {
	n, err := startNode(ctx, filepath.Join(b.dir, "http"))
	if err != nil {
		return nil, err
	}
	defer n.stop(ctx)
	actor, err := n.startCounter(ctx, b)
	if err != nil {
		return nil, err
	}
	conn, err := n.hub.Connect(n.user)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	swap, err := startFloor(ctx, conn, "floor-swap", false)
	if err != nil {
		return nil, err
	}
	defer swap.stop()
	cached, err := startFloor(ctx, conn, "floor-cached", true)
	if err != nil {
		return nil, err
	}
	defer cached.stop()
	servers := []server{{"net/http + KV, get and update", swap.addr}, {"net/http + KV, lock and cached revision", cached.addr}, {"actors/counter", actor}}
	return compareServers(ctx, b, servers)
}

// startCounter runs actors/counter, linked to HTTP and to the key-value store.
func (n *node) startCounter(ctx context.Context, b *bench) (addr string, err error) {
	wasm, err := b.counter(ctx)
	if err != nil {
		return "", err
	}
	if err := n.start(ctx, "counter", wasm); err != nil {
		return "", err
	}
	if err := n.link(ctx, lattice.Link{Source: "httpserver", Target: "counter", Contract: "wasi:http", Config: map[string]string{"path": "/"}},
		lattice.Link{Source: "counter", Target: "keyvalue", Contract: "wasi:keyvalue", Config: map[string]string{"bucket": "counts"}}); err != nil {
		return "", err
	}
	return n.httpAddr()
}

func compareServers(ctx context.Context, b *bench, servers []server) ([]table, error) {
	t := table{title: "HTTP → actor → key-value store", head: []string{"server", "connections", "requests/s", "p50", "p99", "CPU/request", "× get and update"},
		note: fmt.Sprintf("A counter over %d keys in JetStream KV on disk (embedded hub); clients, servers and hub share the process. The actor is standard Go.", keys)}
	for _, conns := range []int{1, 16} {
		loads, err := interleave(ctx, b, servers, conns)
		if err != nil {
			return nil, err
		}
		for i, s := range servers {
			l := loads[i]
			t.add(s.name, fmt.Sprint(conns), fmt.Sprintf("%.0f", l.perSecond), nanos(median(l.ns)), nanos(percentile(l.ns, 99)), nanos(l.cpu), factor(l.perSecond/loads[0].perSecond))
		}
		t.goals = append(t.goals, atLeast(fmt.Sprintf("%d connections: × net/http + KV", conns), loads[2].perSecond/loads[0].perSecond, 0.6, "%.2f"))
	}
	return []table{t}, nil
}

// interleave measures the servers in turns: the medians of the rounds' rates and costs, and the times of all requests.
func interleave(ctx context.Context, b *bench, servers []server, conns int) ([]load, error) {
	d := pick(b.quick, 300*time.Millisecond, 1500*time.Millisecond)
	total, rates, cpu := make([]load, len(servers)), make([][]float64, len(servers)), make([][]float64, len(servers))
	for round := range pick(b.quick, 2, 6) {
		for i, s := range servers {
			l, err := generate(ctx, s.addr, conns, d)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if round == 0 { // makes the keys and the instances
				continue
			}
			total[i].ns, rates[i], cpu[i] = append(total[i].ns, l.ns...), append(rates[i], l.perSecond), append(cpu[i], l.cpu)
		}
	}
	for i := range total {
		total[i].perSecond, total[i].cpu = median(rates[i]), median(cpu[i])
	}
	return total, nil
}
