package keyvalue

import (
	"context"
	"sync"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/wit"
)

// Client is a bucket at the other end of an Invoker: in this process, on another host, behind any decorator. It is a Store, so that what
// is true of a Store can be tested on every path.
type Client struct {
	via    lattice.Invoker
	link   lattice.Link
	bucket string
	pool   sync.Pool // of *scratch
}

var (
	_ Store   = (*Client)(nil)
	_ Batcher = (*Client)(nil)
)

// NewClient makes a client that calls as the link's source through the link. The bucket is opened by the first use of it.
func NewClient(via lattice.Invoker, link lattice.Link, bucket string) *Client {
	return &Client{via: via, link: link, bucket: bucket}
}

// Open opens the bucket, to learn early whether that is possible.
func (c *Client) Open(ctx context.Context) error {
	s := c.begin()
	defer c.end(s)
	return c.call(ctx, OpOpen, s)
}

// Get implements Store.
func (c *Client) Get(ctx context.Context, key string) (Entry, error) {
	s := c.begin()
	defer c.end(s)
	s.String(key)
	if err := c.call(ctx, OpGet, s); err != nil {
		return Entry{}, err
	}
	var entry Entry
	if s.reply.Option() {
		entry.Version = s.reply.Uint(64)
		entry.Value = append([]byte{}, s.reply.Bytes()...)
	}
	return entry, s.done()
}

// Set implements Store.
func (c *Client) Set(ctx context.Context, key string, value []byte) error {
	s := c.begin()
	defer c.end(s)
	s.String(key)
	s.Bytes(value)
	return c.call(ctx, OpSet, s)
}

// Delete implements Store.
func (c *Client) Delete(ctx context.Context, key string) error {
	s := c.begin()
	defer c.end(s)
	s.String(key)
	return c.call(ctx, OpDelete, s)
}

// Exists implements Store.
func (c *Client) Exists(ctx context.Context, key string) (bool, error) {
	s := c.begin()
	defer c.end(s)
	s.String(key)
	if err := c.call(ctx, OpExists, s); err != nil {
		return false, err
	}
	return s.reply.Bool(), s.done()
}

// Swap implements Store.
func (c *Client) Swap(ctx context.Context, key string, value []byte, version uint64) error {
	s := c.begin()
	defer c.end(s)
	s.String(key)
	s.Bytes(value)
	s.Uint(version)
	return c.call(ctx, OpSwap, s)
}

// Increment implements Store.
func (c *Client) Increment(ctx context.Context, key string, delta int64) (int64, error) {
	s := c.begin()
	defer c.end(s)
	s.String(key)
	s.Int(delta)
	if err := c.call(ctx, OpIncrement, s); err != nil {
		return 0, err
	}
	return s.reply.Int(64), s.done()
}

// List implements Store.
func (c *Client) List(ctx context.Context, cursor string, limit int) (Page, error) {
	s := c.begin()
	defer c.end(s)
	if cursor == "" {
		s.None()
	} else {
		s.Some()
		s.String(cursor)
	}
	s.Uint(uint64(max(limit, 0)))
	if err := c.call(ctx, OpList, s); err != nil {
		return Page{}, err
	}
	page := readPage(&s.reply)
	return page, s.done()
}

// GetMany implements Batcher.
func (c *Client) GetMany(ctx context.Context, keys []string) ([][]byte, error) {
	s := c.begin()
	defer c.end(s)
	writeKeys(&s.Encoder, keys)
	if err := c.call(ctx, OpGetMany, s); err != nil {
		return nil, err
	}
	values := make([][]byte, readLen(&s.reply, MaxBatch))
	for i := range values {
		s.reply.RawString()
		if v := readOption(&s.reply); v != nil {
			values[i] = append([]byte{}, v...)
		}
	}
	if len(values) != len(keys) {
		s.reply.Fail("%d values for %d keys", len(values), len(keys))
	}
	return values, s.done()
}

// SetMany implements Batcher.
func (c *Client) SetMany(ctx context.Context, pairs []Pair) error {
	s := c.begin()
	defer c.end(s)
	s.Uint(uint64(len(pairs)))
	for _, p := range pairs {
		s.String(p.Key)
		s.Bytes(p.Value)
	}
	return c.call(ctx, OpSetMany, s)
}

// DeleteMany implements Batcher.
func (c *Client) DeleteMany(ctx context.Context, keys []string) error {
	s := c.begin()
	defer c.end(s)
	writeKeys(&s.Encoder, keys)
	return c.call(ctx, OpDeleteMany, s)
}

// scratch is the memory of one call: the payload and the reply.
type scratch struct {
	wit.Encoder // the payload
	out         []byte
	reply       wit.Decoder
}

// maxScratch is how much memory a pooled scratch may hold on to, in bytes.
const maxScratch = 64 << 10

func take(pool *sync.Pool, bucket string) *scratch {
	s, _ := pool.Get().(*scratch)
	if s == nil {
		s = new(scratch)
	}
	s.Reset()
	s.String(bucket)
	return s
}

func giveBack(pool *sync.Pool, s *scratch) {
	if cap(s.Buf) > maxScratch {
		s.Buf = nil
	}
	if cap(s.out) > maxScratch {
		s.out = nil
	}
	s.reply.Reset(nil)
	pool.Put(s)
}

// took makes the reply ready to be read, and its memory that of the next call.
func (s *scratch) took(reply []byte) {
	s.out = reply[:0]
	s.reply.Reset(reply)
}

// done is the error of reading the reply: a mistake of the other side.
func (s *scratch) done() error {
	if err := s.reply.Close(); err != nil {
		return &lattice.Error{Kind: lattice.ErrInternal, Msg: "malformed reply to a key-value operation", Err: err}
	}
	return nil
}

func (c *Client) begin() *scratch { return take(&c.pool, c.bucket) }

func (c *Client) end(s *scratch) { giveBack(&c.pool, s) }

func (c *Client) call(ctx context.Context, op string, s *scratch) error {
	r, err := c.via.Invoke(ctx, lattice.Invocation{Source: c.link.Source, Target: c.link.Target, Contract: Name, Link: c.link.Name,
		Op: op, Payload: s.Buf, Out: s.out})
	if err != nil {
		return err
	}
	s.took(r.Payload)
	return nil
}
