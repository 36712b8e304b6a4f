package keyvalue_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/providers/keyvalue/keyvaluetest"
	"github.com/wattle-io/wattle/providers/keyvalue/memory"
	"github.com/wattle-io/wattle/wit"
)

const (
	storeInterface   = "wasi:keyvalue/store@0.2.0-draft2#"
	atomicsInterface = "wasi:keyvalue/atomics@0.2.0-draft2#"
	batchInterface   = "wasi:keyvalue/batch@0.2.0-draft2#"
)

// actor calls the host functions as an engine does for a guest, in the place of one.
type actor struct {
	source  string
	links   map[string]bool
	via     lattice.Invoker
	imports wit.Imports
	call    wit.Call
}

func newActor(via lattice.Invoker, source string, links ...string) *actor {
	a := &actor{source: source, via: via, links: map[string]bool{}}
	for _, l := range links {
		a.links[l] = true
	}
	a.imports = keyvalue.Contract().Imports(a)
	return a
}

var _ providers.Caller = (*actor)(nil)

func (a *actor) HasLink(name string) bool { return a.links[name] }

func (a *actor) Call(ctx context.Context, link, op string, payload, out []byte) ([]byte, error) {
	r, err := a.via.Invoke(ctx, lattice.Invocation{Source: a.source, Target: "keyvalue", Contract: keyvalue.Name, Link: link, Op: op, Payload: payload, Out: out})
	return r.Payload, err
}

// do calls a function with arguments encoded by args, and returns the result and the objects given.
func (a *actor) do(t testing.TB, name string, in []any, args func(*wit.Encoder)) (*wit.Decoder, []any) {
	t.Helper()
	d, out, err := a.try(t.Context(), name, in, args)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d, out
}

func (a *actor) try(ctx context.Context, name string, in []any, args func(*wit.Encoder)) (*wit.Decoder, []any, error) {
	var e wit.Encoder
	for i := range in {
		e.Uint(uint64(i))
	}
	if args != nil {
		args(&e)
	}
	a.call.Reset(e.Buf, in)
	err := a.imports[name](ctx, &a.call)
	return &wit.Decoder{Buf: append([]byte{}, a.call.Result.Buf...)}, append([]any{}, a.call.Out()...), err
}

func (a *actor) open(t testing.TB, name string) any {
	t.Helper()
	d, out := a.do(t, storeInterface+"open", nil, func(e *wit.Encoder) { e.String(name) })
	if !d.Result() || d.U32() != 0 || d.Close() != nil || len(out) != 1 {
		t.Fatalf("open %q: %x, %d handles", name, d.Buf, len(out))
	}
	return out[0]
}

