package rpc_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/rpc"
	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/providers/keyvalue/keyvaluetest"
	"github.com/wattle-io/wattle/providers/keyvalue/memory"
)

// TestKeyValueConformsOverTheLattice runs the contract's suite on a provider of another host.
func TestKeyValueConformsOverTheLattice(t *testing.T) {
	p := keyvalue.Serve(memory.New())
	pair := newPair(t, func(ctx context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		return p.Invoke(ctx, inv)
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	n := 0
	keyvaluetest.Run(t, func(t *testing.T) keyvalue.Store {
		n++
		link := keyvaluetest.Link(fmt.Sprint("Mremote", n), "default", nil)
		if err := p.Link(latticetest.Context(t), link); err != nil {
			t.Fatal(err)
		}
		return keyvalue.NewClient(pair.client.Host(pair.callee.ID), link, "bucket")
	})
}
