package keyvalue

import (
	"context"
	"errors"
	"sync"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/wit"
)

// The interfaces that actors import (WebAssembly/wasi-keyvalue, wit/).
const (
	storeInterface   = "wasi:keyvalue/store@0.2.0-draft2"
	atomicsInterface = "wasi:keyvalue/atomics@0.2.0-draft2"
	batchInterface   = "wasi:keyvalue/batch@0.2.0-draft2"
)

// Contract is the guest's side: wasi:keyvalue store, atomics and batch.
//
// A name given to open is first looked for among the actor's links: if it has one of that name, the bucket is opened through it, else
// through the default link. Then BucketOf says which bucket it is.
func Contract() providers.Contract { return providers.Contract{Name: Name, Imports: imports} }

func imports(caller providers.Caller) wit.Imports {
	g := &guest{caller: caller}
	return wit.Imports{
		storeInterface + "#open":                     g.open,
		storeInterface + "#[method]bucket.get":       g.get,
		storeInterface + "#[method]bucket.set":       g.set,
		storeInterface + "#[method]bucket.delete":    g.delete,
		storeInterface + "#[method]bucket.exists":    g.exists,
		storeInterface + "#[method]bucket.list-keys": g.listKeys,
		atomicsInterface + "#increment":              g.increment,
		atomicsInterface + "#[static]cas.new":        g.casNew,
		atomicsInterface + "#[method]cas.current":    g.casCurrent,
		atomicsInterface + "#swap":                   g.swap,
		batchInterface + "#get-many":                 g.getMany,
		batchInterface + "#set-many":                 g.setMany,
		batchInterface + "#delete-many":              g.deleteMany,
	}
}

// guest has the host functions of one actor.
type guest struct {
	caller providers.Caller
	pool   sync.Pool // of *scratch
}

// bucket is what a bucket handle stands for.
type bucket struct{ link, name string }

func (g *guest) open(ctx context.Context, c *wit.Call) error {
	name := c.Args.String()
	if err := c.Args.Close(); err != nil {
		return err
	}
	b := &bucket{link: lattice.DefaultLink, name: name}
	if g.caller.HasLink(name) {
		b.link = name
	}
	s := g.begin(b)
	defer g.end(s)
	if err := g.call(ctx, b, OpOpen, s); err != nil {
		return answer(ctx, c, err)
	}
	c.Result.OK()
	c.Give(b)
	return nil
}

func (g *guest) get(ctx context.Context, c *wit.Call) error {
	s, err := g.forward(ctx, c, OpGet)
	defer g.end(s)
	if err != nil {
		return answer(ctx, c, err)
	}
	c.Result.OK()
	writeOption(&c.Result, readEntry(&s.reply).Value)
	return s.done()
}

// readEntry reads the result of OpGet; the value aliases the buffer, and is nil if there is none.
func readEntry(d *wit.Decoder) (e Entry) {
	if d.Option() {
		e.Version = d.Uint(64)
		e.Value = present(d.Bytes())
	}
	return e
}

func (g *guest) set(ctx context.Context, c *wit.Call) error { return g.do(ctx, c, OpSet) }

func (g *guest) delete(ctx context.Context, c *wit.Call) error { return g.do(ctx, c, OpDelete) }

func (g *guest) exists(ctx context.Context, c *wit.Call) error {
	s, err := g.forward(ctx, c, OpExists)
	defer g.end(s)
	if err != nil {
		return answer(ctx, c, err)
	}
	c.Result.OK()
	c.Result.Bool(s.reply.Bool())
	return s.done()
}

func (g *guest) listKeys(ctx context.Context, c *wit.Call) error {
	s, err := g.forward(ctx, c, OpList)
	defer g.end(s)
	if err != nil {
		return answer(ctx, c, err)
	}
	c.Result.OK()
	writePage(&c.Result, readPage(&s.reply))
	return s.done()
}

func (g *guest) increment(ctx context.Context, c *wit.Call) error {
	s, err := g.forward(ctx, c, OpIncrement)
	defer g.end(s)
	if err != nil {
		return answer(ctx, c, err)
	}
	c.Result.OK()
	c.Result.Int(s.reply.Int(64))
	return s.done()
}

// do is a function whose result is result<_, error>.
func (g *guest) do(ctx context.Context, c *wit.Call, op string) error {
	s, err := g.forward(ctx, c, op)
	defer g.end(s)
	if err != nil {
		return answer(ctx, c, err)
	}
	c.Result.OK()
	return s.done()
}

// forward calls an operation whose parameters after the bucket are those of the guest's function after the handle: they are encoded alike.
// The scratch is never nil.
func (g *guest) forward(ctx context.Context, c *wit.Call, op string) (*scratch, error) {
	b := wit.HandleOf[*bucket](c)
	if c.Args.Err() != nil {
		return new(scratch), trap{c.Args.Err()}
	}
	s := g.begin(b)
	s.Buf = append(s.Buf, c.Args.Rest()...)
	return s, g.call(ctx, b, op, s)
}

func (g *guest) begin(b *bucket) *scratch { return take(&g.pool, b.name) }

func (g *guest) end(s *scratch) { giveBack(&g.pool, s) }

func (g *guest) call(ctx context.Context, b *bucket, op string, s *scratch) error {
	reply, err := g.caller.Call(ctx, b.link, op, s.Buf, s.out[:0])
	if err != nil {
		return err
	}
	s.took(reply)
	return nil
}

// trap is an error that the guest does not get to see.
type trap struct{ error }

func (t trap) Unwrap() error { return t.error }

// answer makes an error the guest's own, as the error case of its result. If the guest's time is up it is a trap instead.
func answer(ctx context.Context, c *wit.Call, err error) error {
	if _, ok := err.(trap); ok || ctx.Err() != nil {
		return err
	}
	c.Result.Err()
	writeError(&c.Result, err)
	return nil
}

// writeError appends a store.error.
func writeError(e *wit.Encoder, err error) {
	switch {
	case errors.Is(err, ErrNoSuchStore):
		e.Uint(0)
	case errors.Is(err, ErrAccessDenied), errors.Is(err, lattice.ErrNoLink):
		e.Uint(1)
	default:
		e.Uint(2)
		e.String(message(err))
	}
}

// message is what a guest may read of an error: what was refused and what would help, without causes from inside the host.
func message(err error) string {
	if le, ok := errors.AsType[*lattice.Error](err); ok {
		return le.Error()
	}
	return lattice.KindOf(err).Error()
}
