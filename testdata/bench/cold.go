package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

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
	t := table{title: "Cold start", note: "From nothing in memory to the answer of the first HTTP request: verify the signature, load the compiled code from disk, instantiate, serve.",
		head: []string{"guest", "start p50", "p99", "first request p50", "p99", "both p50", "p99"}}
	for _, c := range []struct {
		name, title string
		wasm        []byte
		limit       float64 // ms
	}{{"small", fmt.Sprintf("small (%d KB)", (len(small)+999)/1000), small, 5}, {"counter", fmt.Sprintf("Go (%.1f MB)", float64(len(counter))/1e6), counter, 50}} {
		s, err := n.coldStarts(ctx, c.name, c.wasm, b.repeats(30))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.title, err)
		}
		t.add(c.title, nanos(median(s[0])), nanos(percentile(s[0], 99)), nanos(median(s[1])), nanos(percentile(s[1], 99)), nanos(median(s[2])), nanos(percentile(s[2], 99)))
		t.goals = append(t.goals, atMost(c.title+": p99", percentile(s[2], 99)/1e6, c.limit, "%.1f ms"))
	}
	return []table{t}, nil
}

// coldStarts gives the times in ns of starts, first requests, and both together. The first, which compiles, does not count.
func (n *node) coldStarts(ctx context.Context, name string, wasm []byte, times int) (s [3][]float64, err error) {
	for i := range times + 1 {
		start, first, err := n.coldStart(ctx, name, wasm)
		if err != nil {
			return s, err
		}
		if i > 0 {
			s[0], s[1], s[2] = append(s[0], start), append(s[1], first), append(s[2], start+first)
		}
	}
	return s, nil
}

// coldStart starts an actor, requests once, and stops it, so that its program is forgotten.
func (n *node) coldStart(ctx context.Context, name string, wasm []byte) (start, first float64, err error) {
	began := time.Now()
	if err := n.start(ctx, name, wasm, control.Limits{}); err != nil {
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
