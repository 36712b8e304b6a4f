package links

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// raw is the record of a link as it is stored.
func raw(t *testing.T, s *Store, key lattice.LinkKey) bus.Record {
	t.Helper()
	r, err := s.bucket.Get(latticetest.Context(t), recordKey(key))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signedBy is a record of the link, signed by somebody.
func signedBy(t *testing.T, u *bus.User, key string, revision uint64, r record) []byte {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	value, err := envelope.Seal(u, place(key), 0, revision, body)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Whoever has the hub may write what he likes into the bucket. Hosts go on with what an administrator signed last.
func TestHubCannotMakeUpLinks(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	tab := table(t, s, nil)
	first, err := tab.Put(ctx, good())
	if err != nil {
		t.Fatal(err)
	}
	key := recordKey(first.Key())
	old := raw(t, s, first.Key()).Value
	next := good()
	next.Target = "other"
	stored, err := tab.Put(ctx, next)
	if err != nil {
		t.Fatal(err)
	}
	current := raw(t, s, first.Key()).Value
	evil := recordOf(Update{Link: good()})
	evil.Target = "evil"
	end := recordOf(Update{Link: good(), Deleted: true})
	stranger, err := bus.NewIdentity("other")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := stranger.User(bus.RoleAdmin, "eve", 0)
	if err != nil {
		t.Fatal(err)
	}
	rev := stored.Revision + 1e6
	plain, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string][]byte{
		"not signed":           plain,
		"altered":              bytes.Replace(current, []byte("other"), []byte("other2"), 1),
		"signed by a host":     signedBy(t, l.User(bus.RoleHost), key, rev, evil),
		"signed by the hub":    signedBy(t, l.User(bus.RoleService), key, rev, evil),
		"signed by a viewer":   signedBy(t, l.User(bus.RoleView), key, rev, end),
		"signed by a stranger": signedBy(t, foreign, key, rev, evil),
		"an older one":         old,
		"no revision":          signedBy(t, l.User(bus.RoleAdmin), key, 0, evil),
		"of another key":       signedBy(t, l.User(bus.RoleAdmin), key+"2", rev, evil),
		"another key's body":   signedBy(t, l.User(bus.RoleAdmin), key, rev, record{Source: "httpserver", Target: actorA, Contract: "wasi:http", Name: "a"}),
	} {
		slip(t, s, tab, key, value)
		if got, ok := tab.Lookup(stored.Source, stored.Contract, stored.Name); !ok || !reflect.DeepEqual(got, stored) {
			t.Errorf("%s: the link is %+v", name, got)
		}
	}
	at, err := s.bucket.Delete(ctx, key, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.follows().Await(ctx, key, at); err != nil {
		t.Fatal(err)
	}
	if _, ok := tab.Lookup(stored.Source, stored.Contract, stored.Name); !ok {
		t.Error("a deletion that nobody signed took the link away")
	}
	again, err := tab.Put(ctx, good())
	if err != nil || again.Revision <= stored.Revision {
		t.Errorf("an administrator's next change: %+v, %v", again, err)
	}
	if err := tab.Delete(ctx, good().Key()); err != nil || len(tab.List()) != 0 {
		t.Error(err)
	}
	slip(t, s, tab, key, current)
	if list := tab.List(); len(list) != 0 {
		t.Errorf("an ended link came back: %+v", list)
	}
}

func TestOnlyAnAdministratorsKeyWrites(t *testing.T) {
	l := latticetest.Hub(t)
	ctx, cfg := latticetest.Context(t), config(t, l)
	for name, u := range map[string]*bus.User{"nobody": nil, "view": l.User(bus.RoleView), "host": l.User(bus.RoleHost)} {
		cfg.Signer = u
		s := openWith(t, l, cfg)
		if _, err := s.Put(ctx, good()); !errors.Is(err, lattice.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
		if list, err := s.List(ctx); err != nil || len(list) != 0 {
			t.Error(list, err)
		}
	}
	cfg.Trust = nil
	if _, err := Use(l.Conn(bus.RoleView), cfg); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("a store that trusts nobody in particular: %v", err)
	}
}

// Several command lines make, change and end one link at once. Whatever they do, revisions only grow, every table ends with what the store has, and
// of two who build on the same revision one is told of the conflict.
func TestConcurrentEditsEndInOneState(t *testing.T) {
	l := latticetest.Hub(t)
	ctx := latticetest.Context(t)
	last := make(map[int]uint64) // by table; on is called by one goroutine at a time
	var tables []*Table
	for i := range 3 {
		tables = append(tables, table(t, open(t, l), func(u Update) {
			if !u.Deleted && u.Link.Revision <= last[i] {
				t.Errorf("revision %d after %d", u.Link.Revision, last[i])
			}
		}))
	}
	var wg sync.WaitGroup
	for i, tab := range tables {
		for range 2 {
			wg.Go(func() {
				for n := range 15 {
					mine := good()
					mine.Target = fmt.Sprintf("t%d-%d", i, n)
					_, err := tab.Put(ctx, mine)
					if err == nil && n%5 == 4 {
						err = tab.Delete(ctx, mine.Key())
					}
					if err != nil && !errors.Is(err, lattice.ErrConflict) && !errors.Is(err, lattice.ErrNotFound) {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	final, err := tables[0].Put(ctx, good())
	if err != nil {
		t.Fatal(err)
	}
	for _, tab := range tables {
		if err := tab.Await(ctx, final.Key(), final.Revision); err != nil {
			t.Fatal(err)
		}
		if got := tab.List(); !reflect.DeepEqual(got, []lattice.Link{final}) {
			t.Errorf("stored %+v, a table has %+v", final, got)
		}
	}
}

func TestOnlyOneOfManyConcurrentCreatesOfARevisionWins(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	value := signedBy(t, l.User(bus.RoleAdmin), recordKey(good().Key()), 1, recordOf(Update{Link: good()}))
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() { errs <- s.create(ctx, good().Key(), value) }()
	}
	won := 0
	for range cap(errs) {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, lattice.ErrConflict):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

// Of several who put a link that was not there, each gets a revision of its own, and the store keeps the last.
func TestConcurrentFirstPutsGetRevisionsOfTheirOwn(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	for round := range 5 {
		mine := good()
		mine.Name = fmt.Sprint("n", round)
		stored := make([]lattice.Link, 8)
		var wg sync.WaitGroup
		for i := range stored {
			wg.Go(func() {
				var err error
				if stored[i], err = s.Put(ctx, mine); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		seen, last := make(map[uint64]bool), uint64(0)
		for _, l := range stored {
			seen[l.Revision] = true
			last = max(last, l.Revision)
		}
		if got, err := s.Get(ctx, mine.Key()); err != nil || got.Revision != last || len(seen) != len(stored) {
			t.Errorf("%d revisions of %d, the last is %d, stored is %+v, %v", len(seen), len(stored), last, got, err)
		}
	}
}

func TestAwaitEndsWithTheChangeTheContextOrTheTable(t *testing.T) {
	l := latticetest.Hub(t)
	s, ctx := open(t, l), latticetest.Context(t)
	tab, err := open(t, l).Table(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := tab.Await(soon, good().Key(), 1); !errors.Is(err, lattice.ErrDeadline) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing came: %v", err)
	}
	stored, err := s.Put(ctx, good())
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Await(ctx, stored.Key(), stored.Revision); err != nil {
		t.Error(err)
	}
	waits := make(chan error, 1)
	go func() { waits <- tab.Await(ctx, stored.Key(), stored.Revision+1) }()
	tab.Close()
	if err := <-waits; !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("the table was closed: %v", err)
	}
}

func TestJournalBringsLinksBackWithoutAHub(t *testing.T) {
	l := latticetest.Hub(t)
	ctx, cfg := latticetest.Context(t), config(t, l)
	cfg.Journal = filepath.Join(t.TempDir(), "sub", "links.journal")
	tab, err := openWith(t, l, cfg).Table(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := tab.Put(ctx, good())
	if err != nil {
		t.Fatal(err)
	}
	gone := good()
	gone.Name = "gone"
	if _, err := tab.Put(ctx, gone); err != nil {
		t.Fatal(err)
	}
	old := raw(t, tab.store, gone.Key()).Value
	if err := tab.Delete(ctx, gone.Key()); err != nil {
		t.Fatal(err)
	}
	tab.Close()
	half, err := os.ReadFile(cfg.Journal) // a process that is killed may leave half a line
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Journal, append(half, half[:len(half)/5]...), 0o600); err != nil {
		t.Fatal(err)
	}

	nc := l.TCP(bus.RoleView)
	l.Stop()
	reader, err := Use(nc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var told []Update
	tab, err = reader.Table(ctx, func(u Update) { told = append(told, u) })
	if err != nil {
		t.Fatal(err)
	}
	if list := tab.List(); !reflect.DeepEqual(list, []lattice.Link{stored}) || len(told) != 1 {
		t.Errorf("without the hub there are %+v, told %+v", list, told)
	}
	l.Restart()
	s := open(t, l)
	next := good()
	next.Target = "next"
	if _, err := s.Put(ctx, next); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "the hub's change", func() bool {
		got, _ := tab.Lookup(next.Source, next.Contract, next.Name)
		return got.Target == "next"
	})
	slip(t, s, tab, recordKey(gone.Key()), old)
	if _, ok := tab.Lookup(gone.Source, gone.Contract, gone.Name); ok {
		t.Error("after a restart an older link was brought back")
	}
	tab.Close()
}

func TestTableWithoutHubAndJournalIsRefused(t *testing.T) {
	l := latticetest.Hub(t)
	cfg := config(t, l)
	nc := l.TCP(bus.RoleView)
	open(t, l)
	l.Stop()
	for _, path := range []string{"", filepath.Join(t.TempDir(), "links.journal")} {
		cfg.Journal = path
		s, err := Use(nc, cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		if _, err := s.Table(ctx, nil); !errors.Is(err, lattice.ErrUnavailable) {
			t.Error(err)
		}
		cancel()
	}
}

func TestJournalStaysSmall(t *testing.T) {
	l := latticetest.Hub(t)
	ctx, cfg := latticetest.Context(t), config(t, l)
	cfg.Journal = filepath.Join(t.TempDir(), "links.journal")
	tab, err := openWith(t, l, cfg).Table(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if i == 3 {
			tab.follows().Close() // the goroutine that appends
			tab.journal.size = maxAppends
			if err := tab.compact(); err != nil {
				t.Fatal(err)
			}
			break
		}
		if _, err := tab.Put(ctx, good()); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(cfg.Journal)
	if err != nil || bytes.Count(b, []byte("\n")) != 1 || tab.journal.size != 0 {
		t.Errorf("%d lines, %v", bytes.Count(b, []byte("\n")), err)
	}
	close(tab.closed)
	if err := tab.journal.close(); err != nil {
		t.Fatal(err)
	}
}

func FuzzJournalLine(f *testing.F) {
	id, err := bus.NewIdentity("test")
	if err != nil {
		f.Fatal(err)
	}
	trust, err := envelope.TrustOf(id)
	if err != nil {
		f.Fatal(err)
	}
	tab := &Table{store: &Store{verifier: envelope.NewVerifier(envelope.Fixed(trust), nil)}}
	f.Add([]byte("a.wasi.http.default QUJD"))
	f.Add([]byte(strings.Repeat(" ", 10)))
	f.Fuzz(func(t *testing.T, line []byte) {
		if u, err := tab.parseLine(line); err == nil {
			t.Errorf("%q is taken for %+v", line, u)
		}
	})
}
