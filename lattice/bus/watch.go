package bus

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// Watcher tells of each change of a bucket. It takes a snapshot and then live updates; after each loss of the connection, of a
// message, and once a minute in any case, a snapshot again. What a snapshot lacks stays: only a marker deletes.
type Watcher struct {
	bucket *Bucket
	log    *slog.Logger
	fn     func([]Record)
	sub    *nats.Subscription
	live   chan *nats.Msg
	again  chan struct{}      // asks for a snapshot
	link   *nats.Subscription // tells of the link to the hub, in a host that is a leaf
	cancel context.CancelFunc
	done   chan struct{}

	newest  uint64 // revision; used by the loop only
	dropped int    // messages lost so far; used by the loop only

	mu      sync.Mutex
	seen    map[string]uint64 // guarded by mu: key → revision that fn was given
	changed chan struct{}     // guarded by mu: closed at the next change of seen
	loading func()            // guarded by mu: breaks off the snapshot under way; nil if none is
}

const (
	resyncEvery = time.Minute
	retryFirst  = 50 * time.Millisecond
	retryMost   = 5 * time.Second
)

// Watch calls fn with all that is there, if anything, and returns; from then on it calls fn with what changed, in order. Calls
// come one at a time, the later ones from a goroutine that ends with Close. They must not call Close or Await. The context
// bounds the first snapshot only.
func (b *Bucket) Watch(ctx context.Context, log *slog.Logger, fn func([]Record)) (*Watcher, error) {
	w, err := b.watcher(log, fn)
	if err != nil {
		return nil, err
	}
	if err := w.snapshot(ctx); err != nil {
		w.unsubscribe()
		return nil, err
	}
	w.start()
	return w, nil
}

// Follow is Watch for a host that must start without a hub: it does not wait for the first snapshot, which comes when it can.
func (b *Bucket) Follow(log *slog.Logger, fn func([]Record)) (*Watcher, error) {
	w, err := b.watcher(log, fn)
	if err != nil {
		return nil, err
	}
	w.Resync()
	w.start()
	return w, nil
}

// watcher listens, and is not started. Connections to a leaf are told there when the link to the hub is back: updates may have
// been missed then.
func (b *Bucket) watcher(log *slog.Logger, fn func([]Record)) (w *Watcher, err error) {
	w = &Watcher{bucket: b, log: log, fn: fn, live: make(chan *nats.Msg, 4096), again: make(chan struct{}, 1),
		done: make(chan struct{}), seen: make(map[string]uint64), changed: make(chan struct{})}
	if w.sub, err = b.nc.ChanSubscribe("kvup."+b.name+".>", w.live); err != nil {
		return nil, b.fail("watch", "", err)
	}
	if w.link, err = b.nc.Subscribe(linkSubject, w.linkChanged); err != nil {
		_ = w.sub.Unsubscribe()
		return nil, b.fail("watch", "", err)
	}
	return w, nil
}

func (w *Watcher) linkChanged(m *nats.Msg) {
	if string(m.Data) == linkUp {
		w.Resync()
	}
}

func (w *Watcher) start() {
	loop, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go w.run(loop)
}

func (w *Watcher) unsubscribe() {
	_ = w.sub.Unsubscribe()
	_ = w.link.Unsubscribe()
}

// Close ends the watch. When it returns, fn is not called any more.
func (w *Watcher) Close() {
	w.cancel()
	<-w.done
}

// Resync takes a snapshot soon: for one who knows that updates may have been missed, as after a leaf's link came back.
func (w *Watcher) Resync() {
	w.mu.Lock()
	if w.loading != nil {
		w.loading() // it may wait for an answer that was lost with the link
	}
	w.mu.Unlock()
	select {
	case w.again <- struct{}{}:
	default: // one is asked for already
	}
}

// Await waits until fn was given that revision of the key or a later one.
func (w *Watcher) Await(ctx context.Context, key string, revision uint64) error {
	for {
		w.mu.Lock()
		got, changed := w.seen[key] >= revision, w.changed
		w.mu.Unlock()
		if got {
			return nil
		}
		select {
		case <-changed:
		case <-w.done:
			return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "the watch of bucket " + w.bucket.name + " has ended"}
		case <-ctx.Done():
			return &lattice.Error{Kind: lattice.ErrDeadline, Msg: "the change of " + key + " is written, but has not come back yet", Err: ctx.Err()}
		}
	}
}

func (w *Watcher) run(ctx context.Context) {
	defer close(w.done)
	defer w.unsubscribe()
	status := w.bucket.nc.StatusChanged(nats.CONNECTED)
	defer w.bucket.nc.RemoveStatusListener(status)
	timer := time.NewTimer(resyncEvery)
	defer timer.Stop()
	retry := retryFirst
	for {
		fresh := false
		select {
		case <-ctx.Done():
			return
		case m := <-w.live:
			fresh = w.take(m)
		case _, open := <-status:
			if !open {
				return // the connection was closed for good
			}
		case <-w.again:
		case <-timer.C:
		}
		if fresh {
			continue
		}
		if err := w.load(ctx); err != nil {
			w.log.Debug("watch: no snapshot yet", "bucket", w.bucket.name, "err", err)
			timer.Reset(retry)
			retry = min(2*retry, retryMost)
			continue
		}
		timer.Reset(resyncEvery)
		retry = retryFirst
	}
}

// take applies a live update. False if messages were lost before it.
func (w *Watcher) take(m *nats.Msg) bool {
	if r, ok := w.bucket.record(m, m.Subject, "kvup."); ok {
		w.apply([]Record{r})
	}
	dropped, err := w.sub.Dropped()
	if err != nil || dropped == w.dropped {
		return true
	}
	w.dropped = dropped
	return false
}

// load takes a snapshot that Resync, or word of the link, breaks off.
func (w *Watcher) load(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	w.loading = cancel
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.loading = nil
		w.mu.Unlock()
	}()
	return w.snapshot(ctx)
}

func (w *Watcher) snapshot(ctx context.Context) error {
	all, err := w.bucket.Load(ctx)
	if err != nil {
		return err
	}
	newest := uint64(0)
	for _, r := range all {
		newest = max(newest, r.Revision)
	}
	// The newest record of a bucket never goes away, so a snapshot without it is of another bucket: restored from a backup, or
	// made anew.
	if newest < w.newest {
		w.log.Warn("bucket went back in time: taking what it has now, keeping what it lacks", "bucket", w.bucket.name, "revision", newest, "seen", w.newest)
		w.mu.Lock()
		clear(w.seen)
		w.mu.Unlock()
		w.newest = 0
	}
	w.apply(all)
	return nil
}

// apply gives fn the records that are newer than what it has.
func (w *Watcher) apply(records []Record) {
	fresh := records[:0:0]
	w.mu.Lock()
	for _, r := range records {
		if r.Revision > w.seen[r.Key] {
			fresh = append(fresh, r)
		}
	}
	w.mu.Unlock()
	if len(fresh) == 0 {
		return
	}
	w.fn(fresh)
	w.mu.Lock()
	for _, r := range fresh {
		w.seen[r.Key] = r.Revision
		w.newest = max(w.newest, r.Revision)
	}
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
}
