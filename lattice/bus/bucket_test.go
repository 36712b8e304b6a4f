package bus_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func openBucket(t testing.TB, l *latticetest.Lattice) *bus.Bucket {
	t.Helper()
	b, err := bus.OpenBucket(latticetest.Context(t), l.Conn(bus.RoleService), bus.BucketConfig{Name: "links", MaxValue: 100, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, b *bus.Bucket, key, value string) uint64 {
	t.Helper()
	rev, err := b.Put(latticetest.Context(t), key, []byte(value), 0)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func TestWritesAreCheckedAgainstTheRevision(t *testing.T) {
	l := latticetest.Hub(t)
	b, ctx := openBucket(t, l), latticetest.Context(t)
	first := put(t, b, "k", "1")
	second, err := b.Put(ctx, "k", []byte("2"), first)
	if err != nil || second <= first {
		t.Fatal(second, err)
	}
	_, err = b.Put(ctx, "k", []byte("3"), first)
	wantError(t, err, lattice.ErrConflict, "k", "somebody else")
	_, err = b.Delete(ctx, "k", first)
	wantError(t, err, lattice.ErrConflict)
	if r, err := b.Get(ctx, "k"); err != nil || string(r.Value) != "2" || r.Revision != second {
		t.Fatal(r, err)
	}
	marker, err := b.Delete(ctx, "k", second)
	if err != nil || marker <= second {
		t.Fatal(marker, err)
	}
	_, err = b.Get(ctx, "k")
	wantError(t, err, lattice.ErrNotFound)
	_, err = b.Put(ctx, "k", []byte("4"), second)
	wantError(t, err, lattice.ErrConflict)
	_, err = b.Get(ctx, "never")
	wantError(t, err, lattice.ErrNotFound)
	all, err := b.Load(ctx)
	if err != nil || len(all) != 1 || !all[0].Deleted || all[0].Revision != marker {
		t.Errorf("the marker is not there: %v %v", all, err)
	}
}

func TestBucketRefusesWhatItCannotHold(t *testing.T) {
	l := latticetest.Hub(t)
	b, ctx := openBucket(t, l), latticetest.Context(t)
	for _, key := range []string{"", ".", "a.", ".a", "a..b", "a b", "a*", ">", "a:b", "a\r\nPUB x 0\r\n", strings.Repeat("k", 256)} {
		_, err := b.Put(ctx, key, nil, 0)
		wantError(t, err, lattice.ErrInvalid)
		_, err = b.Get(ctx, key)
		wantError(t, err, lattice.ErrInvalid)
	}
	_, err := b.Put(ctx, "k", make([]byte, 101), 0)
	wantError(t, err, lattice.ErrLimit)
	full := false
	for i := 0; i < 20000 && !full; i++ {
		_, err := b.Put(ctx, fmt.Sprintf("k%d", i), make([]byte, 100), 0)
		if full = err != nil; full {
			wantError(t, err, lattice.ErrLimit)
		}
	}
	if !full {
		t.Error("20000 records fit into 1 MiB")
	}
}

func TestLoadReadsMoreThanOneBatchInOrder(t *testing.T) {
	l := latticetest.Hub(t)
	b := openBucket(t, l)
	const n = 1300
	for i := range n {
		put(t, b, fmt.Sprintf("k.%d", i), "v")
	}
	last := put(t, b, "k.0", "changed")
	reader, err := bus.UseBucket(l.TCP(bus.RoleView), "links")
	if err != nil {
		t.Fatal(err)
	}
	all, err := reader.Load(latticetest.Context(t))
	if err != nil || len(all) != n {
		t.Fatal(len(all), err)
	}
	if !slices.IsSortedFunc(all, func(a, b bus.Record) int { return int(a.Revision) - int(b.Revision) }) {
		t.Error("not in order")
	}
	if r := all[n-1]; r.Key != "k.0" || r.Revision != last || string(r.Value) != "changed" {
		t.Errorf("last is %+v", r)
	}
}

func TestMissingBucketIsUnavailable(t *testing.T) {
	l := latticetest.Hub(t)
	b, err := bus.UseBucket(l.Conn(bus.RoleService), "nosuch")
	if err != nil {
		t.Fatal(err)
	}
	ctx := latticetest.Context(t)
	_, err = b.Get(ctx, "k")
	wantError(t, err, lattice.ErrUnavailable)
	_, err = b.Load(ctx)
	wantError(t, err, lattice.ErrUnavailable)
	_, err = b.Put(ctx, "k", nil, 0)
	wantError(t, err, lattice.ErrUnavailable)
	_, err = b.Watch(ctx, latticetest.Log(t), func([]bus.Record) {})
	wantError(t, err, lattice.ErrUnavailable)
}

// seen is what a watch told: the last record of each key.
type seen struct {
	mu   sync.Mutex
	last map[string]bus.Record // guarded by mu
	told int                   // guarded by mu
}

func (s *seen) take(records []bus.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = make(map[string]bus.Record)
	}
	for _, r := range records {
		s.last[r.Key] = r
		s.told++
	}
}

func (s *seen) get(key string) (value string, told int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last[key].Deleted {
		return "deleted", s.told
	}
	return string(s.last[key].Value), s.told
}

func watch(t testing.TB, nc *nats.Conn, log *slog.Logger) (*bus.Watcher, *seen) {
	t.Helper()
	b, err := bus.UseBucket(nc, "links")
	if err != nil {
		t.Fatal(err)
	}
	s := new(seen)
	w, err := b.Watch(latticetest.Context(t), log, s.take)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, s
}

// Every role that may read links must be able to watch them: without the right to make a consumer.
func TestEachReadingRoleCanWatch(t *testing.T) {
	l := latticetest.Hub(t)
	b, ctx := openBucket(t, l), latticetest.Context(t)
	put(t, b, "k", "before")
	for _, r := range []bus.Role{bus.RoleHost, bus.RoleAdmin, bus.RoleView} {
		w, s := watch(t, l.Conn(r), latticetest.Log(t))
		if got, _ := s.get("k"); !strings.HasPrefix(got, "before") {
			t.Fatalf("%s: the snapshot has %q", r, got)
		}
		rev := put(t, b, "k", "before "+string(r))
		if err := w.Await(ctx, "k", rev); err != nil {
			t.Fatal(err)
		}
		if got, told := s.get("k"); got != "before "+string(r) || told != 2 {
			t.Errorf("%s: got %q after %d updates", r, got, told)
		}
	}
}

func TestWatchCatchesUpAfterTheHubWasAway(t *testing.T) {
	l := latticetest.Hub(t)
	b := openBucket(t, l)
	kept, gone := put(t, b, "kept", "1"), put(t, b, "gone", "1")
	nc := l.TCP(bus.RoleView)
	_, s := watch(t, nc, latticetest.Log(t))

	l.Restart()
	b, err := bus.UseBucket(l.Conn(bus.RoleService), "links")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(latticetest.Context(t), "kept", []byte("2"), kept); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Delete(latticetest.Context(t), "gone", gone); err != nil {
		t.Fatal(err)
	}
	latticetest.WaitFor(t, "both changes to arrive", func() bool {
		a, _ := s.get("kept")
		d, _ := s.get("gone")
		return a == "2" && d == "deleted"
	})
	put(t, b, "kept", "3")
	latticetest.WaitFor(t, "updates to be live again", func() bool { v, _ := s.get("kept"); return v == "3" })
}

func TestRecordsThatVanishAreNotTakenForDeleted(t *testing.T) {
	l := latticetest.Hub(t)
	b, ctx := openBucket(t, l), latticetest.Context(t)
	put(t, b, "stays", "1")
	put(t, b, "changes", "1")
	var log lockedBuffer
	w, s := watch(t, l.TCP(bus.RoleView), slog.New(slog.NewTextHandler(&log, nil)))

	// The bucket is lost and made anew, as after a restore from a bad disk. Its revisions start again.
	js, err := jetstream.New(l.Conn(bus.RoleService))
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(ctx, "KV_links"); err != nil {
		t.Fatal(err)
	}
	b = openBucket(t, l)
	put(t, b, "changes", "2")
	w.Resync()
	latticetest.WaitFor(t, "the new bucket's value", func() bool { v, _ := s.get("changes"); return v == "2" })
	if v, _ := s.get("stays"); v != "1" {
		t.Errorf("a record that the new bucket lacks became %q", v)
	}
	if !strings.Contains(log.String(), "went back in time") {
		t.Errorf("nobody was told:\n%s", log.String())
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A message that a subscription gets but that is not of the bucket, as a forged or misdirected one, must not count.
func TestForeignMessagesAreIgnored(t *testing.T) {
	l := latticetest.Hub(t)
	b, ctx := openBucket(t, l), latticetest.Context(t)
	w, s := watch(t, l.Conn(bus.RoleView), latticetest.Log(t))
	svc := l.Conn(bus.RoleService)
	for _, h := range []nats.Header{nil, {"Nats-Sequence": {"x"}}, {"Nats-Sequence": {"0"}}, {"Nats-Sequence": {"-1"}}} {
		if err := svc.PublishMsg(&nats.Msg{Subject: "kvup.links.forged", Header: h, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := svc.FlushWithContext(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.Await(ctx, "k", put(t, b, "k", "v")); err != nil {
		t.Fatal(err)
	}
	if v, told := s.get("forged"); v != "" || told != 1 {
		t.Errorf("forged is %q, %d updates", v, told)
	}
}

func TestAwaitEndsWithTheWatch(t *testing.T) {
	l := latticetest.Hub(t)
	openBucket(t, l)
	w, _ := watch(t, l.Conn(bus.RoleView), latticetest.Log(t))
	ended := make(chan error, 1)
	go func() { ended <- w.Await(latticetest.Context(t), "k", 99) }()
	w.Close()
	wantError(t, <-ended, lattice.ErrUnavailable)
}
