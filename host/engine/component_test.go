package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// wastCommand is a command of a .wast file, as testdata/build.mjs of package component writes it.
type wastCommand struct {
	Line    int
	Op      string // component, invalid, malformed, return, trap
	Run     bool   // the component is instantiated
	Wasm    []byte
	Func    string
	Args    []any
	Results []any
	Why     string
}

func wastFile(t testing.TB, path string) []wastCommand {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []wastCommand
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestComponentsBehaveAsTheSpecificationSays runs the .wast files: components, and what calls of their functions return or that they trap.
func TestComponentsBehaveAsTheSpecificationSays(t *testing.T) {
	files, err := filepath.Glob("../component/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	e := newEngine(t, Config{Interpreter: true})
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := wastRunner{t: t, e: e}
			for _, c := range wastFile(t, path) {
				r.run(c)
			}
			r.drop()
		})
	}
}

// thing is a resource of the host.
type thing struct {
	n    uint32
	live *int
}

func (t *thing) Drop() { *t.live-- }

// things is the host's interface "host", which makes and counts things.
func things() wit.Imports {
	live := new(int)
	return wit.Imports{
		"host#[constructor]thing": func(_ context.Context, c *wit.Call) error {
			*live++
			c.Give(&thing{c.Args.U32(), live})
			return nil
		},
		"host#[method]thing.get": func(_ context.Context, c *wit.Call) error {
			c.Result.Uint(uint64(wit.HandleOf[*thing](c).n))
			return nil
		},
		"host#[static]thing.take": func(_ context.Context, c *wit.Call) error {
			t := wit.HandleOf[*thing](c)
			t.Drop()
			c.Result.Uint(uint64(t.n))
			return nil
		},
		"host#[static]thing.live": func(_ context.Context, c *wit.Call) error {
			c.Result.Uint(uint64(*live))
			return nil
		},
	}
}

// wastRunner keeps the component that the next assertions are about. After a trap they go on with a fresh instance.
type wastRunner struct {
	t    testing.TB
	e    *Engine
	pool *Pool
}

func (r *wastRunner) drop() {
	if r.pool != nil {
		r.pool.Close(context.Background())
		r.pool = nil
	}
}

func (r *wastRunner) run(c wastCommand) {
	r.t.Helper()
	switch c.Op {
	case "component":
		r.component(c)
	case "invalid", "malformed":
		if p, err := r.e.Load(context.Background(), c.Wasm); err == nil {
			p.Release()
			r.t.Errorf("line %d: passes, want: %s", c.Line, c.Why)
		} else if !errors.Is(err, ErrInvalidModule) {
			r.t.Errorf("line %d: untyped error %v", c.Line, err)
		}
	default:
		r.assert(c)
	}
}

func (r *wastRunner) component(c wastCommand) {
	r.drop()
	p, err := r.e.Load(context.Background(), c.Wasm)
	if err != nil {
		r.t.Errorf("line %d: %v", c.Line, err)
		return
	}
	defer p.Release()
	pool, err := p.NewPool(PoolConfig{Name: "test", Imports: things(), Limits: Limits{Instances: 1}})
	if err != nil {
		if c.Run {
			r.t.Errorf("line %d: %v", c.Line, err)
		}
		return
	}
	r.pool = pool
	in, failed := pool.acquire(context.Background())
	if failed != nil {
		if c.Run {
			r.t.Errorf("line %d: instantiation: %v", c.Line, failed)
		}
		return
	}
	pool.release(in)
}

func (r *wastRunner) assert(c wastCommand) {
	if r.pool == nil {
		r.t.Errorf("line %d: no component to call", c.Line)
		return
	}
	f, err := r.pool.Func("", c.Func)
	if err != nil {
		r.t.Errorf("line %d: %v", c.Line, err)
		return
	}
	var args []byte
	for i, p := range f.Type().Params {
		v, _ := json.Marshal(c.Args[i])
		if args, err = appendJSON(args, p.Type, v); err != nil {
			r.t.Errorf("line %d: argument %d: %v", c.Line, i, err)
			return
		}
	}
	out, err := f.Call(context.Background(), args, nil, nil)
	if c.Op == "trap" {
		if !errors.Is(err, ErrTrap) && !errors.Is(err, ErrStack) {
			r.t.Errorf("line %d: got %v, want a trap: %s", c.Line, err, c.Why)
		}
		return
	}
	if err != nil {
		r.t.Errorf("line %d: %v", c.Line, err)
		return
	}
	r.compare(c, f.Type().Result, out)
}

func (r *wastRunner) compare(c wastCommand, typ *wit.Type, out []byte) {
	if typ == nil || len(c.Results) == 0 {
		return
	}
	v, _ := json.Marshal(c.Results[0])
	want, err := wit.EncodeJSONValue(typ, v)
	if err != nil {
		r.t.Errorf("line %d: result: %v", c.Line, err)
	} else if string(out) != string(want) {
		r.t.Errorf("line %d: got % x, want % x", c.Line, out, want)
	}
}

