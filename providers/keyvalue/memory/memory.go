// Package memory keeps wasi:keyvalue buckets in the memory of one process. What is in them ends with the provider: it is for tests,
// caches and trying things out. Buckets are not shared between hosts.
package memory

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/keyvalue"
)

// Driver is the provider "keyvalue-memory".
func Driver() providers.Driver {
	return providers.Driver{
		Name:      "keyvalue-memory",
		Doc:       "key-value buckets in the host's memory, lost when it stops; link config: bucket (shared name), ttl (Go duration)",
		Contracts: []string{keyvalue.Name},
		Config:    config(),
		New:       func(providers.Env) (providers.Provider, error) { return keyvalue.Serve(New()), nil },
	}
}

func config() []string { return []string{"bucket", "ttl"} }

// maxBytes is how much all buckets of a backend hold together, with entryCost for each key beside its own bytes: an actor must not
// be able to fill the host's memory.
const (
	maxBytes  = 256 << 20
	entryCost = 128
)

// Backend keeps buckets in memory, 256 MiB in all.
type Backend struct {
	size    atomic.Int64 // bytes held by all buckets
	mu      sync.Mutex   // guards buckets
	buckets map[string]*bucket
}

var _ keyvalue.Backend = (*Backend)(nil)

// New makes a backend without buckets.
func New() *Backend { return &Backend{buckets: map[string]*bucket{}} }

// Check implements keyvalue.Backend.
func (b *Backend) Check(link lattice.Link) error {
	if err := providers.CheckConfig(link, config()); err != nil {
		return err
	}
	_, err := keyvalue.TTL(link)
	return err
}

// Open implements keyvalue.Backend. A ttl of the link becomes that of the bucket, for keys written from then on.
func (b *Backend) Open(_ context.Context, id, _ string, link lattice.Link) (keyvalue.Store, error) {
	ttl, err := keyvalue.TTL(link)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.buckets[id]
	if s == nil {
		s = &bucket{entries: map[string]entry{}, total: &b.size}
		b.buckets[id] = s
	}
	if ttl > 0 {
		s.mu.Lock()
		s.ttl = ttl
		s.mu.Unlock()
	}
	return s, nil
}

// Close implements keyvalue.Backend.
func (b *Backend) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.buckets)
	return nil
}

// bucket is a keyvalue.Store.
type bucket struct {
	mu      sync.RWMutex // guards all below
	entries map[string]entry
	version uint64 // of the newest entry
	ttl     time.Duration
	sweep   time.Time // when expired entries are removed next
	total   *atomic.Int64
}

type entry struct {
	keyvalue.Entry
	expires time.Time // zero: never
}

func (e entry) live(now time.Time) bool {
	return e.Exists() && (e.expires.IsZero() || now.Before(e.expires))
}

// Get implements keyvalue.Store.
func (b *bucket) Get(_ context.Context, key string) (keyvalue.Entry, error) {
	if err := keyvalue.CheckKey(key); err != nil {
		return keyvalue.Entry{}, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.read(key), nil
}

// read is the entry of a key, zero if there is none or it has expired. b.mu is held.
func (b *bucket) read(key string) keyvalue.Entry {
	if e := b.entries[key]; e.expires.IsZero() || e.live(time.Now()) {
		return e.Entry
	}
	return keyvalue.Entry{}
}

// Exists implements keyvalue.Store.
func (b *bucket) Exists(ctx context.Context, key string) (bool, error) {
	e, err := b.Get(ctx, key)
	return e.Exists(), err
}

// Set implements keyvalue.Store.
func (b *bucket) Set(_ context.Context, key string, value []byte) error {
	if err := check(key, value); err != nil {
		return err
	}
	value = slices.Clone(value)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.write(key, value)
}

func check(key string, value []byte) error {
	if err := keyvalue.CheckKey(key); err != nil {
		return err
	}
	return keyvalue.CheckValue(value)
}

// write stores a value, which nobody modifies any more. b.mu is held for writing.
func (b *bucket) write(key string, value []byte) error {
	now := time.Time{}
	if b.ttl > 0 {
		now = time.Now()
		b.expire(now)
	}
	old, ok := b.entries[key]
	grow := int64(len(value) - len(old.Value))
	if !ok {
		grow += int64(len(key) + entryCost)
	}
	if b.total.Add(grow) > maxBytes && grow > 0 {
		b.total.Add(-grow)
		return &lattice.Error{Kind: lattice.ErrLimit, Msg: "the key-value store in memory is full", Hint: "delete keys, set a ttl, or link a store on disk"}
	}
	b.version++
	e := entry{Entry: keyvalue.Entry{Value: value, Version: b.version}}
	if b.ttl > 0 {
		e.expires = now.Add(b.ttl)
	}
	b.entries[key] = e
	return nil
}

// remove forgets a key. b.mu is held for writing.
func (b *bucket) remove(key string) {
	if e, ok := b.entries[key]; ok {
		b.total.Add(-int64(len(key) + len(e.Value) + entryCost))
		delete(b.entries, key)
	}
}

// expire removes what has expired, at most once in a ttl: reading skips it anyway.
func (b *bucket) expire(now time.Time) {
	if now.Before(b.sweep) {
		return
	}
	b.sweep = now.Add(b.ttl)
	for key, e := range b.entries {
		if !e.live(now) {
			b.remove(key)
		}
	}
}

// Delete implements keyvalue.Store.
func (b *bucket) Delete(_ context.Context, key string) error {
	if err := keyvalue.CheckKey(key); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(key)
	return nil
}

// Swap implements keyvalue.Store.
func (b *bucket) Swap(_ context.Context, key string, value []byte, version uint64) error {
	if err := check(key, value); err != nil {
		return err
	}
	value = slices.Clone(value)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.read(key).Version != version {
		return keyvalue.Conflict(key)
	}
	return b.write(key, value)
}

// Increment implements keyvalue.Store.
func (b *bucket) Increment(_ context.Context, key string, delta int64) (int64, error) {
	if err := keyvalue.CheckKey(key); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var n int64
	if e := b.read(key); e.Exists() {
		var err error
		if n, err = keyvalue.ParseCounter(key, e.Value); err != nil {
			return 0, err
		}
	}
	n, err := keyvalue.AddCounter(key, n, delta)
	if err != nil {
		return 0, err
	}
	return n, b.write(key, strconv.AppendInt(nil, n, 10))
}

// List implements keyvalue.Store.
func (b *bucket) List(_ context.Context, cursor string, limit int) (keyvalue.Page, error) {
	p := keyvalue.NewPager(cursor, limit)
	now := time.Now()
	b.mu.RLock()
	defer b.mu.RUnlock()
	for k, e := range b.entries {
		if e.live(now) {
			p.Add(k)
		}
	}
	return p.Page(), nil
}
