package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattle-io/wattle/wit"
)

const guestDir = "../../testdata/guests"

// guest reads a committed guest.
func guest(t testing.TB, name string) []byte {
	t.Helper()
	dir := guestDir
	if strings.HasSuffix(name, ".component") {
		dir = "../component/testdata"
	}
	b, err := os.ReadFile(filepath.Join(dir, name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eachForm runs a test on a guest as a core module, and as the component that the usual tools make of it.
func eachForm(t *testing.T, name string, test func(t *testing.T, name string)) {
	for _, form := range []string{name, name + ".component"} {
		t.Run(form, func(t *testing.T) { test(t, form) })
	}
}

// testContracts are the contracts of the guests.
func testContracts(t testing.TB) *wit.Set {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guestDir, "guests.wit"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := wit.Parse(map[string]string{"guests.wit": string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// newEngine makes an engine for a test.
func newEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	if cfg.Contracts == nil {
		cfg.Contracts = testContracts(t)
	}
	e, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error("close engine:", err)
		}
	})
	return e
}

// loadProgram loads a program for a test.
func loadProgram(t testing.TB, e *Engine, wasm []byte) *Program {
	t.Helper()
	p, err := e.Load(context.Background(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Release)
	return p
}

// newPool makes a pool of a committed guest. Its cleanup checks that nothing is left.
func newPool(t testing.TB, e *Engine, name string, h *testHost, limits Limits) *Pool {
	t.Helper()
	if limits.Idle == 0 {
		limits.Idle = -1
	}
	pool, err := loadProgram(t, e, guest(t, name)).NewPool(PoolConfig{Name: name, Imports: h.imports(), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePool(t, pool) })
	return pool
}

func closePool(t testing.TB, pool *Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := pool.Close(ctx); err != nil {
		t.Error("close pool:", err)
	}
	if s := pool.Stats(); s.Instances != 0 || s.Memory != 0 || s.Busy != 0 || s.Waiting != 0 {
		t.Errorf("after Close: %+v", s)
	}
}

// function finds an exported function.
func function(t testing.TB, p *Pool, iface, name string) *Func {
	t.Helper()
	f, err := p.Func("test:guest/"+iface, name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// args encodes arguments.
func args(encode func(e *wit.Encoder)) []byte {
	var e wit.Encoder
	encode(&e)
	return e.Buf
}

func u32(v uint64) []byte { return args(func(e *wit.Encoder) { e.Uint(v) }) }

func text(s string) []byte { return args(func(e *wit.Encoder) { e.String(s) }) }

// testHost is the host side of interface host.
type testHost struct {
	odd     []byte // result of odd
	oddErr  error
	entered chan struct{} // told when wait is called; may be nil
	drops   atomic.Int64
	made    atomic.Int64
}

// counter is the resource.
type counter struct {
	host *testHost
	n    uint32
}

func (c *counter) Drop() { c.host.drops.Add(1) }

func (h *testHost) imports() wit.Imports {
	const iface = "test:guest/host@1.0.0#"
	return wit.Imports{
		iface + "tick": func(_ context.Context, c *wit.Call) error {
			var sum uint32
			for _, b := range c.Args.Bytes() {
				sum += uint32(b)
			}
			c.Result.Uint(uint64(sum))
			return nil
		},
		iface + "greeting": func(_ context.Context, c *wit.Call) error {
			name := c.Args.RawString()
			c.Result.Uint(uint64(len("hello ") + len(name)))
			c.Result.Buf = append(append(c.Result.Buf, "hello "...), name...)
			return nil
		},
		iface + "odd": func(_ context.Context, c *wit.Call) error {
			c.Result.Buf = append(c.Result.Buf, h.odd...)
			return h.oddErr
		},
		iface + "wait": func(ctx context.Context, c *wit.Call) error {
			if h.entered != nil {
				h.entered <- struct{}{}
			}
			<-ctx.Done()
			return ctx.Err()
		},
		iface + "[constructor]counter": func(_ context.Context, c *wit.Call) error {
			h.made.Add(1)
			c.Give(&counter{h, c.Args.U32()})
			return nil
		},
		iface + "[method]counter.next": func(_ context.Context, c *wit.Call) error {
			n := wit.HandleOf[*counter](c)
			if n == nil {
				return fmt.Errorf("no counter: %w", c.Args.Err())
			}
			n.n++
			c.Result.Uint(uint64(n.n))
			return nil
		},
	}
}
