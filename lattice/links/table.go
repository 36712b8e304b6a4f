package links

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
	journal *journal                                         // nil without one
	links   atomic.Pointer[map[lattice.LinkKey]lattice.Link] // the map is never changed, only replaced
	on      func(Update)
	end     context.CancelFunc // ends the search for the hub
	wg      sync.WaitGroup

	mu      sync.Mutex
	watcher *bus.Watcher               // guarded by mu: nil until the hub was reached
	seen    map[lattice.LinkKey]uint64 // guarded by mu: revision that was applied, of links that have ended too
	changed chan struct{}              // guarded by mu: closed at the next change of seen
	closed  chan struct{}
}

// Table makes a table that follows the store until Close. It has all links when it is returned; the context bounds that. With a
// journal that knows links it has those even if the hub is away, and follows as soon as it can. If on is not nil, it is told of each change (first
// of each link that is there) after Lookup shows it, one at a time, in order. It must not call Put, Delete, Await or Close of the table.
func (s *Store) Table(ctx context.Context, on func(Update)) (*Table, error) {
	t := &Table{store: s, on: on, seen: make(map[lattice.LinkKey]uint64), changed: make(chan struct{}), closed: make(chan struct{})}
	t.links.Store(&map[lattice.LinkKey]lattice.Link{})
	if err := t.remember(); err != nil {
		return nil, err
	}
	search, end := context.WithCancel(context.Background())
	t.end = end
	err := t.watch(ctx)
	if err == nil {
		return t, nil
	}
	if len(t.seen) == 0 && !s.cfg.Alone || !errors.Is(err, lattice.ErrUnavailable) {
		end()
		return nil, errors.Join(fmt.Errorf("links: %w", err), t.journal.close())
	}
	s.log.Warn("links: the hub is away: using those of before", "links", len(*t.links.Load()), "err", err)
	t.wg.Go(func() { t.search(search) })
	return t, nil
}

func (t *Table) watch(ctx context.Context) error {
	w, err := t.store.bucket.Watch(ctx, t.store.log, t.apply)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.watcher = w
	t.mu.Unlock()
	return nil
}

const searchEvery = 250 * time.Millisecond

// search tries to follow the hub until it can.
func (t *Table) search(ctx context.Context) {
	for t.watch(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(searchEvery):
		}
	}
}

// Close ends the table; on is not called any more. Lookup goes on to show what was there.
func (t *Table) Close() {
	t.end()
	t.wg.Wait()
	if w := t.follows(); w != nil {
		w.Close()
	}
	close(t.closed)
	if err := t.journal.close(); err != nil {
		t.store.log.Error("links: the journal", "err", err)
	}
}

func (t *Table) follows() *bus.Watcher {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.watcher
}

// Lookup finds the link of a source for a contract by name. It takes no lock and allocates nothing. The Config is shared: do not change it.
func (t *Table) Lookup(source, contract, name string) (lattice.Link, bool) {
	l, ok := (*t.links.Load())[lattice.LinkKey{Source: source, Contract: contract, Name: name}]
	return l, ok
}

// List is all links, sorted by source, contract and name.
func (t *Table) List() []lattice.Link { return sorted(*t.links.Load()) }

// Put is the store's, and returns when Lookup shows it and on was told.
func (t *Table) Put(ctx context.Context, l lattice.Link) (lattice.Link, error) {
	l, err := t.store.put(ctx, l, t.revision(l.Key()))
	if err != nil {
		return lattice.Link{}, err
	}
	return l, t.Await(ctx, l.Key(), l.Revision)
}

// Delete is the store's, and returns when Lookup does not show it any more and on was told.
func (t *Table) Delete(ctx context.Context, key lattice.LinkKey) error {
	rev, err := t.store.delete(ctx, key, t.revision(key))
	if err != nil {
		return err
	}
	return t.Await(ctx, key, rev)
}

// Await waits until the table has that revision of a link, or a later one, or its end. ErrDeadline if the context ends first.
func (t *Table) Await(ctx context.Context, key lattice.LinkKey, revision uint64) error {
	for {
		t.mu.Lock()
		got, changed := t.seen[key] >= revision, t.changed
		t.mu.Unlock()
		if got {
			return nil
		}
		select {
		case <-changed:
		case <-t.closed:
			return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "this host does not follow the links any more"}
		case <-ctx.Done():
			return &lattice.Error{Kind: lattice.ErrDeadline, Msg: fmt.Sprintf("the change of the link %q of %s for %s has not come yet", key.Name, key.Source, key.Contract),
				Hint: "it will when the hub can be reached", Err: ctx.Err()}
		}
	}
}

// Resync reads the store again soon: for a host whose own link to the hub came back.
func (t *Table) Resync() {
	if w := t.follows(); w != nil {
		w.Resync()
	}
}

// revision is the newest of a link that the table has seen.
func (t *Table) revision(key lattice.LinkKey) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[key]
}

// apply takes over what is signed and newer. It is called by one goroutine at a time.
func (t *Table) apply(records []bus.Record) {
	var fresh []Update
	for _, r := range records {
		u, ok := t.store.update(r)
		if !ok || !t.isNew(u) {
			continue
		}
		if err := t.journal.append(r.Key, r.Value); err != nil {
			t.store.log.Error("links: a change could not be kept on disk", "key", r.Key, "err", err)
		}
		fresh = append(fresh, u)
	}
	if err := t.compact(); err != nil {
		t.store.log.Error("links: the journal cannot be written anew", "err", err)
	}
	t.take(fresh)
}

// isNew reports whether an update goes forward. One that goes back is a store restored from a backup, or an attempt to undo a change.
func (t *Table) isNew(u Update) bool {
	seen := t.revision(u.Link.Key())
	if u.Link.Revision < seen {
		t.store.log.Warn("links: the store has an older link than this host; keeping the newer one", "source", u.Link.Source, "contract", u.Link.Contract,
			"name", u.Link.Name, "revision", u.Link.Revision, "seen", seen)
	}
	return u.Link.Revision > seen
}

// take makes updates visible, tells of them, and lets go who waits for them.
func (t *Table) take(updates []Update) {
	next := maps.Clone(*t.links.Load())
	revisions := make(map[lattice.LinkKey]uint64)
	var told []Update
	for _, u := range updates {
		key := u.Link.Key()
		revisions[key] = max(revisions[key], u.Link.Revision)
		old, known := next[key]
		if !u.Deleted {
			next[key] = u.Link
		} else if delete(next, key); known {
			u.Link = old
		} else {
			continue
		}
		told = append(told, u)
	}
	t.links.Store(&next)
	for _, u := range told {
		if t.on != nil {
			t.on(u)
		}
	}
	t.mark(revisions)
}

func (t *Table) mark(revisions map[lattice.LinkKey]uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.seen, revisions)
	close(t.changed)
	t.changed = make(chan struct{})
}

func sorted(m map[lattice.LinkKey]lattice.Link) []lattice.Link {
	return slices.SortedFunc(maps.Values(m), func(a, b lattice.Link) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Contract, b.Contract), cmp.Compare(a.Name, b.Name))
	})
}