func serve(t testing.TB, links ...lattice.Link) *keyvalue.Provider {
	t.Helper()
	p := keyvalue.Serve(memory.New())
	t.Cleanup(func() { p.Close() })
	for _, l := range links {
		if err := p.Link(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func key(k string) func(*wit.Encoder) { return func(e *wit.Encoder) { e.String(k) } }

func keyed(k string, v string) func(*wit.Encoder) {
	return func(e *wit.Encoder) { e.String(k); e.Bytes([]byte(v)) }
}

func TestAGuestReadsAndWrites(t *testing.T) {
	a := newActor(serve(t, keyvaluetest.Link("M1", "default", nil)), "M1")
	b := []any{a.open(t, "x")}
	want := func(d *wit.Decoder, bytes string) {
		t.Helper()
		if string(d.Buf) != bytes {
			t.Errorf("result %x, want %x", d.Buf, bytes)
		}
	}
	d, _ := a.do(t, storeInterface+"[method]bucket.get", b, key("k"))
	want(d, "\x00\x00") // ok(none)
	d, _ = a.do(t, storeInterface+"[method]bucket.set", b, keyed("k", "v\x00"))
	want(d, "\x00")
	d, _ = a.do(t, storeInterface+"[method]bucket.get", b, key("k"))
	want(d, "\x00\x01\x02v\x00")
	d, _ = a.do(t, storeInterface+"[method]bucket.exists", b, key("k"))
	want(d, "\x00\x01")
	d, _ = a.do(t, storeInterface+"[method]bucket.list-keys", b, (*wit.Encoder).None)
	want(d, "\x00\x01\x01k\x00")
	d, _ = a.do(t, storeInterface+"[method]bucket.delete", b, key("k"))
	want(d, "\x00")
	d, _ = a.do(t, storeInterface+"[method]bucket.exists", b, key("k"))
	want(d, "\x00\x00")
	d, _ = a.do(t, storeInterface+"[method]bucket.list-keys", b, func(e *wit.Encoder) { e.Some(); e.String("j") })
	want(d, "\x00\x00\x00")
	d, _ = a.do(t, atomicsInterface+"increment", b, func(e *wit.Encoder) { e.String("n"); e.Int(-5) })
	want(d, "\x00\x7b")
	d, _ = a.do(t, storeInterface+"[method]bucket.get", b, key("n"))
	want(d, "\x00\x01\x02-5")
	d, _ = a.do(t, batchInterface+"set-many", b, func(e *wit.Encoder) { e.Uint(2); e.String("a"); e.Bytes([]byte("1")); e.String("b"); e.Bytes(nil) })
	want(d, "\x00")
	d, _ = a.do(t, batchInterface+"get-many", b, func(e *wit.Encoder) { e.Uint(3); e.String("b"); e.String("z"); e.String("a") })
	want(d, "\x00\x03\x01b\x01\x00\x01z\x00\x01a\x01\x011")
	d, _ = a.do(t, batchInterface+"delete-many", b, func(e *wit.Encoder) { e.Uint(2); e.String("a"); e.String("b") })
	want(d, "\x00")
}

func TestAGuestSwaps(t *testing.T) {
	a := newActor(serve(t, keyvaluetest.Link("M1", "default", nil)), "M1")
	b := []any{a.open(t, "x")}
	_, first := a.do(t, atomicsInterface+"[static]cas.new", b, key("k"))
	_, second := a.do(t, atomicsInterface+"[static]cas.new", b, key("k"))
	if d, _ := a.do(t, atomicsInterface+"swap", first, func(e *wit.Encoder) { e.Bytes([]byte("one")) }); string(d.Buf) != "\x00" {
		t.Fatalf("first swap: %x", d.Buf)
	}
	d, fresh := a.do(t, atomicsInterface+"swap", second, func(e *wit.Encoder) { e.Bytes([]byte("two")) })
	if string(d.Buf) != "\x01\x01\x00" || len(fresh) != 1 { // error(cas-failed(cas 0))
		t.Fatalf("second swap: %x, %d handles", d.Buf, len(fresh))
	}
	if d, _ := a.do(t, atomicsInterface+"[method]cas.current", second, nil); string(d.Buf) != "\x00\x00" {
		t.Errorf("what the old handle was made with: %x, want none", d.Buf)
	}
	if d, _ := a.do(t, atomicsInterface+"[method]cas.current", fresh, nil); string(d.Buf) != "\x00\x01\x03one" {
		t.Errorf("what the new handle was made with: %x", d.Buf)
	}
	if d, _ := a.do(t, atomicsInterface+"swap", fresh, func(e *wit.Encoder) { e.Bytes([]byte("two")) }); string(d.Buf) != "\x00" {
		t.Errorf("swap with the new handle: %x", d.Buf)
	}
}

func TestOpenChoosesTheLinkOfThatName(t *testing.T) {
	shared := map[string]string{"bucket": "cache"}
	p := serve(t, keyvaluetest.Link("M1", "default", nil), keyvaluetest.Link("M1", "cache", shared), keyvaluetest.Link("M2", "default", shared))
	a, b := newActor(p, "M1", "default", "cache"), newActor(p, "M2", "default")
	a.do(t, storeInterface+"[method]bucket.set", []any{a.open(t, "cache")}, keyed("k", "shared"))
	if d, _ := a.do(t, storeInterface+"[method]bucket.exists", []any{a.open(t, "other")}, key("k")); string(d.Buf) != "\x00\x00" {
		t.Error("a bucket of the default link has the key of the other link's")
	}
	if d, _ := b.do(t, storeInterface+"[method]bucket.get", []any{b.open(t, "anything")}, key("k")); string(d.Buf) != "\x00\x01\x06shared" {
		t.Errorf("the other actor reads %x", d.Buf)
	}
}

func TestErrorsBecomeTheGuestsOwn(t *testing.T) {
	fails := func(err error) lattice.Invoker {
		return lattice.InvokerFunc(func(_ context.Context, inv lattice.Invocation) (lattice.Reply, error) {
			if inv.Op == keyvalue.OpOpen {
				return lattice.Reply{Payload: inv.Out}, nil
			}
			return lattice.Reply{}, err
		})
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&lattice.Error{Kind: lattice.ErrNotFound, Msg: "m"}, "\x00"}, {&lattice.Error{Kind: lattice.ErrDenied, Msg: "m"}, "\x01"},
		{&lattice.Error{Kind: lattice.ErrNoLink, Msg: "m"}, "\x01"}, {&lattice.Error{Kind: lattice.ErrBusy, Msg: "m", Hint: "h", Err: errors.New("inside")}, "\x02\x0abusy: m; h"},
		{errors.New("inside"), "\x02\x08internal"},
	} {
		a := newActor(fails(c.err), "M1")
		b := []any{a.open(t, "x")}
		for name, args := range map[string]func(*wit.Encoder){
			storeInterface + "[method]bucket.get": key("k"), storeInterface + "[method]bucket.set": keyed("k", "v"), storeInterface + "[method]bucket.delete": key("k"),
			storeInterface + "[method]bucket.exists": key("k"), storeInterface + "[method]bucket.list-keys": (*wit.Encoder).None,
			atomicsInterface + "increment": func(e *wit.Encoder) { e.String("k"); e.Int(1) }, atomicsInterface + "[static]cas.new": key("k"),
			batchInterface + "get-many": func(e *wit.Encoder) { e.Uint(0) }, batchInterface + "set-many": func(e *wit.Encoder) { e.Uint(0) },
			batchInterface + "delete-many": func(e *wit.Encoder) { e.Uint(0) },
		} {
			if d, _ := a.do(t, name, b, args); string(d.Buf) != "\x01"+c.want {
				t.Errorf("%s with %v: %q", name, c.err, d.Buf)
			}
		}
	}
}

func TestAnExpiredCallIsATrap(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := newActor(lattice.InvokerFunc(func(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
		return lattice.Reply{Payload: inv.Out}, ctx.Err()
	}), "M1")
	b := []any{a.open(t, "x")}
	cancel()
	if _, _, err := a.try(ctx, storeInterface+"[method]bucket.get", b, key("k")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestAMalformedReplyIsAnErrorNotAPanic(t *testing.T) {
	for _, reply := range []string{"", "\x02", "\x01\x01", "\x01\x01\x7fa", "\xff\xff\xff\xff\x0f", "\x00\x00\x00"} {
		a := newActor(lattice.InvokerFunc(func(_ context.Context, inv lattice.Invocation) (lattice.Reply, error) {
			if inv.Op == keyvalue.OpOpen {
				return lattice.Reply{}, nil
			}
			return lattice.Reply{Payload: append(inv.Out, reply...)}, nil
		}), "M1")
		b := []any{a.open(t, "x")}
		for _, name := range []string{storeInterface + "[method]bucket.get", storeInterface + "[method]bucket.exists", batchInterface + "get-many"} {
			if _, _, err := a.try(t.Context(), name, b, key("k")); !errors.Is(err, lattice.ErrInternal) {
				t.Errorf("%s with reply %x: error %v", name, reply, err)
			}
		}
	}
}

func TestAForeignHandleIsATrap(t *testing.T) {
	a := newActor(serve(t, keyvaluetest.Link("M1", "default", nil)), "M1")
	for name := range a.imports {
		if name == storeInterface+"open" {
			continue
		}
		if _, _, err := a.try(t.Context(), name, []any{"not a bucket"}, key("k")); !errors.Is(err, wit.ErrEncoding) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestTheContractIsWholeAndNothingElse(t *testing.T) {
	set := wit.Contracts()
	want := map[string]bool{}
	for _, name := range []string{"store", "atomics", "batch"} {
		iface, ok := set.Interface("wasi:keyvalue/" + name + "@0.2.0-draft2")
		if !ok {
			t.Fatalf("no interface %s", name)
		}
		for _, f := range iface.Funcs {
			want[wit.CanonicalName(iface.Name, f.Name)] = true
		}
	}
	imports := newActor(nil, "").imports
	for name := range want {
		if imports[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range imports {
		if !want[name] {
			t.Errorf("%s is no function of the contract", name)
		}
	}
}

func FuzzOperations(f *testing.F) {
	f.Add("increment", []byte("\x01x\x01n\x05"))
	f.Add("get-many", []byte("\x01x\x02\x01a\x01b"))
	f.Add("set-many", []byte("\x01x\x01\x01a\x01b"))
	f.Add("list", []byte("\x01x\x01\x01a\x05"))
	f.Add("swap", []byte("\x01x\x01a\x01b\x00"))
	p := serve(f, keyvaluetest.Link("M1", "default", nil))
	f.Fuzz(func(t *testing.T, op string, payload []byte) {
		_, err := p.Invoke(t.Context(), lattice.Invocation{Source: "M1", Contract: keyvalue.Name, Link: "default", Op: op, Payload: payload})
		if err == nil {
			return
		}
		for _, kind := range []error{keyvalue.ErrInvalid, lattice.ErrUnsupported, lattice.ErrLimit, lattice.ErrConflict} {
			if errors.Is(err, kind) {
				return
			}
		}
		t.Fatalf("%q %x: %v", op, payload, err)
	})
}

func BenchmarkIncrement(b *testing.B) {
	backend := memory.New()
	l := keyvaluetest.Link("M"+strings.Repeat("A", 55), "default", nil)
	direct, err := backend.Open(b.Context(), "kv-x", "x", l)
	if err != nil {
		b.Fatal(err)
	}
	p := keyvalue.Serve(backend)
	if err := p.Link(b.Context(), l); err != nil {
		b.Fatal(err)
	}
	b.Run("direct", func(b *testing.B) { benchIncrement(b, direct) })
	b.Run("client", func(b *testing.B) { benchIncrement(b, keyvalue.NewClient(p, l, "counts")) })
	b.Run("guest", func(b *testing.B) {
		a := newActor(p, l.Source)
		in := []any{a.open(b, "counts")}
		var e wit.Encoder
		e.Uint(0)
		e.String("apples")
		e.Int(1)
		f := a.imports[atomicsInterface+"increment"]
		b.ReportAllocs()
		for b.Loop() {
			a.call.Reset(e.Buf, in)
			if err := f(b.Context(), &a.call); err != nil || a.call.Result.Buf[0] != 0 {
				b.Fatal(err)
			}
		}
	})
}

func benchIncrement(b *testing.B, s keyvalue.Store) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Increment(b.Context(), "apples", 1); err != nil {
			b.Fatal(err)
		}
	}
}
