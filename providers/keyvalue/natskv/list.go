package natskv

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/providers/keyvalue"
)

// How a scan is fetched: so many headers at a time, so long to wait for them before it counts as failed.
const (
	scanBatch = 512
	scanWait  = 5 * time.Second
)

// List implements keyvalue.Store. JetStream has keys in the order of their last writes, in which no cursor is stable, so each page is a
// scan of all keys (without values) that keeps the smallest after the cursor: the memory is that of a page, the time that of the
// bucket.
func (b *bucket) List(ctx context.Context, cursor string, limit int) (keyvalue.Page, error) {
	p := keyvalue.NewPager(cursor, limit)
	if err := b.scan(ctx, p); err != nil {
		return keyvalue.Page{}, convert("list", err)
	}
	return p.Page(), nil
}

func (b *bucket) scan(ctx context.Context, p *keyvalue.Pager) error {
	stream := "KV_" + b.kv.Bucket()
	c, err := b.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubject: b.prefix() + ">", AckPolicy: jetstream.AckNonePolicy, HeadersOnly: true,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: 2 * scanWait,
	})
	if err != nil {
		return err
	}
	// Best effort, and also after the caller's time is up: the server removes an inactive consumer by itself.
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), scanWait)
		defer cancel()
		_ = b.js.DeleteConsumer(end, stream, c.CachedInfo().Name)
	}()
	for left := c.CachedInfo().NumPending; left > 0; {
		if left, err = b.fetch(ctx, c, left, p); err != nil {
			return err
		}
	}
	return nil
}

// fetch shows the next keys of a scan to the pager, and says how many are left.
func (b *bucket) fetch(ctx context.Context, c jetstream.Consumer, left uint64, p *keyvalue.Pager) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, scanWait)
	defer cancel()
	batch, err := c.Fetch(int(min(left, scanBatch)), jetstream.FetchContext(ctx))
	if err != nil {
		return 0, err
	}
	seen := false
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return 0, err
		}
		left, seen = meta.NumPending, true
		b.show(m, p)
	}
	if err := batch.Error(); err != nil {
		return 0, err
	}
	if !seen {
		return 0, errors.Join(ctx.Err(), errScan)
	}
	return left, nil
}

var errScan = errors.New("the scan of the keys stopped early")

// show gives the pager the key of a message, unless that marks a key which is gone or was not written through the contract.
func (b *bucket) show(m jetstream.Msg, p *keyvalue.Pager) {
	if h := m.Headers(); h.Get("KV-Operation") != "" || h.Get(jetstream.MarkerReasonHeader) != "" {
		return
	}
	if key, ok := unescape(strings.TrimPrefix(m.Subject(), b.prefix())); ok {
		p.Add(key)
	}
}

// prefix is what the subjects of the bucket's keys begin with.
func (b *bucket) prefix() string { return "$KV." + b.kv.Bucket() + "." }
