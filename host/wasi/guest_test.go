package wasi

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

// guest stands for a guest and its engine: it calls host functions with values of the contracts' types, keeps a handle
// table, and checks that each result is a value of its type.
//
// Values: bool, int (every integer type, and flags), string, []byte (list<u8>), []any (lists, tuples, records), handle, variant (also
// enums), some or nil (options), ok or fail (results).
type guest struct {
	t       testing.TB
	ctx     context.Context
	imports wit.Imports
	objects map[handle]any
	next    handle
}

type (
	handle  int
	variant struct {
		name  string
		value any
	}
	some struct{ value any }
	ok   struct{ value any }
	fail struct{ value any }
)

func newGuest(t testing.TB, cfg Config) *guest {
	return &guest{t: t, ctx: t.Context(), imports: Imports(cfg), objects: map[handle]any{}}
}

func (g *guest) add(object any) handle {
	g.next++
	g.objects[g.next] = object
	return g.next
}

// short names of interfaces.
var ifaces = map[string]string{
	"streams": "wasi:io/streams", "poll": "wasi:io/poll", "error": "wasi:io/error", "types": "wasi:http/types",
	"outgoing": "wasi:http/outgoing-handler", "fs": "wasi:filesystem/types",
}

// try calls "interface#function" and returns its result, or the trap.
func (g *guest) try(name string, args ...any) (any, error) {
	g.t.Helper()
	iface, fn, _ := strings.Cut(name, "#")
	if full, ok := ifaces[iface]; ok {
		iface = full
	}
	contract, found := wit.Contracts().Interface(iface)
	if !found || contract.Func(fn) == nil {
		g.t.Fatalf("no contract has %s", name)
	}
	f := g.imports[wit.CanonicalName(contract.Name, fn)]
	if f == nil {
		g.t.Fatalf("%s is not implemented", name)
	}
	typ := contract.Func(fn)
	var e wit.Encoder
	var in []any
	if len(args) != len(typ.Params) {
		g.t.Fatalf("%s: %d arguments for %v", name, len(args), typ)
	}
	for i, p := range typ.Params {
		in = g.encode(&e, p.Type, args[i], in)
	}
	var c wit.Call
	c.Reset(e.Buf, in)
	if err := f(g.ctx, &c); err != nil {
		return nil, err
	}
	d := wit.Decoder{Buf: c.Result.Buf}
	var result any
	if typ.Result != nil {
		result = g.decode(&d, typ.Result, c.Out())
	}
	if err := d.Close(); err != nil {
		g.t.Fatalf("%s: result is no %v: %v (% x)", name, typ.Result, err, c.Result.Buf)
	}
	return result, nil
}

// call is try for a call that must not trap.
func (g *guest) call(name string, args ...any) any {
	g.t.Helper()
	v, err := g.try(name, args...)
	if err != nil {
		g.t.Fatalf("%s: %v", name, err)
	}
	return v
}

// get is call for a function whose result is ok; it gives the payload.
func (g *guest) get(name string, args ...any) any {
	g.t.Helper()
	v := g.call(name, args...)
	r, isOK := v.(ok)
	if !isOK {
		g.t.Fatalf("%s: %v, want ok", name, v)
	}
	return r.value
}

func (g *guest) open(name string, args ...any) handle {
	g.t.Helper()
	h, isHandle := g.call(name, args...).(handle)
	if !isHandle {
		g.t.Fatalf("%s gave no handle", name)
	}
	return h
}

func (g *guest) getHandle(name string, args ...any) handle {
	g.t.Helper()
	return g.get(name, args...).(handle)
}

// drop drops a handle; the error is the trap.
func (g *guest) drop(h handle) error {
	g.t.Helper()
	object, open := g.objects[h]
	if !open {
		g.t.Fatalf("handle %d is not open", h)
	}
	if d, isChecker := object.(wit.DropChecker); isChecker {
		if err := d.CheckDrop(); err != nil {
			return err
		}
	}
	delete(g.objects, h)
	if d, isDropper := object.(wit.Dropper); isDropper {
		d.Drop()
	}
	return nil
}

func (g *guest) mustDrop(hs ...handle) {
	g.t.Helper()
	for _, h := range hs {
		if err := g.drop(h); err != nil {
			g.t.Fatal(err)
		}
	}
}

// quit is the end of the guest's instance: every handle that is open goes.
func (g *guest) quit() {
	for h, object := range g.objects {
		delete(g.objects, h)
		if d, isDropper := object.(wit.Dropper); isDropper {
			d.Drop()
		}
	}
}

