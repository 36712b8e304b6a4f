package keyvalue

import (
	"context"
	"errors"

	"github.com/wattle-io/wattle/wit"
)

// cas is what a cas handle stands for: a key and what it held when the handle was made. A swap succeeds only if it still holds that.
type cas struct {
	bucket *bucket
	key    string
	Entry
}

func (g *guest) casNew(ctx context.Context, c *wit.Call) error {
	b := wit.HandleOf[*bucket](c)
	key := c.Args.String()
	if err := c.Args.Close(); err != nil {
		return err
	}
	h, err := g.snapshot(ctx, b, key)
	if err != nil {
		return answer(ctx, c, err)
	}
	c.Result.OK()
	c.Give(h)
	return nil
}

// snapshot reads a key for a new cas handle.
func (g *guest) snapshot(ctx context.Context, b *bucket, key string) (*cas, error) {
	s := g.begin(b)
	defer g.end(s)
	s.String(key)
	if err := g.call(ctx, b, OpGet, s); err != nil {
		return nil, err
	}
	e := readEntry(&s.reply)
	if e.Value != nil {
		e.Value = append([]byte{}, e.Value...)
	}
	return &cas{bucket: b, key: key, Entry: e}, s.done()
}

// casCurrent gives the value that the handle was made with, not a newer one: it is that value which swap compares with.
func (g *guest) casCurrent(_ context.Context, c *wit.Call) error {
	h := wit.HandleOf[*cas](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.OK()
	writeOption(&c.Result, h.Value)
	return nil
}

// swap answers result<_, cas-error>; cas-error is store-error(error) or cas-failed(cas).
func (g *guest) swap(ctx context.Context, c *wit.Call) error {
	h := wit.HandleOf[*cas](c)
	value := c.Args.Bytes()
	if err := c.Args.Close(); err != nil {
		return err
	}
	err := g.trySwap(ctx, h, value)
	if errors.Is(err, ErrConflict) {
		return g.casFailed(ctx, c, h)
	}
	return answerSwap(ctx, c, err)
}

func (g *guest) trySwap(ctx context.Context, h *cas, value []byte) error {
	s := g.begin(h.bucket)
	defer g.end(s)
	s.String(h.key)
	s.Bytes(value)
	s.Uint(h.Version)
	return g.call(ctx, h.bucket, OpSwap, s)
}

// casFailed answers with a new handle, so that the guest can compute its value again and retry.
func (g *guest) casFailed(ctx context.Context, c *wit.Call, h *cas) error {
	fresh, err := g.snapshot(ctx, h.bucket, h.key)
	if err != nil {
		return answerSwap(ctx, c, err)
	}
	c.Result.Err()
	c.Result.Uint(1)
	c.Give(fresh)
	return nil
}

func answerSwap(ctx context.Context, c *wit.Call, err error) error {
	if err == nil {
		c.Result.OK()
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	c.Result.Err()
	c.Result.Uint(0)
	writeError(&c.Result, err)
	return nil
}
