package rpc_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/rpc"
)

// echo answers with the payload, in the memory that is lent to the callee.
func echo(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
	return lattice.Reply{Payload: append(inv.Out, inv.Payload...)}, nil
}

// way is one way to get an echo of a payload.
type way struct {
	name string
	do   func(payload []byte) error
}

// bare is a plain NATS request between two connections.
func bare(b *testing.B, requester, responder *nats.Conn, subject string) way {
	b.Helper()
	if _, err := responder.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		b.Fatal(err)
	}
	if err := responder.Flush(); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	return way{"bare", func(payload []byte) error {
		_, err := requester.RequestWithContext(ctx, subject, payload)
		return err
	}}
}

func remote(c *rpc.Client, dst string) way {
	ctx := context.Background()
	return way{"rpc", func(payload []byte) error {
		_, err := c.Invoke(ctx, dst, invocation("echo", payload))
		return err
	}}
}

// BenchmarkHub compares calls with bare requests through a hub in the same process. The bare requests are of hosts, too.
func BenchmarkHub(b *testing.B) {
	p := newPair(b, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	from, to := p.User(bus.RoleHost), p.User(bus.RoleHost)
	compare(b, bare(b, p.ConnAs(from), p.ConnAs(to), "rpc."+to.ID+"."+from.ID+".bare"), remote(p.client, p.callee.ID))
}

// BenchmarkLeaf compares calls with bare requests over one leaf hop: the caller is a leaf, the callee is beside the hub. The bare request is one of
// the subjects that a leaf may publish, as long as those of calls are.
func BenchmarkLeaf(b *testing.B) {
	p := newPair(b, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	leaf := p.Leaf("caller")
	c, err := rpc.NewClient(leaf.Conn(), leaf.ID(), rpc.ClientConfig{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	subject := "rpc." + p.User(bus.RoleHost).ID + "." + leaf.ID() + ".bare"
	ways := []way{bare(b, leaf.Conn(), p.Conn(bus.RoleService), subject), remote(c, p.callee.ID)}
	for _, w := range ways {
		for end := time.Now().Add(10 * time.Second); w.do(nil) != nil; {
			if time.Now().After(end) {
				b.Fatalf("%s does not get through", w.name)
			}
		}
	}
	compare(b, ways...)
}

// compare measures the ways by turns, so that what else the machine does slows all of them, and gives the p50 of each.
func compare(b *testing.B, ways ...way) {
	for _, size := range []int{128, 16 << 10} {
		payload := make([]byte, size)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			took := make([][]time.Duration, len(ways))
			for b.Loop() {
				for i, w := range ways {
					began := time.Now()
					if err := w.do(payload); err != nil {
						b.Fatal(err)
					}
					took[i] = append(took[i], time.Since(began))
				}
			}
			for i, w := range ways {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/1000, w.name+"-p50-µs")
			}
			b.ReportMetric(float64(took[1][len(took[1])/2])/float64(took[0][len(took[0])/2]), "ratio")
		})
		for _, w := range ways {
			b.Run(fmt.Sprintf("%d/parallel/%s", size, w.name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(16)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := w.do(payload); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// BenchmarkStream sends a body and takes it back.
func BenchmarkStream(b *testing.B) {
	p := newPair(b, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		_, err := io.Copy(inv.Stream, inv.Body)
		return lattice.Reply{}, err
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	body := make([]byte, 4*mib)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		inv := invocation("copy", nil)
		inv.Body, inv.Stream = bytes.NewReader(body), &hashSink{hash: io.Discard}
		if _, err := p.call(context.Background(), inv); err != nil {
			b.Fatal(err)
		}
	}
}
