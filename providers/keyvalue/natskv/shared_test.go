package natskv

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/providers/keyvalue/keyvaluetest"
)

func open(t testing.TB, b *Backend, id string, config map[string]string) keyvalue.Store {
	t.Helper()
	s, err := b.Open(t.Context(), id, "a test", keyvaluetest.Link("M1", "default", config))
	fatal(t, err)
	return s
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kv is the bucket as other clients of NATS see it.
func kv(t testing.TB, b *Backend, id string) jetstream.KeyValue {
	t.Helper()
	kv, err := b.js.KeyValue(t.Context(), id)
	fatal(t, err)
	return kv
}

func TestCountersAreExactAcrossHosts(t *testing.T) {
	srv := serve(t, t.TempDir())
	const hosts, workers, each = 3, 4, 60
	var wg sync.WaitGroup
	for range hosts { // each with a cache of its own
		s := open(t, newBackend(t, connect(t, srv)), "kv-shared", nil)
		for range workers {
			wg.Go(func() {
				for range each {
					if _, err := s.Increment(t.Context(), "n", 1); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	b := newBackend(t, connect(t, srv))
	e, err := kv(t, b, "kv-shared").Get(t.Context(), "n")
	fatal(t, err)
	if string(e.Value()) != fmt.Sprint(hosts*workers*each) {
		t.Errorf("the counter is %s, want %d", e.Value(), hosts*workers*each)
	}
}

func TestWhatIsCachedOfACounterIsNeverBelieved(t *testing.T) {
	srv := serve(t, t.TempDir())
	b := newBackend(t, connect(t, srv))
	s := open(t, b, "kv-x", nil)
	other := kv(t, b, "kv-x")
	want := func(n int64) {
		t.Helper()
		if got, err := s.Increment(t.Context(), "n", 1); err != nil || got != n {
			t.Errorf("increment = %d, %v, want %d", got, err, n)
		}
	}
	want(1)
	other.PutString(t.Context(), "n", "100")
	want(101)
	other.Delete(t.Context(), "n")
	want(1)
	other.Purge(t.Context(), "n")
	want(1)
	other.PutString(t.Context(), "n", fmt.Sprint(int64(1<<62)))
	if n, err := s.Increment(t.Context(), "n", 1<<62-1); err != nil || n != 1<<63-1 {
		t.Errorf("%d, %v", n, err)
	}
	other.PutString(t.Context(), "n", "5") // what is cached would overflow, what is stored does not
	want(6)
	other.PutString(t.Context(), "n", "text")
	if _, err := s.Increment(t.Context(), "n", 1); !errors.Is(err, keyvalue.ErrInvalid) {
		t.Errorf("increment of text: %v", err)
	}
	other.PutString(t.Context(), "n", "7")
	want(8)
}

func TestTheCacheOfCountersIsBounded(t *testing.T) {
	s := slots{m: map[string]*slot{}}
	held, err := s.lock(t.Context(), "held")
	fatal(t, err)
	for i := range 3 * maxSlots {
		c, err := s.lock(t.Context(), fmt.Sprint(i))
		fatal(t, err)
		s.unlock(c)
	}
	if len(s.m) > maxSlots || s.m["held"] != held {
		t.Errorf("%d counters are remembered, the one in use %v", len(s.m), s.m["held"] == held)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.lock(ctx, "held"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a counter that is held: %v", err)
	}
	s.unlock(held)
	if held.users != 0 {
		t.Errorf("%d users are left", held.users)
	}
}

func TestDataSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	srv := serve(t, dir)
	s := open(t, newBackend(t, connect(t, srv)), "kv-x", nil)
	fatal(t, s.Set(t.Context(), "k", []byte("v")))
	for range 3 {
		_, err := s.Increment(t.Context(), "n", 1)
		fatal(t, err)
	}
	stop(srv)
	s = open(t, newBackend(t, connect(t, serve(t, dir))), "kv-x", nil)
	if e, err := s.Get(t.Context(), "k"); err != nil || string(e.Value) != "v" {
		t.Errorf("%q, %v", e.Value, err)
	}
	if n, err := s.Increment(t.Context(), "n", 1); err != nil || n != 4 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAStoreOutOfReachIsUnavailable(t *testing.T) {
	srv := serve(t, t.TempDir())
	b := newBackend(t, connect(t, srv))
	p := keyvalue.Serve(b)
	l := keyvaluetest.Link("M1", "default", nil)
	fatal(t, p.Link(t.Context(), l))
	c := keyvalue.NewClient(p, l, "x")
	fatal(t, c.Set(t.Context(), "k", nil))
	stop(srv)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, inc := c.Increment(ctx, "n", 1)
	_, get := c.Get(ctx, "k")
	_, list := c.List(ctx, "", 0)
	for op, err := range map[string]error{"increment": inc, "get": get, "list": list, "set": c.Set(ctx, "k", nil)} {
		if kind := lattice.KindOf(err); kind != lattice.ErrUnavailable && kind != lattice.ErrDeadline {
			t.Errorf("%s: error %v", op, err)
		}
	}
	// A link to it is kept all the same, even one that would open its bucket at once.
	fatal(t, p.Link(ctx, keyvaluetest.Link("M1", "default", map[string]string{"bucket": "x"})))
	fatal(t, p.Close())
	if err := c.Set(t.Context(), "k", nil); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
}

func TestALinkChangesItsBucket(t *testing.T) {
	b := newBackend(t, connect(t, serve(t, t.TempDir())))
	p := keyvalue.Serve(b)
	status := func() *jetstream.KeyValueBucketStatus {
		st, err := kv(t, b, "kv-x").Status(t.Context())
		fatal(t, err)
		return st.(*jetstream.KeyValueBucketStatus)
	}
	put := func(config map[string]string) error {
		config["bucket"] = "x"
		return p.Link(t.Context(), keyvaluetest.Link("M1", "default", config))
	}
	fatal(t, put(map[string]string{}))
	fatal(t, keyvalue.NewClient(p, keyvaluetest.Link("M1", "default", nil), "x").Set(t.Context(), "k", []byte("v")))
	fatal(t, put(map[string]string{"ttl": "1h", "history": "5"}))
	if st := status(); st.TTL() != time.Hour || st.History() != 5 || st.Values() != 1 {
		t.Errorf("ttl %v, history %d, %d values", st.TTL(), st.History(), st.Values())
	}
	fatal(t, put(map[string]string{"ttl": "1s"}))
	fatal(t, put(map[string]string{"ttl": "1h"}))
	fatal(t, put(map[string]string{})) // leaves what there is
	if st := status(); st.TTL() != time.Hour || st.History() != 5 {
		t.Errorf("ttl %v, history %d", st.TTL(), st.History())
	}
	err := put(map[string]string{"replicas": "3"})
	if !errors.Is(err, keyvalue.ErrInvalid) {
		t.Errorf("3 replicas on one server: %v", err)
	}
	for _, config := range []map[string]string{{"history": "0"}, {"history": "65"}, {"history": "x"}, {"replicas": "7"}} {
		if err := put(config); !errors.Is(err, keyvalue.ErrInvalid) {
			t.Errorf("%v: %v", config, err)
		}
	}
}

func TestAListGivesEachKeyOnceWhateverTheHistory(t *testing.T) {
	b := newBackend(t, connect(t, serve(t, t.TempDir())))
	s := open(t, b, "kv-x", map[string]string{"history": "8"})
	for range 3 {
		for i := range 20 {
			fatal(t, s.Set(t.Context(), fmt.Sprintf("k%02d", i), []byte("v")))
		}
	}
	fatal(t, s.Delete(t.Context(), "k05"))
	_, err := kv(t, b, "kv-x").PutString(t.Context(), "foreign=zz", "not of the contract")
	fatal(t, err)
	page, err := s.List(t.Context(), "", 0)
	if err != nil || len(page.Keys) != 19 || page.Next != "" {
		t.Errorf("%q, %v", page, err)
	}
	stream, err := b.js.Stream(t.Context(), "KV_kv-x")
	fatal(t, err)
	info, err := stream.Info(t.Context())
	fatal(t, err)
	if info.State.Consumers != 0 {
		t.Errorf("%d consumers are left", info.State.Consumers)
	}
}

func TestTheMarkerOfADeletedKeyEnds(t *testing.T) {
	b := newBackend(t, connect(t, serve(t, t.TempDir())))
	_, err := b.js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "kv-x"}) // as `nats kv add` makes it: no key can end
	fatal(t, err)
	s := open(t, b, "kv-x", nil)
	fatal(t, s.Set(t.Context(), "k", nil))
	fatal(t, s.Delete(t.Context(), "k"))
	fatal(t, s.Delete(t.Context(), "never there"))
	stream, err := b.js.Stream(t.Context(), "KV_kv-x")
	fatal(t, err)
	m, err := stream.GetLastMsgForSubject(t.Context(), "$KV.kv-x.k")
	fatal(t, err)
	if m.Header.Get("KV-Operation") != "PURGE" || m.Header.Get("Nats-TTL") != markerTTL.String() {
		t.Errorf("marker %v", m.Header)
	}
	if n := stream.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("%d messages in the stream", n)
	}
}

func TestUnusedBucketsAreForgotten(t *testing.T) {
	b := newBackend(t, connect(t, serve(t, t.TempDir())))
	p := keyvalue.Serve(b)
	for i := range 3 {
		fatal(t, p.Link(t.Context(), keyvaluetest.Link(fmt.Sprint("M", i), "default", map[string]string{"bucket": "x"})))
	}
	if len(b.buckets) != 1 || b.buckets["kv-x"].users != 3 {
		t.Fatalf("%d buckets", len(b.buckets))
	}
	for i := range 3 {
		fatal(t, p.Unlink(t.Context(), keyvaluetest.Link(fmt.Sprint("M", i), "default", nil)))
	}
	if len(b.buckets) != 0 {
		t.Errorf("%d buckets are left", len(b.buckets))
	}
}

func BenchmarkIncrement(b *testing.B) {
	nc := connect(b, serve(b, b.TempDir()))
	backend := newBackend(b, nc)
	l := keyvaluetest.Link("M1", "default", map[string]string{"bucket": "x"})
	p := keyvalue.Serve(backend)
	fatal(b, p.Link(b.Context(), l))
	floor := kv(b, backend, "kv-x")
	b.Run("floor-get-update", func(b *testing.B) {
		floor.PutString(b.Context(), "floor", "0")
		for b.Loop() {
			e, err := floor.Get(b.Context(), "floor")
			fatal(b, err)
			_, err = floor.Update(b.Context(), "floor", e.Value(), e.Revision())
			fatal(b, err)
		}
	})
	b.Run("floor-update", func(b *testing.B) {
		rev, err := floor.PutString(b.Context(), "floor", "0")
		fatal(b, err)
		for b.Loop() {
			rev, err = floor.Update(b.Context(), "floor", []byte("1"), rev)
			fatal(b, err)
		}
	})
	for name, s := range map[string]keyvalue.Store{"direct": open(b, backend, "kv-x", nil), "client": keyvalue.NewClient(p, l, "x")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := s.Increment(b.Context(), "n", 1)
				fatal(b, err)
			}
		})
		for _, keys := range []uint64{1, 1000} {
			b.Run(fmt.Sprintf("%s-16-at-once-%d-keys", name, keys), func(b *testing.B) {
				var next atomic.Uint64
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						_, err := s.Increment(b.Context(), fmt.Sprint("k", next.Add(1)%keys), 1)
						fatal(b, err)
					}
				})
			})
		}
	}
}
