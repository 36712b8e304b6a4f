package abi

import (
	"errors"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

// fakeGuest is a memory with an allocator that bumps a pointer, and moves at every growth as a real one may.
type fakeGuest struct {
	mem  []byte
	next uint64
	bad  func(align, size uint32) (uint32, error) // instead of the allocator, if set
}

const fakeLimit = 64 << 20

var errFull = errors.New("memory is full")

func (g *fakeGuest) Memory() []byte { return g.mem }

func (g *fakeGuest) Realloc(align, size uint32) (uint32, error) {
	if g.bad != nil {
		return g.bad(align, size)
	}
	p := alignTo(g.next, align)
	g.next = p + uint64(size)
	if g.next > fakeLimit {
		return 0, errFull
	}
	if g.next > uint64(len(g.mem)) {
		g.mem = append(make([]byte, 0, 2*g.next), g.mem...)[:2*g.next]
	}
	return uint32(p), nil
}

func newFake() *fakeGuest { return &fakeGuest{mem: make([]byte, 256), next: 16} }

// newContext makes a context for a guest.
func newContext(g Guest, enc Encoding) *Context {
	return &Context{Guest: g, Encoding: enc, Handles: &Table{}}
}

// compile lays out a function type.
func compile(t testing.TB, ft *wit.FuncType) *Func {
	t.Helper()
	numbers := map[*wit.Resource]int{}
	c := Compiler{Resource: func(r *wit.Resource) (int, error) {
		if _, ok := numbers[r]; !ok {
			numbers[r] = len(numbers)
		}
		return numbers[r], nil
	}}
	f, err := c.Func(ft)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// returns is the type of a function without parameters.
func returns(t *wit.Type) *wit.FuncType { return &wit.FuncType{Result: t} }

// takes is the type of a function without result.
func takes(types ...*wit.Type) *wit.FuncType {
	ft := &wit.FuncType{}
	for _, t := range types {
		ft.Params = append(ft.Params, wit.Field{Name: "p", Type: t})
	}
	return ft
}

func prim(k wit.Kind) *wit.Type { return &wit.Type{Kind: k} }

func listOf(t *wit.Type) *wit.Type { return &wit.Type{Kind: wit.List, Elem: t} }

func tuple(types ...*wit.Type) *wit.Type {
	t := &wit.Type{Kind: wit.Tuple}
	for _, x := range types {
		t.Fields = append(t.Fields, wit.Field{Type: x})
	}
	return t
}

func variantOf(types ...*wit.Type) *wit.Type {
	t := tuple(types...)
	t.Kind = wit.Variant
	return t
}

func flagsOf(n int) *wit.Type {
	return &wit.Type{Kind: wit.Flags, Fields: make([]wit.Field, n)}
}

func encode(f func(e *wit.Encoder)) []byte {
	var e wit.Encoder
	f(&e)
	return e.Buf
}
