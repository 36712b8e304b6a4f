package control_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/links"
)

// linked is a node whose links are a table of its own.
type linked struct {
	placer
	*links.Table
}

func (n *linked) AwaitLink(ctx context.Context, key lattice.LinkKey, revision uint64) error {
	return n.Table.Await(ctx, key, revision)
}

// PutLink is by its node, not by its table: a leaf may not write.
func (n *linked) Bid(ctx context.Context, ask control.Ask) (control.Bid, error) {
	return n.placer.Bid(ctx, ask)
}

// Hosts that are leaves hear commands and auctions, answer them, and follow the links, with no rights but their role's. A host whose link is broken holds up
// nobody, is named, and has the links again when the link is back.
func TestHostsThatAreLeavesAreDriven(t *testing.T) {
	l := latticetest.Hub(t)
	trust, err := envelope.TrustOf(l.Identity)
	if err != nil {
		t.Fatal(err)
	}
	admin := l.User(bus.RoleAdmin)
	cfg := links.Config{Trust: envelope.Fixed(trust), Signer: admin, Log: latticetest.Log(t)}
	store, err := links.Open(latticetest.Context(t), l.Conn(bus.RoleService), cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Signer = nil
	var ids []string
	var tables []*links.Table
	leaves := l.Leaves(3)
	for _, leaf := range leaves {
		nc := leaf.Conn()
		reader, err := links.Use(nc, cfg)
		if err != nil {
			t.Fatal(err)
		}
		table, err := reader.Table(latticetest.Context(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(table.Close)
		s, err := control.Serve(nc, serviceOf(t, l, leaf.ID(), &linked{placer{}, table}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		ids, tables = append(ids, leaf.ID()), append(tables, table)
	}
	lat, ctx := control.NewLattice(l.TCP(bus.RoleAdmin), admin), latticetest.Context(t)
	latticetest.WaitFor(t, "all hosts to hear an auction", func() bool { // what a leaf listens to reaches the hub a moment later
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		bids, err := lat.Auction(soon, control.Auction{Live: func() []string { return ids }})
		return err == nil && len(bids) == 3
	})
	for _, id := range ids {
		if err := lat.Host(id).Stop(ctx, control.StopRequest{Actor: "x"}); err != nil {
			t.Error(err)
		}
	}
	put := func(target string) lattice.Link {
		t.Helper()
		stored, err := store.Put(ctx, lattice.Link{Source: actorID, Target: target, Contract: "wasi:keyvalue"})
		if err != nil {
			t.Fatal(err)
		}
		return stored
	}
	first := put("one")
	if err := lat.AwaitLink(ctx, first.Key(), first.Revision, ids); err != nil {
		t.Fatal(err)
	}
	leaves[2].Proxy.Cut()
	leaves[2].WaitDown()
	second := put("two")
	err = lat.AwaitLink(ctx, second.Key(), second.Revision, ids)
	var pending *control.PendingError
	if !errors.As(err, &pending) || len(pending.Hosts) != 1 || !errors.Is(pending.Hosts[ids[2]], lattice.ErrUnavailable) {
		t.Errorf("a host is cut off: %v", err)
	}
	if got, _ := tables[2].Lookup(actorID, "wasi:keyvalue", "default"); got.Target != "one" {
		t.Errorf("a host that is cut off has %+v", got)
	}
	leaves[2].Proxy.Heal()
	leaves[2].WaitUp()
	back := time.Now()
	if err := tables[2].Await(ctx, second.Key(), second.Revision); err != nil {
		t.Fatal(err)
	}
	t.Logf("the link held %s after the host was back", time.Since(back))
	if got, _ := tables[2].Lookup(actorID, "wasi:keyvalue", "default"); got.Target != "two" {
		t.Errorf("the host that is back has %+v", got)
	}
}
