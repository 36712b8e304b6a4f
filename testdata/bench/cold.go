package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
)

// benchCold measures the first request to an actor that was never run in this process, with its compiled code on disk.
func benchCold(ctx context.Context, b *bench) ([]table, error) {
	dir := filepath.Join(b.dir, "cold")
	small, err := guest("http")
	if err != nil {
		return nil, err
	}
	counter, err := b.counter(ctx)
	if err != nil {
		return nil, err
	}
	n, err := startNode(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer n.stop(ctx)
	t := table{title: "Cold start", note: "From nothing in memory to the answer of the first HTTP request: verify the signature, load the compiled code from disk, instantiate, serve. " +
		"Wazero's part is what it alone takes to load the same guest, unmetered, from its cache.",
		head: []string{"guest", "wazero's part p50", "start p50", "p99", "first request p50", "p99", "both p50", "p99"}}
	for _, c := range []struct {
		name, title string
		wasm        []byte
		limit       float64 // ms
	}{{"small", fmt.Sprintf("small (%d KB)", (len(small)+999)/1000), small, 5}, {"counter", fmt.Sprintf("Go (%.1f MB)", float64(len(counter))/1e6), counter, 50}} {
		s, err := n.coldStarts(ctx, b, c.name, c.wasm)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.title, err)
		}
		t.add(c.title, nanos(median(s.wazero)), nanos(median(s.start)), nanos(percentile(s.start, 99)), nanos(median(s.first)), nanos(percentile(s.first, 99)),
			nanos(median(s.both)), nanos(percentile(s.both, 99)))
		t.goals = append(t.goals, atMost(c.title+": p99", percentile(s.both, 99)/1e6, c.limit, "%.1f ms"))
	}
	return []table{t}, nil
}

// coldTimes are times in ns.
type coldTimes struct{ wazero, start, first, both []float64 }

// coldStarts measures starts, first requests, and beside each what wazero alone takes. The first, which compiles, does not count.
func (n *node) coldStarts(ctx context.Context, b *bench, name string, wasm []byte) (s coldTimes, err error) {
	signed, err := n.sign(name, wasm)
	if err != nil {
		return s, err
	}
	load, stop, err := wazeroLoad(ctx, b, name, wasm)
	if err != nil {
		return s, err
	}
	defer stop()
	for i := range b.repeats(30) + 1 {
		floor, err := load()
		if err != nil {
			return s, err
		}
		start, first, err := n.coldStart(ctx, name, signed)
		if err != nil {
			return s, err
		}
		if i > 0 {
			s.wazero, s.start, s.first, s.both = append(s.wazero, floor), append(s.start, start), append(s.first, first), append(s.both, start+first)
		}
	}
	return s, nil
}

// wazeroLoad gives a function that loads a guest from wazero's cache on disk and forgets it again.
func wazeroLoad(ctx context.Context, b *bench, name string, wasm []byte) (load func() (float64, error), stop func(), err error) {
	cache, err := wazero.NewCompilationCacheWithDir(filepath.Join(b.dir, "wazero-"+name))
	if err != nil {
		return nil, nil, err
	}
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(cache).WithDebugInfoEnabled(false))
	return func() (float64, error) {
		began := time.Now()
		m, err := r.CompileModule(ctx, wasm)
		if err != nil {
			return 0, err
		}
		return float64(time.Since(began).Nanoseconds()), m.Close(ctx)
	}, func() { r.Close(ctx); cache.Close(ctx) }, nil
}

// coldStart starts an actor, requests once, and stops it, so that its program is forgotten.
func (n *node) coldStart(ctx context.Context, name string, signed []byte) (start, first float64, err error) {
	began := time.Now()
	if _, err := n.host.StartModule(ctx, signed, control.StartRequest{}); err != nil {
		return 0, 0, err
	}
	start = float64(time.Since(began).Nanoseconds())
	if err := n.link(ctx, lattice.Link{Source: "httpserver", Target: name, Contract: "wasi:http", Config: map[string]string{"path": "/" + name}},
		lattice.Link{Source: name, Target: "keyvalue-memory", Contract: "wasi:keyvalue", Config: map[string]string{"bucket": "counts"}}); err != nil {
		return 0, 0, err
	}
	if first, err = n.request("/" + name); err != nil {
		return 0, 0, err
	}
	return start, first, n.host.Stop(ctx, control.StopRequest{Actor: name})
}

// request gives the time in ns of one GET on a connection that is there already.
func (n *node) request(path string) (float64, error) {
	addr, err := n.httpAddr()
	if err != nil {
		return 0, err
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	began := time.Now()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, addr); err != nil {
		return 0, err
	}
	err = readResponse(bufio.NewReader(conn))
	return float64(time.Since(began).Nanoseconds()), err
}
