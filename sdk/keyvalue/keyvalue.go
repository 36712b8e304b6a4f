// Package keyvalue stores values by key, over wasi:keyvalue.
//
// A bucket is opened by the name of a link of the actor to a key-value provider; any other name goes to the link named
// "default". What a bucket is called behind the link, and whether others share it, is up to the link. Opening is cheap and stays in
// the host: open a bucket in each request and close it at the end, so that a changed link takes effect with the next request.
//
// The package imports only the interfaces that the actor uses: store for Open and the plain operations, atomics for Increment,
// CompareAndSwap and Update, batch for the operations on many keys. The actor needs the capability wasi:keyvalue.
//
// Outside Wasm, buckets are maps in memory. A test begins with sdktest.Reset.
package keyvalue

import (
	"bytes"
	"errors"
	"iter"
)

// Errors of this package are an *Error around one of these, or around an Other.
var (
	ErrNotFound     = errors.New("no such key")
	ErrNoSuchStore  = errors.New("no such store: the actor has no link to a key-value provider for it")
	ErrAccessDenied = errors.New("access denied")
)

// Other is an error that the provider described in words.
type Other string

// Error gives the provider's words.
func (e Other) Error() string { return string(e) }

// Error says which operation failed, on which bucket, key or keys, and why.
type Error struct {
	Op   string // e.g. "get"
	Name string // key or name of the bucket; empty for an operation on many keys
	Err  error
}

// Error gives "keyvalue: get apples: no such key".
func (e *Error) Error() string {
	if e.Name == "" {
		return "keyvalue: " + e.Op + ": " + e.Err.Error()
	}
	return "keyvalue: " + e.Op + " " + e.Name + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{op, name, err}
}

// Bucket is an open collection of keys and values. A key is any UTF-8 text and a value any bytes; providers limit their
// lengths, to 1024 bytes and about 1 MiB for the built-in ones.
type Bucket struct{ store store }

// Open opens a bucket. It fails with ErrNoSuchStore or ErrAccessDenied. Close it.
func Open(name string) (*Bucket, error) {
	s, err := open(name)
	if err != nil {
		return nil, failed("open", name, err)
	}
	return &Bucket{s}, nil
}

// Close lets go of the bucket; the bucket must not be used afterwards.
func (b *Bucket) Close() {
	b.store.close()
	b.store = closed
}

// Get is the value of the key. It fails with ErrNotFound if there is none.
func (b *Bucket) Get(key string) ([]byte, error) {
	v, ok, err := b.store.get(key)
	if err == nil && !ok {
		err = ErrNotFound
	}
	return v, failed("get", key, err)
}

// Set stores a value, instead of the one that the key may have.
func (b *Bucket) Set(key string, value []byte) error {
	return failed("set", key, b.store.set(key, value))
}

// Delete removes the key if it is there.
func (b *Bucket) Delete(key string) error { return failed("delete", key, b.store.delete(key)) }

// Exists reports whether the key is there.
func (b *Bucket) Exists(key string) (bool, error) {
	ok, err := b.store.exists(key)
	return ok, failed("exists", key, err)
}

// Keys yields all keys, in no order, fetching them page by page. Keys that are added or removed meanwhile may or may not
// appear. An error is the last thing that it yields.
func (b *Bucket) Keys() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for cursor, more := "", false; ; {
			keys, next, ok, err := b.store.list(cursor, more)
			if err != nil {
				yield("", failed("list keys", "", err))
				return
			}
			for _, k := range keys {
				if !yield(k, nil) {
					return
				}
			}
			if !ok {
				return
			}
			cursor, more = next, true
		}
	}
}

// Increment adds delta to the number that the key holds, in one atomic step, and answers the sum. A key that is not there
// counts as 0. A value that is not a number, or an overflow, is an error.
func (b *Bucket) Increment(key string, delta int64) (int64, error) {
	n, err := b.store.increment(key, delta)
	return n, failed("increment", key, err)
}

// CompareAndSwap stores next if the key holds old, which is nil for a key that is not there. It reports whether it did.
func (b *Bucket) CompareAndSwap(key string, old, next []byte) (bool, error) {
	c, err := b.store.cas(key)
	if err != nil {
		return false, failed("compare and swap", key, err)
	}
	defer func() { c.close() }()
	v, ok, err := c.current()
	if err != nil || ok != (old != nil) || !bytes.Equal(v, old) {
		return false, failed("compare and swap", key, err)
	}
	retry, swapped, err := c.swap(next)
	c = retry
	return swapped, failed("compare and swap", key, err)
}

// Update replaces a value by what f makes of it, atomically: if someone else changes the value meanwhile, f is called again
// with the new one. old is nil if the key is not there. An error of f ends it and is returned as it is.
func (b *Bucket) Update(key string, f func(old []byte) ([]byte, error)) error {
	c, err := b.store.cas(key)
	if err != nil {
		return failed("update", key, err)
	}
	defer func() { c.close() }()
	for {
		old, _, err := c.current()
		if err != nil {
			return failed("update", key, err)
		}
		next, err := f(old)
		if err != nil {
			return err
		}
		retry, swapped, err := c.swap(next)
		c = retry
		if swapped || err != nil {
			return failed("update", key, err)
		}
	}
}

// GetMany are the values of the keys that are there.
func (b *Bucket) GetMany(keys ...string) (map[string][]byte, error) {
	m, err := b.store.getMany(keys)
	return m, failed("get many", "", err)
}

// SetMany stores several values. It is not atomic: if it fails, some may be stored.
func (b *Bucket) SetMany(values map[string][]byte) error {
	return failed("set many", "", b.store.setMany(values))
}

// DeleteMany removes several keys. It is not atomic: if it fails, some may be gone.
func (b *Bucket) DeleteMany(keys ...string) error {
	return failed("delete many", "", b.store.deleteMany(keys))
}
