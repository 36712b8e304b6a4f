package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func BenchmarkStartLeaf(b *testing.B) {
	l := latticetest.Hub(b)
	cfg := l.Join("a", nil).Membership.Leaf()
	cfg.Hubs, cfg.Dir = l.LeafURLs(), b.TempDir()
	linked := time.Duration(0)
	for b.Loop() {
		leaf, err := bus.StartLeaf(context.Background(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		start := time.Now()
		if err := leaf.WaitUp(context.Background()); err != nil {
			b.Fatal(err)
		}
		linked += time.Since(start)
		if err := leaf.Shutdown(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(linked.Microseconds())/float64(b.N)/1000, "ms-to-link")
}

func BenchmarkJoin(b *testing.B) {
	l := latticetest.Hub(b)
	for b.Loop() {
		b.StopTimer()
		token, key := newToken(b, l, nil), newKey(b)
		b.StartTimer()
		if _, err := bus.Enroll(context.Background(), token, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	l := latticetest.Hub(b)
	start := func(name string) *latticetest.Leaf {
		leaf := l.Join(name, nil)
		leaf.Start(func(cfg *bus.LeafConfig) { cfg.Hubs = l.LeafURLs() }) // not through the proxy
		leaf.WaitUp()
		return leaf
	}
	x, y := start("x"), start("y")
	answer(b, y.Conn(), "rpc."+y.ID()+".>", "ok")
	answer(b, l.Conn(bus.RoleService), "evt.>", "ok")
	answer(b, x.Conn(), "loc.x", "ok")
	nc, payload := x.Conn(), make([]byte, 128)
	for _, bc := range []struct{ name, subject string }{
		{"within the host", "loc.x"}, {"to the hub", "evt." + x.ID() + ".x"}, {"to another host", rpcTo(y, x)},
	} {
		reaches(b, nc, bc.subject)
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := nc.Request(bc.subject, payload, time.Second); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
