package host_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/providers/keyvalue/keyvaluetest"
	"github.com/wattle-io/wattle/wit"
)

// The conformance suite of the contract, with a guest between it and the provider. Versions are cas handles that the guest keeps, so
// get and swap go to an actor with a single instance; all else goes to its twin, the same module under another name, with several.
func TestKeyvalueConformanceThroughAnActor(t *testing.T) {
	for _, provider := range []string{"keyvalue", "keyvalue-memory"} {
		t.Run(provider, func(t *testing.T) {
			n := newNode(t)
			for name, instances := range map[string]int{"single": 1, "several": 8} {
				n.run(signed{guest: "kvprobe", name: name, limits: control.Limits{Instances: instances}})
				n.link("caller", name, "test:kvprobe", name)
			}
			buckets := 0
			keyvaluetest.Run(t, func(*testing.T) keyvalue.Store {
				buckets++
				s := &guestStore{n, fmt.Sprint("case-", buckets)}
				for _, actor := range []string{"single", "several"} {
					n.link(actor, provider, keyvalue.Name, s.bucket, "bucket", s.bucket)
				}
				return s
			})
			for _, actor := range []string{"single", "several"} {
				if info := n.info(actor); info.Calls == 0 {
					t.Errorf("no call went through %s", actor)
				}
			}
		})
	}
}

// guestStore is a Store whose methods are calls of the guest.
type guestStore struct {
	n      *node
	bucket string // also the name of the actors' links to it
}

var (
	_ keyvalue.Store   = (*guestStore)(nil)
	_ keyvalue.Batcher = (*guestStore)(nil)
)

// call calls a function of the guest that takes the bucket first, and reads the head of its result.
func (s *guestStore) call(ctx context.Context, actor, fn string, encode func(e *wit.Encoder)) (*wit.Decoder, error) {
	d, err := s.n.invoke(ctx, actor, "test:kvprobe/store@1.0.0#"+fn, func(e *wit.Encoder) {
		e.String(s.bucket)
		encode(e)
	})
	if err != nil {
		return nil, err
	}
	if d.Result() {
		return d, nil
	}
	return nil, failure(d)
}

// failure is the error that the guest saw. Of what the host told it in words, the kind stands first.
func failure(d *wit.Decoder) error {
	kind, msg := keyvalue.ErrNoSuchStore, ""
	switch d.Case(4) {
	case 1:
		kind = keyvalue.ErrAccessDenied
	case 2:
		msg = d.String()
		text, _, _ := strings.Cut(msg, ":")
		kind = lattice.ParseKind(text)
	case 3:
		kind = keyvalue.ErrConflict
	}
	return cmp.Or(d.Close(), error(&lattice.Error{Kind: kind, Msg: "the guest was told: " + msg}))
}

// do is a call without a result.
func (s *guestStore) do(ctx context.Context, actor, fn string, encode func(e *wit.Encoder)) error {
	d, err := s.call(ctx, actor, fn, encode)
	if err != nil {
		return err
	}
	return d.Close()
}

func (s *guestStore) Get(ctx context.Context, key string) (keyvalue.Entry, error) {
	var entry keyvalue.Entry
	d, err := s.call(ctx, "single", "get", func(e *wit.Encoder) { e.String(key) })
	if err != nil {
		return entry, err
	}
	if d.Option() {
		entry.Version, entry.Value = d.Uint(64), append([]byte{}, d.Bytes()...)
	}
	return entry, d.Close()
}

func (s *guestStore) Set(ctx context.Context, key string, value []byte) error {
	return s.do(ctx, "several", "set", func(e *wit.Encoder) { e.String(key); e.Bytes(value) })
}

func (s *guestStore) Delete(ctx context.Context, key string) error {
	return s.do(ctx, "several", "delete", func(e *wit.Encoder) { e.String(key) })
}

func (s *guestStore) Exists(ctx context.Context, key string) (bool, error) {
	d, err := s.call(ctx, "several", "exists", func(e *wit.Encoder) { e.String(key) })
	if err != nil {
		return false, err
	}
	return d.Bool(), d.Close()
}

func (s *guestStore) Swap(ctx context.Context, key string, value []byte, version uint64) error {
	actor := "single"
	if version == 0 {
		actor = "several"
	}
	return s.do(ctx, actor, "swap", func(e *wit.Encoder) { e.String(key); e.Bytes(value); e.Uint(version) })
}

func (s *guestStore) Increment(ctx context.Context, key string, delta int64) (int64, error) {
	d, err := s.call(ctx, "several", "increment", func(e *wit.Encoder) { e.String(key); e.Int(delta) })
	if err != nil {
		return 0, err
	}
	return d.Int(64), d.Close()
}

// List cuts the guest's pages: list-keys has no limit.
func (s *guestStore) List(ctx context.Context, cursor string, limit int) (keyvalue.Page, error) {
	var page keyvalue.Page
	d, err := s.call(ctx, "several", "list-keys", func(e *wit.Encoder) {
		if cursor == "" {
			e.None()
			return
		}
		e.Some()
		e.String(cursor)
	})
	if err != nil {
		return page, err
	}
	for range d.U32() {
		page.Keys = append(page.Keys, d.String())
	}
	if d.Option() {
		page.Next = d.String()
	}
	if 0 < limit && limit < len(page.Keys) {
		page.Keys, page.Next = page.Keys[:limit], page.Keys[limit-1]
	}
	return page, d.Close()
}

func (s *guestStore) GetMany(ctx context.Context, keys []string) ([][]byte, error) {
	d, err := s.call(ctx, "several", "get-many", func(e *wit.Encoder) { encodeKeys(e, keys) })
	if err != nil {
		return nil, err
	}
	values := make([][]byte, d.U32())
	for i := range values {
		if d.Option() {
			values[i] = append([]byte{}, d.Bytes()...)
		}
	}
	return values, d.Close()
}

func (s *guestStore) SetMany(ctx context.Context, pairs []keyvalue.Pair) error {
	return s.do(ctx, "several", "set-many", func(e *wit.Encoder) {
		e.Uint(uint64(len(pairs)))
		for _, p := range pairs {
			e.String(p.Key)
			e.Bytes(p.Value)
		}
	})
}

func (s *guestStore) DeleteMany(ctx context.Context, keys []string) error {
	return s.do(ctx, "several", "delete-many", func(e *wit.Encoder) { encodeKeys(e, keys) })
}

func encodeKeys(e *wit.Encoder, keys []string) {
	e.Uint(uint64(len(keys)))
	for _, k := range keys {
		e.String(k)
	}
}

func TestARefusedBucketReachesTheGuestAsAccessDenied(t *testing.T) {
	n := newNode(t)
	n.run(signed{guest: "kvprobe"})
	n.link("caller", "kvprobe", "test:kvprobe", "several")
	s := &guestStore{n, "x"}
	ctx := latticetest.Context(t)
	if err := s.Set(ctx, "k", nil); lattice.KindOf(err) != keyvalue.ErrAccessDenied {
		t.Errorf("without a link: %v", err)
	}
	n.link("kvprobe", "keyvalue-memory", keyvalue.Name, "")
	if err := s.Set(ctx, "k", nil); err != nil {
		t.Errorf("with one: %v", err)
	}
}
