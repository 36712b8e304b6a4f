package keyvalue

import (
	"context"

	"github.com/wattle-io/wattle/wit"
)

// The host functions of wasi:keyvalue/batch. A batch travels as one invocation.

// getMany answers result<list<tuple<string, option<list<u8>>>>, error>: one entry for each key, in their order.
func (g *guest) getMany(ctx context.Context, c *wit.Call) error {
	s, err := g.forward(ctx, c, OpGetMany)
	defer g.end(s)
	if err != nil {
		return answer(ctx, c, err)
	}
	n := readLen(&s.reply, MaxBatch)
	c.Result.OK()
	c.Result.Uint(uint64(n))
	for range n {
		c.Result.Bytes(s.reply.RawString())
		writeOption(&c.Result, readOption(&s.reply))
	}
	return s.done()
}

func (g *guest) setMany(ctx context.Context, c *wit.Call) error { return g.do(ctx, c, OpSetMany) }

func (g *guest) deleteMany(ctx context.Context, c *wit.Call) error { return g.do(ctx, c, OpDeleteMany) }
