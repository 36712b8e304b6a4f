// Package fake holds the capabilities in memory that the sdk packages use outside Wasm, so that go test can run an actor's logic.
// Tests reach it through package sdktest. No part of it gets into an actor.
package fake

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
)

// Errors of a store.
var (
	ErrNoSuchStore  = errors.New("no such store")
	ErrAccessDenied = errors.New("access denied")
)

// Entry is a line that the actor logged.
type Entry struct{ Level, Context, Message string }

// The state of all capabilities: an actor sees one host, and so does a test.
var (
	mu       sync.Mutex // guards the rest, and every Bucket's content
	buckets  map[string]*Bucket
	failures map[string]error
	config   map[string]string
	entries  []Entry
	watch    func(Entry)
)

// Reset empties everything; each new log entry goes to f if it is not nil.
func Reset(f func(Entry)) {
	mu.Lock()
	defer mu.Unlock()
	buckets, failures, config, entries, watch = nil, nil, nil, nil, f
}

// Fail makes each operation on the bucket of that name fail with err; nil ends it.
func Fail(name string, err error) {
	mu.Lock()
	defer mu.Unlock()
	if failures == nil {
		failures = map[string]error{}
	}
	failures[name] = err
}

// SetConfig sets a configuration value.
func SetConfig(key, value string) {
	mu.Lock()
	defer mu.Unlock()
	if config == nil {
		config = map[string]string{}
	}
	config[key] = value
}

// Config is the whole configuration.
func Config() map[string]string {
	mu.Lock()
	defer mu.Unlock()
	return maps.Clone(config)
}

// Log takes a log entry.
func Log(level, context, message string) {
	e := Entry{level, context, message}
	mu.Lock()
	entries = append(entries, e)
	f := watch
	mu.Unlock()
	if f != nil {
		f(e)
	}
}

// Entries are the log entries since the last Reset.
func Entries() []Entry {
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(entries)
}

// Bucket is a bucket in memory.
type Bucket struct {
	name   string
	values map[string]versioned
	last   uint64 // version of the latest change
}

type versioned struct {
	value   []byte
	version uint64
}

// Open gives the bucket of that name, which is created if need be.
func Open(name string) (*Bucket, error) {
	mu.Lock()
	defer mu.Unlock()
	if err := failures[name]; err != nil {
		return nil, err
	}
	b := buckets[name]
	if b == nil {
		b = &Bucket{name: name, values: map[string]versioned{}}
		if buckets == nil {
			buckets = map[string]*Bucket{}
		}
		buckets[name] = b
	}
	return b, nil
}

// Get is the value of the key, whether it is there, and its version, 0 if it is not.
func (b *Bucket) Get(key string) (value []byte, ok bool, version uint64, err error) {
	mu.Lock()
	defer mu.Unlock()
	v, ok := b.values[key]
	return slices.Clone(v.value), ok, v.version, failures[b.name]
}

// Set stores a value.
func (b *Bucket) Set(key string, value []byte) error {
	mu.Lock()
	defer mu.Unlock()
	return b.put(key, value)
}

func (b *Bucket) put(key string, value []byte) error {
	if err := failures[b.name]; err != nil {
		return err
	}
	b.last++
	b.values[key] = versioned{append([]byte{}, value...), b.last}
	return nil
}

// Swap stores a value if the key is still at that version.
func (b *Bucket) Swap(key string, version uint64, value []byte) (bool, error) {
	mu.Lock()
	defer mu.Unlock()
	if b.values[key].version != version {
		return false, failures[b.name]
	}
	err := b.put(key, value)
	return err == nil, err
}

// Delete removes a key.
func (b *Bucket) Delete(key string) error {
	mu.Lock()
	defer mu.Unlock()
	delete(b.values, key)
	return failures[b.name]
}

// Increment adds to a number, which is kept as decimal text.
func (b *Bucket) Increment(key string, delta int64) (int64, error) {
	mu.Lock()
	defer mu.Unlock()
	var n int64
	if v, ok := b.values[key]; ok {
		var err error
		if n, err = strconv.ParseInt(string(v.value), 10, 64); err != nil {
			return 0, errors.New("the value is not a number")
		}
	}
	if sum := n + delta; (sum > n) == (delta > 0) {
		return sum, b.put(key, strconv.AppendInt(nil, sum, 10))
	}
	return 0, errors.New("the sum does not fit in 64 bits")
}

// List gives up to limit keys in order, those after the cursor if there is one, and whether more follow.
func (b *Bucket) List(after string, some bool, limit int) (keys []string, more bool, err error) {
	mu.Lock()
	defer mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(b.values)) {
		if some && k <= after {
			continue
		}
		if len(keys) == limit {
			return keys, true, failures[b.name]
		}
		keys = append(keys, k)
	}
	return keys, false, failures[b.name]
}
