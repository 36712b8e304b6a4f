package links

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Update tells that a link was put, or deleted.
type Update struct {
	Link    lattice.Link // of a deleted one, what it was
	Deleted bool
}

// Table is the links in memory, as the store has them or had them when it could last be reached. Its methods may be called from any goroutine.
type Table struct {
	store   *Store
	watcher *bus.Watcher
	links   atomic.Pointer[map[lattice.LinkKey]lattice.Link] // the map is never changed, only replaced
	on      func(Update)
}

// Table makes a table that follows the store until Close. It has all links when it is returned; the context bounds that. If on is not nil,
// it is told of each change (first of each link that is there) after Lookup shows it, one at a time, in order. It must not call Put, Delete or
// Close of the table.
func (s *Store) Table(ctx context.Context, on func(Update)) (*Table, error) {
	t := &Table{store: s, on: on}
	t.links.Store(&map[lattice.LinkKey]lattice.Link{})
	w, err := s.bucket.Watch(ctx, s.log, t.apply)
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	t.watcher = w
	return t, nil
}

// Close ends the table; on is not called any more. Lookup goes on to show what was there.
func (t *Table) Close() { t.watcher.Close() }

// Lookup finds the link of a source for a contract by name. It takes no lock and allocates nothing. The Config is shared: do not change it.
func (t *Table) Lookup(source, contract, name string) (lattice.Link, bool) {
	l, ok := (*t.links.Load())[lattice.LinkKey{Source: source, Contract: contract, Name: name}]
	return l, ok
}

// List is all links, sorted by source, contract and name.
func (t *Table) List() []lattice.Link { return sorted(*t.links.Load()) }

// Put is the store's, and returns when Lookup shows it and on was told.
func (t *Table) Put(ctx context.Context, l lattice.Link) (lattice.Link, error) {
	l, err := t.store.Put(ctx, l)
	if err != nil {
		return lattice.Link{}, err
	}
	return l, t.watcher.Await(ctx, recordKey(l.Key()), l.Revision)
}

// Delete is the store's, and returns when Lookup does not show it any more and on was told.
func (t *Table) Delete(ctx context.Context, key lattice.LinkKey) error {
	rev, err := t.store.delete(ctx, key)
	if err != nil {
		return err
	}
	return t.watcher.Await(ctx, recordKey(key), rev)
}

// Resync reads the store again soon: for a host whose own link to the hub came back.
func (t *Table) Resync() { t.watcher.Resync() }

func (t *Table) apply(records []bus.Record) {
	next := maps.Clone(*t.links.Load())
	var updates []Update
	for _, r := range records {
		u, ok := t.store.update(r)
		if !ok {
			continue
		}
		if u.Deleted {
			old, known := next[u.Link.Key()]
			if !known {
				continue
			}
			delete(next, u.Link.Key())
			u.Link = old
		} else {
			next[u.Link.Key()] = u.Link
		}
		updates = append(updates, u)
	}
	t.links.Store(&next)
	for _, u := range updates {
		if t.on != nil {
			t.on(u)
		}
	}
}

func sorted(m map[lattice.LinkKey]lattice.Link) []lattice.Link {
	return slices.SortedFunc(maps.Values(m), func(a, b lattice.Link) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Contract, b.Contract), cmp.Compare(a.Name, b.Name))
	})
}
