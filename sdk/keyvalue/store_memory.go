//go:build !wasip1

package keyvalue

import (
	"errors"

	"github.com/wattle-io/wattle/sdk/internal/fake"
)

// store is a bucket in memory, for tests.
type store struct{ bucket *fake.Bucket }

var closed store

var errClosed = errors.New("the bucket is closed")

func open(name string) (store, error) {
	b, err := fake.Open(name)
	return store{b}, translate(err)
}

// translate gives the fake's errors their names in this package.
func translate(err error) error {
	switch err {
	case nil:
		return nil
	case fake.ErrNoSuchStore:
		return ErrNoSuchStore
	case fake.ErrAccessDenied:
		return ErrAccessDenied
	}
	return Other(err.Error())
}

func (s store) close() {}

func (s store) get(key string) (value []byte, ok bool, err error) {
	if s == closed {
		return nil, false, errClosed
	}
	value, ok, _, err = s.bucket.Get(key)
	return value, ok, translate(err)
}

func (s store) set(key string, value []byte) error {
	if s == closed {
		return errClosed
	}
	return translate(s.bucket.Set(key, value))
}

func (s store) delete(key string) error {
	if s == closed {
		return errClosed
	}
	return translate(s.bucket.Delete(key))
}

func (s store) exists(key string) (bool, error) {
	_, ok, err := s.get(key)
	return ok, err
}

// list answers pages of two keys, so that a test meets more than one.
func (s store) list(cursor string, more bool) (keys []string, next string, ok bool, err error) {
	if s == closed {
		return nil, "", false, errClosed
	}
	keys, ok, err = s.bucket.List(cursor, more, 2)
	if ok {
		next = keys[len(keys)-1]
	}
	return keys, next, ok, translate(err)
}

func (s store) increment(key string, delta int64) (int64, error) {
	if s == closed {
		return 0, errClosed
	}
	n, err := s.bucket.Increment(key, delta)
	return n, translate(err)
}

// cas is a value seen at a version.
type cas struct {
	store   store
	key     string
	value   []byte
	ok      bool
	version uint64
}

func (s store) cas(key string) (cas, error) {
	if s == closed {
		return cas{}, errClosed
	}
	v, ok, version, err := s.bucket.Get(key)
	return cas{s, key, v, ok, version}, translate(err)
}

func (c cas) current() ([]byte, bool, error) { return c.value, c.ok, nil }

func (c cas) swap(value []byte) (retry cas, swapped bool, err error) {
	if swapped, err = c.store.bucket.Swap(c.key, c.version, value); swapped || err != nil {
		return cas{}, swapped, translate(err)
	}
	retry, err = c.store.cas(c.key)
	return retry, false, err
}

func (c cas) close() {}

func (s store) getMany(keys []string) (map[string][]byte, error) {
	m := map[string][]byte{}
	for _, k := range keys {
		v, ok, err := s.get(k)
		if err != nil {
			return nil, err
		}
		if ok {
			m[k] = v
		}
	}
	return m, nil
}

func (s store) setMany(values map[string][]byte) error {
	for k, v := range values {
		if err := s.set(k, v); err != nil {
			return err
		}
	}
	return nil
}

func (s store) deleteMany(keys []string) error {
	for _, k := range keys {
		if err := s.delete(k); err != nil {
			return err
		}
	}
	return nil
}
