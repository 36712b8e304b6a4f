package rpc_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/rpc"
)

// echo answers with the payload, in the memory that the caller of the callee lends.
func echo(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
	return lattice.Reply{Payload: append(inv.Out, inv.Payload...)}, nil
}

// BenchmarkCall compares a call with a bare NATS request between the same two connections.
func BenchmarkCall(b *testing.B) {
	p := newPair(b, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	responder, requester := p.Conn(bus.RoleService), p.Conn(bus.RoleService)
	const subject = "bare"
	if _, err := responder.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		b.Fatal(err)
	}
	if err := responder.Flush(); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	for _, size := range []int{128, 16 << 10} {
		payload := make([]byte, size)
		request := func(testing.TB) error {
			_, err := requester.RequestWithContext(ctx, subject, payload)
			return err
		}
		call := func(testing.TB) error {
			_, err := p.call(ctx, invocation("get", payload))
			return err
		}
		for _, way := range []struct {
			name string
			do   func(testing.TB) error
		}{{"bare", request}, {"rpc", call}} {
			b.Run(fmt.Sprintf("%s/%d", way.name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := way.do(b); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/%d/parallel", way.name, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(16)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := way.do(b); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