func appendJSON(to []byte, t *wit.Type, v []byte) ([]byte, error) {
	b, err := wit.EncodeJSONValue(t, v)
	return append(to, b...), err
}

func FuzzComponent(f *testing.F) {
	files, _ := filepath.Glob("../component/testdata/*.json")
	for _, path := range files {
		for _, c := range wastFile(f, path) {
			if c.Op == "component" {
				f.Add(c.Wasm)
			}
		}
	}
	e := newEngine(f, Config{Interpreter: true})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		p, err := e.Load(context.Background(), b)
		if err != nil {
			if !errors.Is(err, ErrInvalidModule) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		defer p.Release()
		pool, err := p.NewPool(PoolConfig{Imports: things(), Limits: Limits{Call: 50 * time.Millisecond, Memory: 4 << 20}})
		if err != nil {
			if !errors.Is(err, ErrImport) && !errors.Is(err, ErrMemory) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		defer pool.Close(context.Background())
		for _, x := range p.plan.Exports {
			fn, err := pool.Func(x.Interface, x.Name)
			if err != nil {
				t.Fatal(err)
			}
			// Arguments of zeros suit most types.
			if _, err := fn.Call(context.Background(), make([]byte, len(x.Type.Params)), nil, nil); err != nil {
				var ours *Error
				if !errors.As(err, &ours) {
					t.Fatalf("untyped error %v", err)
				}
			}
		}
	})
}

// greeter is the pool of two components in one, of which one calls the other (linking.wast).
func greeter(t testing.TB) *Func {
	for _, c := range wastFile(t, "../component/testdata/linking.json") {
		if c.Op != "component" {
			continue
		}
		pool, err := loadProgram(t, newEngine(t, Config{}), c.Wasm).NewPool(PoolConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closePool(t, pool) })
		if f, err := pool.Func("", "echo"); err == nil {
			return f
		}
	}
	t.Fatal("no component that echoes")
	return nil
}

func TestCallBetweenComponentsAllocatesNothing(t *testing.T) {
	f, ctx, a, out := greeter(t), context.Background(), text("hello"), make([]byte, 0, 64)
	n := testing.AllocsPerRun(200, func() {
		if _, err := f.Call(ctx, a, nil, out); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkCallBetweenComponents is a call of a component that passes its string on to another one, and its answer back.
func BenchmarkCallBetweenComponents(b *testing.B) {
	f, ctx, a, out := greeter(b), context.Background(), text("hello"), make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Call(ctx, a, nil, out); err != nil {
			b.Fatal(err)
		}
	}
}

func TestLimitsHoldForAllInstancesOfAComponentTogether(t *testing.T) {
	p := loadProgram(t, newEngine(t, Config{}), wastFile(t, "../component/testdata/limits.json")[0].Wasm)
	if p.MinMemory() != 2*pageSize {
		t.Errorf("needs %d bytes of memory", p.MinMemory())
	}
	if _, err := p.NewPool(PoolConfig{Limits: Limits{Memory: pageSize}}); !errors.Is(err, ErrMemory) {
		t.Errorf("two pages in one: %v", err)
	}
	pool, err := p.NewPool(PoolConfig{Limits: Limits{Memory: 10 * pageSize, Call: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer closePool(t, pool)
	call := func(name string) ([]byte, error) {
		f, err := pool.Func("", name)
		if err != nil {
			t.Fatal(err)
		}
		return f.Call(context.Background(), nil, nil, nil)
	}
	// The first grows to nine pages, since the other has one.
	if out, err := call("grow-both"); err != nil || string(out) != string(u32(9001)) {
		t.Errorf("grow: %v, %v", out, err)
	}
	if _, err := call("spin-there"); !errors.Is(err, ErrDeadline) {
		t.Errorf("spin: %v", err)
	}
	if _, err := call("deep-there"); !errors.Is(err, ErrStack) {
		t.Errorf("recursion: %v", err)
	}
	if s := pool.Stats(); s.Fuel == 0 || s.Failures != 2 {
		t.Errorf("stats: %+v", s)
	}
}

func TestAComponentThatWantsModulesOfItsHostIsNotInstantiated(t *testing.T) {
	for _, c := range wastFile(t, "../component/testdata/instantiate.json") {
		if c.Op != "component" || c.Run {
			continue
		}
		p := loadProgram(t, newEngine(t, Config{Interpreter: true}), c.Wasm)
		pool, err := p.NewPool(PoolConfig{})
		if err == nil {
			closePool(t, pool)
		} else if !errors.Is(err, ErrImport) {
			t.Errorf("line %d: %v", c.Line, err)
		}
	}
}