func (g *guest) encode(e *wit.Encoder, t *wit.Type, v any, in []any) []any {
	switch t.Kind {
	case wit.Bool:
		e.Bool(v.(bool))
	case wit.U8:
		e.Byte(byte(v.(int)))
	case wit.U16, wit.U32, wit.U64:
		e.Uint(uint64(v.(int)))
	case wit.String:
		e.String(v.(string))
	case wit.Own, wit.Borrow:
		object, open := g.objects[v.(handle)]
		if !open {
			g.t.Fatalf("handle %v is not open", v)
		}
		if t.Kind == wit.Own {
			delete(g.objects, v.(handle))
		}
		e.Uint(uint64(len(in)))
		return append(in, object)
	case wit.List:
		if t.Elem.Kind == wit.U8 {
			e.Bytes(v.([]byte))
			return in
		}
		e.Uint(uint64(len(v.([]any))))
		for _, x := range v.([]any) {
			in = g.encode(e, t.Elem, x, in)
		}
	case wit.Tuple, wit.Record:
		for i, f := range t.Fields {
			in = g.encode(e, f.Type, v.([]any)[i], in)
		}
	case wit.Flags:
		e.Flags(uint32(v.(int)), len(t.Fields))
	case wit.Option:
		if v == nil {
			e.None()
			return in
		}
		e.Some()
		return g.encode(e, t.Elem, v.(some).value, in)
	case wit.Result:
		return g.encodeResult(e, t, v, in)
	case wit.Variant, wit.Enum:
		x := v.(variant)
		for i, f := range t.Fields {
			if f.Name == x.name {
				e.Uint(uint64(i))
				if f.Type != nil {
					return g.encode(e, f.Type, x.value, in)
				}
				return in
			}
		}
		g.t.Fatalf("%v has no case %s", t, x.name)
	default:
		g.t.Fatalf("cannot encode %v", t)
	}
	return in
}

func (g *guest) encodeResult(e *wit.Encoder, t *wit.Type, v any, in []any) []any {
	payload, typ := any(nil), t.OK
	switch r := v.(type) {
	case ok:
		e.OK()
		payload = r.value
	case fail:
		e.Err()
		payload, typ = r.value, t.Err
	}
	if typ == nil {
		return in
	}
	return g.encode(e, typ, payload, in)
}

func (g *guest) decode(d *wit.Decoder, t *wit.Type, out []any) any {
	if t == nil {
		return nil
	}
	switch t.Kind {
	case wit.Bool:
		return d.Bool()
	case wit.U8:
		return int(d.Byte())
	case wit.U16:
		return int(d.Uint(16))
	case wit.U32:
		return int(d.Uint(32))
	case wit.U64:
		return int(d.Uint(64))
	case wit.String:
		return d.String()
	case wit.Own:
		if i := int(d.U32()); i < len(out) {
			return g.add(out[i])
		}
		d.Fail("no such handle")
		return nil
	case wit.List:
		if t.Elem.Kind == wit.U8 {
			return append([]byte{}, d.Bytes()...)
		}
		vs := []any{}
		for n := d.U32(); n > 0 && d.Err() == nil; n-- {
			vs = append(vs, g.decode(d, t.Elem, out))
		}
		return vs
	case wit.Tuple, wit.Record:
		var vs []any
		for _, f := range t.Fields {
			vs = append(vs, g.decode(d, f.Type, out))
		}
		return vs
	case wit.Flags:
		return int(d.Flags(len(t.Fields)))
	case wit.Option:
		if !d.Option() {
			return nil
		}
		return some{g.decode(d, t.Elem, out)}
	case wit.Result:
		if d.Result() {
			return ok{g.decode(d, t.OK, out)}
		}
		return fail{g.decode(d, t.Err, out)}
	case wit.Variant, wit.Enum:
		f := t.Fields[d.Case(len(t.Fields))]
		return variant{f.Name, g.decode(d, f.Type, out)}
	}
	g.t.Fatalf("cannot decode %v", t)
	return nil
}

// input and output give the guest a stream.
func (g *guest) input(r io.Reader) handle { return g.add(&inputStream{src: newSource(r)}) }

func (g *guest) output(w io.Writer) handle { return g.add(&outputStream{sink: &writerSink{w: w}}) }

// readAll reads a stream to its end with blocking-read.
func (g *guest) readAll(s handle) string {
	g.t.Helper()
	var b strings.Builder
	for {
		v := g.call("streams#[method]input-stream.blocking-read", s, 1<<20)
		r, isOK := v.(ok)
		if !isOK {
			if v != (fail{variant{name: "closed"}}) {
				g.t.Fatalf("blocking-read: %v", v)
			}
			return b.String()
		}
		b.Write(r.value.([]byte))
	}
}

// same fails the test unless got and want print alike; values may hold slices, which do not compare.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want); g != w {
		t.Fatalf("%s: got %s, want %s", what, g, w)
	}
}

func list(vs ...any) []any { return append([]any{}, vs...) }
