package links

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// config trusts the lattice and signs as an administrator.
func config(t testing.TB, l *latticetest.Lattice) Config {
	t.Helper()
	trust, err := envelope.TrustOf(l.Identity)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Trust: envelope.Fixed(trust), Signer: l.User(bus.RoleAdmin), Log: latticetest.Log(t)}
}

func open(t testing.TB, l *latticetest.Lattice) *Store {
	t.Helper()
	return openWith(t, l, config(t, l))
}

func openWith(t testing.TB, l *latticetest.Lattice, cfg Config) *Store {
	t.Helper()
	s, err := Open(latticetest.Context(t), l.Conn(bus.RoleService), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func table(t testing.TB, s *Store, on func(Update)) *Table {
	t.Helper()
	tab, err := s.Table(latticetest.Context(t), on)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	return tab
}

func TestPutGetListDelete(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	unnamed := good()
	unnamed.Name = ""
	stored, err := s.Put(ctx, unnamed)
	if err != nil || stored.Name != "default" || stored.Revision == 0 {
		t.Fatal(stored, err)
	}
	got, err := s.Get(ctx, stored.Key())
	if err != nil || !reflect.DeepEqual(got, stored) {
		t.Fatalf("stored %+v, got %+v, %v", stored, got, err)
	}
	second := lattice.Link{Source: "httpserver", Target: actorA, Contract: "wasi:http", Name: "a"}
	if _, err := s.Put(ctx, second); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(ctx); err != nil || len(list) != 2 || list[0].Source != actorA || list[1].Target != actorA {
		t.Fatal(list, err)
	}
	if err := s.Delete(ctx, stored.Key()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Delete(ctx, stored.Key()), errOf(s.Get(ctx, stored.Key()))} {
		if !errors.Is(err, lattice.ErrNotFound) {
			t.Errorf("after delete: %v", err)
		}
	}
	if list, err := s.List(ctx); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	if _, err := s.Put(ctx, lattice.Link{Source: "x"}); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("half a link: %v", err)
	}
}

func errOf(_ lattice.Link, err error) error { return err }

func TestPutOfAnOldRevisionIsAConflict(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	mine, err := s.Put(ctx, good())
	if err != nil {
		t.Fatal(err)
	}
	theirs := mine
	theirs.Target = "other"
	if _, err := s.Put(ctx, theirs); err != nil {
		t.Fatal(err)
	}
	mine.Config = nil
	if _, err := s.Put(ctx, mine); !errors.Is(err, lattice.ErrConflict) {
		t.Errorf("a change of an old revision: %v", err)
	}
	if got, err := s.Get(ctx, mine.Key()); err != nil || got.Target != "other" {
		t.Error(got, err)
	}
	mine.Revision = 0
	if _, err := s.Put(ctx, mine); err != nil {
		t.Errorf("a put of no revision: %v", err)
	}
}

func TestOnlyOneOfManyConcurrentPutsWins(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	base, err := s.Put(ctx, good())
	if err != nil {
		t.Fatal(err)
	}
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			mine := base
			mine.Target = fmt.Sprint("target-", i)
			_, err := s.Put(ctx, mine)
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, lattice.ErrConflict):
				lost.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestRestartKeepsLinks(t *testing.T) {
	l := latticetest.Hub(t)
	stored, err := open(t, l).Put(latticetest.Context(t), good())
	if err != nil {
		t.Fatal(err)
	}
	l.Restart()
	got, err := open(t, l).Get(latticetest.Context(t), stored.Key())
	if err != nil || !reflect.DeepEqual(got, stored) {
		t.Errorf("stored %+v, got %+v, %v", stored, got, err)
	}
}

func TestTableShowsAChangeWhenPutReturns(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	if _, err := s.Put(ctx, good()); err != nil {
		t.Fatal(err)
	}
	var told []Update // by one goroutine at a time, and Put and Delete wait for it
	tab := table(t, s, func(u Update) { told = append(told, u) })
	if got, ok := tab.Lookup(actorA, "wasi:keyvalue", "default"); !ok || got.Target != "keyvalue" {
		t.Fatal("the table lacks what was there before it", got)
	}
	for i := range 20 {
		next := good()
		next.Target = fmt.Sprint("t", i)
		stored, err := tab.Put(ctx, next)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tab.Lookup(actorA, "wasi:keyvalue", "default"); !ok || !reflect.DeepEqual(got, stored) {
			t.Fatalf("put %+v, looked up %+v", stored, got)
		}
		if last := told[len(told)-1]; !reflect.DeepEqual(last.Link, stored) || last.Deleted {
			t.Fatalf("put %+v, was told %+v", stored, last)
		}
	}
	if err := tab.Delete(ctx, good().Key()); err != nil {
		t.Fatal(err)
	}
	if _, ok := tab.Lookup(actorA, "wasi:keyvalue", "default"); ok || len(tab.List()) != 0 {
		t.Error("a deleted link is still there")
	}
	if last := told[len(told)-1]; !last.Deleted || last.Link.Target != "t19" || last.Link.Config["bucket"] != "counts" {
		t.Errorf("of the delete was told %+v", last)
	}
	if len(told) != 22 {
		t.Errorf("told %d times of 22 changes", len(told))
	}
}

func TestTableFollowsOthersAndTheHubsRestart(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	reader, err := Use(l.TCP(bus.RoleView), config(t, l))
	if err != nil {
		t.Fatal(err)
	}
	tab := table(t, reader, nil)
	target := func() string {
		got, _ := tab.Lookup(actorA, "wasi:keyvalue", "default")
		return got.Target
	}
	put := func(s *Store, to string) {
		t.Helper()
		next := good()
		next.Target = to
		if _, err := s.Put(ctx, next); err != nil {
			t.Fatal(err)
		}
		latticetest.WaitFor(t, "the link to "+to, func() bool { return target() == to })
	}
	put(s, "one")
	l.Stop()
	if target() != "one" {
		t.Error("without a hub the link is gone")
	}
	l.Restart()
	put(open(t, l), "two")
	soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := tab.Put(soon, good()); !errors.Is(err, lattice.ErrUnavailable) || target() != "two" {
		t.Errorf("a viewer's connection changed a link: %v", err)
	}
}

func TestDamagedRecordsAreLeftOut(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	tab := table(t, s, nil)
	stored, err := tab.Put(ctx, good())
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"", "{", `{"source":"other","target":"b","contract":"wasi:keyvalue","name":"default"}`} {
		slip(t, s, tab, recordKey(stored.Key()), []byte(value))
		if got, ok := tab.Lookup(stored.Source, stored.Contract, stored.Name); !ok || !reflect.DeepEqual(got, stored) {
			t.Errorf("a record %q made the link %+v", value, got)
		}
	}
	if list, err := s.List(ctx); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

// slip writes a value as somebody would who has the hub in his hands, and waits until the table has seen it.
func slip(t *testing.T, s *Store, tab *Table, key string, value []byte) {
	t.Helper()
	ctx := latticetest.Context(t)
	rev, err := s.bucket.Put(ctx, key, value, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.follows().Await(ctx, key, rev); err != nil {
		t.Fatal(err)
	}
}

func filled(t testing.TB, n int) *Table {
	tab := &Table{}
	m := make(map[lattice.LinkKey]lattice.Link)
	for i := range n {
		l := good()
		l.Name = fmt.Sprint("n", i)
		m[l.Key()] = l
	}
	l := good()
	m[l.Key()] = l
	tab.links.Store(&m)
	return tab
}

func TestLookupAllocatesNothing(t *testing.T) {
	tab := filled(t, 100)
	allocs := testing.AllocsPerRun(100, func() {
		if _, ok := tab.Lookup(actorA, "wasi:keyvalue", "default"); !ok {
			t.Fatal("not found")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 100, 10000} {
		tab := filled(b, n)
		b.Run(fmt.Sprintf("links=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tab.Lookup(actorA, "wasi:keyvalue", "default")
			}
		})
	}
}

func BenchmarkTablePut(b *testing.B) {
	tab := table(b, open(b, latticetest.Hub(b)), nil)
	for b.Loop() {
		if _, err := tab.Put(context.Background(), good()); err != nil {
			b.Fatal(err)
		}
	}
}
