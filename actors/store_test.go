package actors_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/wattle-io/wattle/wit"
)

// store is wasi:keyvalue in memory, as the host functions that a guest imports. It counts open handles.
type store struct {
	mu      sync.Mutex // guards the rest
	buckets map[string]map[string]string
	open    int
	refusal string // the error that every open gives, "" for none
}

// storeErrors are the cases of the variant error, in its order; a bucket that is named after one gives it.
var storeErrors = []string{"no-such-store", "access-denied", "other"}

// refuse makes the store refuse every bucket.
func (s *store) refuse(with string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = with
}

// refused says which error an open of that bucket gives, -1 for none.
func (s *store) refused(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Index(storeErrors, cmp.Or(s.refusal, name))
}

type bucket struct {
	s    *store
	name string
}

type cas struct {
	b   *bucket
	key string
	old string
	ok  bool
}

func (b *bucket) Drop() { b.s.count(-1) }
func (c *cas) Drop()    { c.b.s.count(-1) }

func (s *store) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
}

func (s *store) handles() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// values runs f on the bucket's content.
func (b *bucket) values(f func(m map[string]string)) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if b.s.buckets == nil {
		b.s.buckets = map[string]map[string]string{}
	}
	if b.s.buckets[b.name] == nil {
		b.s.buckets[b.name] = map[string]string{}
	}
	f(b.s.buckets[b.name])
}

func (b *bucket) get(key string) (v string, ok bool) {
	b.values(func(m map[string]string) { v, ok = m[key] })
	return v, ok
}

func option(r *wit.Encoder, v string, ok bool) {
	if !ok {
		r.None()
		return
	}
	r.Some()
	r.Bytes([]byte(v))
}

func (s *store) imports() wit.Imports {
	const (
		store   = "wasi:keyvalue/store@0.2.0-draft2#"
		atomics = "wasi:keyvalue/atomics@0.2.0-draft2#"
		batch   = "wasi:keyvalue/batch@0.2.0-draft2#"
	)
	onBucket := func(f func(b *bucket, c *wit.Call)) wit.HostFunc {
		return func(_ context.Context, c *wit.Call) error {
			if b := wit.HandleOf[*bucket](c); b != nil {
				f(b, c)
			}
			return c.Args.Close()
		}
	}
	return wit.Imports{
		store + "open": func(_ context.Context, c *wit.Call) error {
			name := c.Args.String()
			if i := s.refused(name); i >= 0 {
				c.Result.Err()
				c.Result.Uint(uint64(i))
				if i == 2 {
					c.Result.String("on fire")
				}
				return c.Args.Close()
			}
			s.count(1)
			c.Result.OK()
			c.Give(&bucket{s, name})
			return c.Args.Close()
		},
		store + "[method]bucket.get": onBucket(func(b *bucket, c *wit.Call) {
			v, ok := b.get(c.Args.String())
			c.Result.OK()
			option(&c.Result, v, ok)
		}),
		store + "[method]bucket.set": onBucket(func(b *bucket, c *wit.Call) {
			k := c.Args.String()
			v := string(c.Args.Bytes())
			b.values(func(m map[string]string) { m[k] = v })
			c.Result.OK()
		}),
		store + "[method]bucket.delete": onBucket(func(b *bucket, c *wit.Call) {
			k := c.Args.String()
			b.values(func(m map[string]string) { delete(m, k) })
			c.Result.OK()
		}),
		store + "[method]bucket.exists": onBucket(func(b *bucket, c *wit.Call) {
			_, ok := b.get(c.Args.String())
			c.Result.OK()
			c.Result.Bool(ok)
		}),
		store + "[method]bucket.list-keys": onBucket(listKeys),
		atomics + "increment":              onBucket(increment),
		atomics + "[static]cas.new":        onBucket(newCAS),
		atomics + "[method]cas.current":    current,
		atomics + "swap":                   swap,
		batch + "get-many":                 onBucket(getMany),
		batch + "set-many":                 onBucket(setMany),
		batch + "delete-many":              onBucket(deleteMany),
	}
}

// listKeys answers pages of 300.
func listKeys(b *bucket, c *wit.Call) {
	cursor := ""
	if c.Args.Option() {
		cursor = c.Args.String()
	}
	var keys []string
	b.values(func(m map[string]string) { keys = slices.Sorted(maps.Keys(m)) })
	i, _ := slices.BinarySearchFunc(keys, cursor, cmp.Compare[string])
	keys = keys[i:]
	page := keys[:min(300, len(keys))]
	c.Result.OK()
	c.Result.Uint(uint64(len(page)))
	for _, k := range page {
		c.Result.String(k)
	}
	if len(page) == len(keys) {
		c.Result.None()
		return
	}
	c.Result.Some()
	c.Result.String(keys[len(page)])
}

func increment(b *bucket, c *wit.Call) {
	k := c.Args.String()
	delta := c.Args.Int(64)
	var n int64
	b.values(func(m map[string]string) {
		n, _ = strconv.ParseInt(m[k], 10, 64)
		n += delta
		m[k] = strconv.FormatInt(n, 10)
	})
	c.Result.OK()
	c.Result.Int(n)
}

func newCAS(b *bucket, c *wit.Call) {
	k := c.Args.String()
	v, ok := b.get(k)
	b.s.count(1)
	c.Result.OK()
	c.Give(&cas{b, k, v, ok})
}

func current(_ context.Context, c *wit.Call) error {
	if h := wit.HandleOf[*cas](c); h != nil {
		c.Result.OK()
		option(&c.Result, h.old, h.ok)
	}
	return c.Args.Close()
}

func swap(_ context.Context, c *wit.Call) error {
	h := wit.HandleOf[*cas](c)
	next := string(c.Args.Bytes())
	if err := c.Args.Close(); err != nil {
		return err
	}
	swapped := false
	h.b.values(func(m map[string]string) {
		if v, ok := m[h.key]; v == h.old && ok == h.ok {
			m[h.key], swapped = next, true
		}
	})
	if swapped {
		h.b.s.count(-1) // the handle is used up
		c.Result.OK()
		return nil
	}
	v, ok := h.b.get(h.key)
	c.Result.Err()
	c.Result.Uint(1)
	c.Give(&cas{h.b, h.key, v, ok})
	return nil
}

func getMany(b *bucket, c *wit.Call) {
	n := c.Args.U32()
	c.Result.OK()
	c.Result.Uint(uint64(n))
	for range n {
		k := c.Args.String()
		v, ok := b.get(k)
		c.Result.String(k)
		option(&c.Result, v, ok)
	}
}

func setMany(b *bucket, c *wit.Call) {
	for range c.Args.U32() {
		k := c.Args.String()
		v := string(c.Args.Bytes())
		b.values(func(m map[string]string) { m[k] = v })
	}
	c.Result.OK()
}

func deleteMany(b *bucket, c *wit.Call) {
	for range c.Args.U32() {
		k := c.Args.String()
		b.values(func(m map[string]string) { delete(m, k) })
	}
	c.Result.OK()
}
