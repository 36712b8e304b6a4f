// Package natskv keeps wasi:keyvalue buckets in JetStream KV: on disk, replicated if the lattice has several hubs, and the same for every
// host of the lattice. It is the default key-value store.
//
// A bucket of a link is the KV bucket "kv-<name>" or "kvs-<hash>" (keyvalue.BucketOf), so that `nats kv` shows what is in it. Keys are
// escaped (see key.go), counters are decimal text.
package natskv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/keyvalue"
)

// Driver is the provider "keyvalue". Its settings: domain, the JetStream domain to use ("": that of the connection).
func Driver() providers.Driver {
	return providers.Driver{
		Name: "keyvalue",
		Doc: "key-value buckets on disk, shared by the lattice; link config: bucket (shared name), ttl (Go duration), " +
			"history (1 to 64), replicas (1, 3 or 5)",
		Contracts: []string{keyvalue.Name},
		Config:    config(),
		Hub:       true,
		New:       start,
	}
}

func config() []string { return []string{"bucket", "history", "replicas", "ttl"} }

func start(env providers.Env) (providers.Provider, error) {
	b, err := New(env.NATS, env.Settings["domain"], env.Log)
	if err != nil {
		return nil, err
	}
	return keyvalue.Serve(b), nil
}

// markerTTL is how long the marker of a deleted or expired key stays in the stream, for those who watch the bucket. Without an end to them,
// a bucket of short-lived keys would grow for ever.
const markerTTL = 10 * time.Minute

// Backend keeps buckets in JetStream KV.
type Backend struct {
	js  jetstream.JetStream
	log *slog.Logger

	mu      sync.Mutex // guards buckets and the users of each
	buckets map[string]*bucket
}

var _ keyvalue.Backend = (*Backend)(nil)

// New makes a backend on a connection, which stays the caller's. A nil log discards.
func New(nc *nats.Conn, domain string, log *slog.Logger) (*Backend, error) {
	if nc == nil {
		return nil, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "the key-value store needs a connection to the lattice"}
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	js, err := jetstream.New(nc)
	if domain != "" {
		js, err = jetstream.NewWithDomain(nc, domain)
	}
	if err != nil {
		return nil, fmt.Errorf("natskv: %w", err)
	}
	return &Backend{js: js, log: log, buckets: map[string]*bucket{}}, nil
}

// Check implements keyvalue.Backend.
func (b *Backend) Check(link lattice.Link) error {
	_, err := parse(link)
	return err
}

// options are the config of a link; 0 leaves what the bucket has.
type options struct {
	ttl               time.Duration
	history, replicas int
}

func parse(link lattice.Link) (o options, err error) {
	if err := providers.CheckConfig(link, config()); err != nil {
		return o, err
	}
	if o.ttl, err = keyvalue.TTL(link); err != nil {
		return o, err
	}
	if o.history, err = number(link, "history", 64); err != nil {
		return o, err
	}
	o.replicas, err = number(link, "replicas", 5)
	return o, err
}

func number(link lattice.Link, key string, limit int) (int, error) {
	s, ok := link.Config[key]
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > limit {
		return 0, providers.BadConfig(link, key, fmt.Sprintf("a number from 1 to %d", limit))
	}
	return n, nil
}

// Open implements keyvalue.Backend. What the link sets (ttl, history, replicas) is applied to a bucket that exists already; what it does not set
// stays as it is. So of several links to one bucket the last one put wins.
func (b *Backend) Open(ctx context.Context, id, label string, link lattice.Link) (keyvalue.Store, error) {
	o, err := parse(link)
	if err != nil {
		return nil, err
	}
	kv, err := b.bucket(ctx, id, label, o)
	if err != nil {
		return nil, convert("open "+label, err)
	}
	return b.share(id, kv)
}

// bucket finds the KV bucket or makes it.
func (b *Backend) bucket(ctx context.Context, id, label string, o options) (jetstream.KeyValue, error) {
	kv, err := b.js.KeyValue(ctx, id)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = b.js.CreateKeyValue(ctx, b.wanted(id, label, o))
		if err == nil {
			b.log.Info("made a key-value bucket", "bucket", id, "for", label)
		} else if errors.Is(err, jetstream.ErrBucketExists) { // another host was faster
			kv, err = b.js.KeyValue(ctx, id)
		}
	}
	if err != nil {
		return nil, err
	}
	return b.update(ctx, kv, o)
}

func (b *Backend) wanted(id, label string, o options) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{Bucket: id, Description: label, Storage: jetstream.FileStorage, LimitMarkerTTL: markerTTL,
		TTL: o.ttl, History: uint8(max(o.history, 1)), Replicas: max(o.replicas, 1)}
}

// update gives a bucket what a link asks for, and markers that end (somebody else may have made it), if it does not have that already.
func (b *Backend) update(ctx context.Context, kv jetstream.KeyValue, o options) (jetstream.KeyValue, error) {
	st, err := kv.Status(ctx)
	if err != nil {
		return nil, err
	}
	has := st.Config()
	want := has
	if want.LimitMarkerTTL == 0 {
		want.LimitMarkerTTL = markerTTL
	}
	if o.ttl > 0 {
		want.TTL = o.ttl
	}
	if o.history > 0 {
		want.History = uint8(o.history)
	}
	if o.replicas > 0 {
		want.Replicas = o.replicas
	}
	if want.TTL == has.TTL && want.LimitMarkerTTL == has.LimitMarkerTTL && want.History == has.History && want.Replicas == has.Replicas {
		return kv, nil
	}
	return b.js.UpdateKeyValue(ctx, want)
}

// share makes all who open a bucket use one Store, so that they share the locks of hot counters.
func (b *Backend) share(id string, kv jetstream.KeyValue) (keyvalue.Store, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.buckets[id]
	if s == nil {
		s = newBucket(b.js, kv)
		b.buckets[id] = s
	}
	s.users++
	return &handle{bucket: s, release: sync.OnceFunc(func() { b.release(id, s) })}, nil
}

func (b *Backend) release(id string, s *bucket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.users--; s.users == 0 && b.buckets[id] == s {
		delete(b.buckets, id)
	}
}

// handle is one use of a bucket.
type handle struct {
	*bucket
	release func()
}

// Close ends the use.
func (h *handle) Close() error {
	h.release()
	return nil
}

// Close implements keyvalue.Backend. The connection stays open: it is the host's.
func (b *Backend) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.buckets)
	return nil
}

// convert makes an error of NATS one of the lattice. What went wrong inside stays matchable.
func convert(what string, err error) error {
	if err == nil {
		return nil
	}
	e := &lattice.Error{Kind: lattice.ErrInternal, Msg: "key-value store: " + what + ": " + err.Error(), Err: err}
	switch api := (*jetstream.APIError)(nil); {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		e.Kind, e.Hint = lattice.ErrDeadline, "a write may have been done nevertheless"
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionReconnecting):
		e.Kind, e.Hint = lattice.ErrUnavailable, "the lattice's hub cannot be reached or does not have the bucket"
	case errors.Is(err, nats.ErrMaxPayload):
		e.Kind = keyvalue.ErrInvalid
	case errors.As(err, &api):
		e.Kind, e.Msg = apiKind(api), "key-value store: "+what+": "+api.Description
	}
	return e
}

func apiKind(api *jetstream.APIError) error {
	switch {
	case api.Code == 503:
		return lattice.ErrUnavailable
	case api.Code == 400 || api.Code == 500 && api.ErrorCode >= 10000: // it understood and refused: replicas, limits
		return keyvalue.ErrInvalid
	}
	return lattice.ErrInternal
}
