package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// floor is the counter as a plain Go program: net/http and a JetStream KV bucket of the same hub. It answers what actors/counter answers.
type floor struct {
	kv    jetstream.KeyValue
	add   func(ctx context.Context, key string) (int64, error)
	slots sync.Map // key → *slot
	srv   *http.Server
	addr  string
}

// slot is what the form with a lock remembers of a key.
type slot struct {
	mu       sync.Mutex // guards n, revision
	n        int64
	revision uint64
}

// startFloor serves; cached chooses a lock per key and the last revision over a read before each write.
func startFloor(ctx context.Context, nc *nats.Conn, bucket string, cached bool) (*floor, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, Storage: jetstream.FileStorage})
	if err != nil {
		return nil, err
	}
	f := &floor{kv: kv}
	f.add = f.readAndSwap
	if cached {
		f.add = f.swapCached
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f.addr, f.srv = ln.Addr().String(), &http.Server{Handler: f}
	go f.srv.Serve(ln) // ends with stop
	return f, nil
}

func (f *floor) stop() { f.srv.Close() }

// ServeHTTP counts a visit.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	n, err := f.add(r.Context(), name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	body, err := json.Marshal(struct {
		Name  string `json:"name"`
		Count int64  `json:"count"`
	}{name, n})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(body, '\n'))
}

// readAndSwap reads the key and writes it if nobody else did meanwhile, until that succeeds.
func (f *floor) readAndSwap(ctx context.Context, key string) (int64, error) {
	for {
		n, revision, err := f.read(ctx, key)
		if err != nil {
			return 0, err
		}
		if _, err = f.write(ctx, key, n+1, revision); err == nil {
			return n + 1, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return 0, err
		}
	}
}

// swapCached is what a program does that knows it is the only writer.
func (f *floor) swapCached(ctx context.Context, key string) (int64, error) {
	v, _ := f.slots.LoadOrStore(key, &slot{})
	s := v.(*slot)
	s.mu.Lock()
	defer s.mu.Unlock()
	revision, err := f.write(ctx, key, s.n+1, s.revision)
	if err != nil {
		return 0, err
	}
	s.n, s.revision = s.n+1, revision
	return s.n, nil
}

func (f *floor) read(ctx context.Context, key string) (n int64, revision uint64, err error) {
	e, err := f.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	n, err = strconv.ParseInt(string(e.Value()), 10, 64)
	return n, e.Revision(), err
}

func (f *floor) write(ctx context.Context, key string, n int64, revision uint64) (uint64, error) {
	value := strconv.AppendInt(nil, n, 10)
	if revision == 0 {
		return f.kv.Create(ctx, key, value)
	}
	return f.kv.Update(ctx, key, value, revision)
}
