package natskv

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/providers/keyvalue"
)

// bucket is a keyvalue.Store on a KV bucket. Its users, and the lock for them, belong to the Backend.
type bucket struct {
	js    jetstream.JetStream
	kv    jetstream.KeyValue
	users int
	slots slots
}

func newBucket(js jetstream.JetStream, kv jetstream.KeyValue) *bucket {
	return &bucket{js: js, kv: kv, slots: slots{m: map[string]*slot{}}}
}

// Get implements keyvalue.Store.
func (b *bucket) Get(ctx context.Context, key string) (keyvalue.Entry, error) {
	k, err := escape(key)
	if err != nil {
		return keyvalue.Entry{}, err
	}
	return b.read(ctx, k)
}

// read is Get of an escaped key.
func (b *bucket) read(ctx context.Context, k string) (keyvalue.Entry, error) {
	e, err := b.kv.Get(ctx, k)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return keyvalue.Entry{}, nil
	}
	if err != nil {
		return keyvalue.Entry{}, convert("get "+k, err)
	}
	return keyvalue.Entry{Value: e.Value(), Version: e.Revision()}, nil
}

// Exists implements keyvalue.Store.
func (b *bucket) Exists(ctx context.Context, key string) (bool, error) {
	e, err := b.Get(ctx, key)
	return e.Exists(), err
}

// Set implements keyvalue.Store.
func (b *bucket) Set(ctx context.Context, key string, value []byte) error {
	k, err := escape(key)
	if err != nil {
		return err
	}
	if err := keyvalue.CheckValue(value); err != nil {
		return err
	}
	_, err = b.kv.Put(ctx, k, value)
	return convert("set "+k, err)
}

// Delete implements keyvalue.Store.
func (b *bucket) Delete(ctx context.Context, key string) error {
	k, err := escape(key)
	if err != nil {
		return err
	}
	if e, err := b.read(ctx, k); err != nil || !e.Exists() {
		return err // no marker for what is not there
	}
	return convert("delete "+k, b.kv.Purge(ctx, k, jetstream.PurgeTTL(markerTTL)))
}

// Swap implements keyvalue.Store.
func (b *bucket) Swap(ctx context.Context, key string, value []byte, version uint64) error {
	k, err := escape(key)
	if err != nil {
		return err
	}
	if err := keyvalue.CheckValue(value); err != nil {
		return err
	}
	_, err = b.write(ctx, k, value, version)
	if changed(err) {
		return keyvalue.Conflict(key)
	}
	return convert("swap "+k, err)
}

// write writes an escaped key if its revision is still that one, 0 if it does not exist.
func (b *bucket) write(ctx context.Context, k string, value []byte, revision uint64) (uint64, error) {
	if revision == 0 {
		return b.kv.Create(ctx, k, value)
	}
	return b.kv.Update(ctx, k, value, revision)
}

// changed reports whether a write was refused because the revision is another one.
func changed(err error) bool {
	return errors.Is(err, jetstream.ErrKeyRevisionMismatch) || errors.Is(err, jetstream.ErrKeyExists)
}

// Increment implements keyvalue.Store. Each counter in use has a lock and the revision that it had last, so that one write is enough as
// long as no other host writes to it; if one did, the server refuses the write and the counter is read again. So what is cached can
// be stale but never wrong.
func (b *bucket) Increment(ctx context.Context, key string, delta int64) (int64, error) {
	k, err := escape(key)
	if err != nil {
		return 0, err
	}
	s, err := b.slots.lock(ctx, k)
	if err != nil {
		return 0, convert("increment "+k, err)
	}
	defer b.slots.unlock(s)
	for try := 0; ; try++ {
		n, err := b.add(ctx, key, k, s, delta)
		if !changed(err) {
			return n, err
		}
		if err := pause(ctx, try); err != nil {
			return 0, convert("increment "+k, err)
		}
	}
}

// add is one try of an increment. After an error nothing is known about the counter any more.
func (b *bucket) add(ctx context.Context, key, k string, s *slot, delta int64) (int64, error) {
	n, err := b.sum(ctx, key, k, s, delta)
	s.known = false
	if err != nil {
		return 0, err
	}
	revision, err := b.write(ctx, k, strconv.AppendInt(s.digits[:0], n, 10), s.revision)
	if changed(err) {
		return 0, err
	}
	if err != nil {
		return 0, convert("increment "+k, err)
	}
	s.n, s.revision, s.known = n, revision, true
	return n, nil
}

// sum is the counter plus delta. A refusal is by what is stored, never by what is remembered.
func (b *bucket) sum(ctx context.Context, key, k string, s *slot, delta int64) (int64, error) {
	if s.known {
		if n, err := keyvalue.AddCounter(key, s.n, delta); err == nil {
			return n, nil
		}
	}
	if err := b.load(ctx, key, k, s); err != nil {
		return 0, err
	}
	return keyvalue.AddCounter(key, s.n, delta)
}

func (b *bucket) load(ctx context.Context, key, k string, s *slot) error {
	e, err := b.read(ctx, k)
	if err != nil {
		return err
	}
	s.n, s.revision = 0, e.Version
	if e.Exists() {
		s.n, err = keyvalue.ParseCounter(key, e.Value)
	}
	return err
}

// pause waits a little before a retry, the longer and the more at random the more tries there were, so that hosts that write to
// one counter do not stay in step.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(rand.N(100 * time.Microsecond << min(try, 6)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
