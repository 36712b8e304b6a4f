package abi

import (
	"bytes"
	"math"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/wattle-io/wattle/wit"
)

// drawType draws any type without handles.
func drawType(t *rapid.T, depth int) *wit.Type {
	kinds := []wit.Kind{wit.Bool, wit.S8, wit.U8, wit.S16, wit.U16, wit.S32, wit.U32, wit.S64, wit.U64, wit.F32, wit.F64, wit.Char, wit.String,
		wit.Flags, wit.Enum}
	if depth > 0 {
		kinds = append(kinds, wit.List, wit.Record, wit.Tuple, wit.Variant, wit.Option, wit.Result)
	}
	typ := &wit.Type{Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
	inner := func() *wit.Type { return drawType(t, depth-1) }
	maybe := func() *wit.Type {
		if rapid.Bool().Draw(t, "payload") {
			return inner()
		}
		return nil
	}
	switch typ.Kind {
	case wit.Flags:
		typ.Fields = make([]wit.Field, rapid.IntRange(1, 32).Draw(t, "labels"))
	case wit.Enum:
		typ.Fields = make([]wit.Field, rapid.SampledFrom([]int{1, 2, 256, 257}).Draw(t, "cases"))
	case wit.List:
		typ.Elem = inner()
		typ.Len = rapid.SampledFrom([]uint32{0, 0, 1, 3}).Draw(t, "length")
	case wit.Option:
		typ.Elem = inner()
	case wit.Result:
		typ.OK, typ.Err = maybe(), maybe()
	case wit.Record, wit.Tuple:
		for range rapid.IntRange(1, 5).Draw(t, "fields") {
			typ.Fields = append(typ.Fields, wit.Field{Type: inner()})
		}
	case wit.Variant:
		for range rapid.IntRange(1, 4).Draw(t, "cases") {
			typ.Fields = append(typ.Fields, wit.Field{Type: maybe()})
		}
	}
	return typ
}

// drawValue encodes any value of the type.
func drawValue(t *rapid.T, typ *wit.Type, e *wit.Encoder) {
	switch typ.Kind {
	case wit.Bool:
		e.Bool(rapid.Bool().Draw(t, "bool"))
	case wit.S8, wit.U8:
		e.Byte(rapid.Byte().Draw(t, "byte"))
	case wit.S16:
		e.Int(int64(rapid.Int16().Draw(t, "s16")))
	case wit.U16:
		e.Uint(uint64(rapid.Uint16().Draw(t, "u16")))
	case wit.S32:
		e.Int(int64(rapid.Int32().Draw(t, "s32")))
	case wit.U32:
		e.Uint(uint64(rapid.Uint32().Draw(t, "u32")))
	case wit.S64:
		e.Int(rapid.Int64().Draw(t, "s64"))
	case wit.U64:
		e.Uint(rapid.Uint64().Draw(t, "u64"))
	case wit.F32:
		e.F32(math.Float32frombits(rapid.Uint32().Draw(t, "f32")))
	case wit.F64:
		e.F64(math.Float64frombits(rapid.Uint64().Draw(t, "f64")))
	case wit.Char:
		e.Char(rapid.Rune().Draw(t, "char"))
	case wit.String:
		e.String(rapid.String().Draw(t, "string"))
	case wit.Flags:
		n := len(typ.Fields)
		e.Flags(rapid.Uint32().Draw(t, "flags")&labelMask(n), n)
	case wit.List:
		n := int(typ.Len)
		if n == 0 {
			n = rapid.IntRange(0, 4).Draw(t, "length")
			e.Uint(uint64(n))
		}
		for range n {
			drawValue(t, typ.Elem, e)
		}
	case wit.Record, wit.Tuple:
		for _, f := range typ.Fields {
			drawValue(t, f.Type, e)
		}
	default:
		cases := typ.Cases()
		n := rapid.IntRange(0, len(cases)-1).Draw(t, "case")
		e.Uint(uint64(n))
		if cases[n].Type != nil {
			drawValue(t, cases[n].Type, e)
		}
	}
}

// TestWhatIsLoweredLiftsToTheSame passes values of any type through a guest in the four ways there are: as parameters and as
// result, of exports and of imports.
func TestWhatIsLoweredLiftsToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var types []*wit.Type
		var e wit.Encoder
		for range rapid.IntRange(1, 4).Draw(t, "params") {
			typ := drawType(t, 3)
			types = append(types, typ)
			drawValue(t, typ, &e)
		}
		enc := rapid.SampledFrom([]Encoding{UTF8, UTF16, Latin1OrUTF16}).Draw(t, "encoding")
		var c Compiler
		f, err := c.Func(takes(types...))
		if err != nil {
			t.Fatal(err)
		}
		throughParams(t, f, enc, e.Buf)
		if f, err = c.Func(returns(tuple(types...))); err != nil {
			t.Fatal(err)
		}
		throughResult(t, f, enc, e.Buf)
	})
}

func throughParams(t *rapid.T, f *Func, enc Encoding, value []byte) {
	var stack [MaxFlatParams + 1]uint64
	c := newContext(newFake(), enc)
	if _, err := c.LowerParams(f, value, stack[:]); err != nil {
		t.Fatal(err)
	}
	got, err := c.LiftParams(f, stack[:], nil)
	if err != nil || !bytes.Equal(got, value) {
		t.Fatalf("parameters %v: % x became % x, %v", f.Params, value, got, err)
	}
}

func throughResult(t *rapid.T, f *Func, enc Encoding, value []byte) {
	g := newFake()
	c := newContext(g, enc)
	retptr, err := g.Realloc(f.Result.Align, f.Result.Size)
	if err != nil {
		t.Fatal(err)
	}
	stack := []uint64{uint64(retptr)}
	if err := c.LowerResult(f, value, stack, f.ReturnPointer(stack)); err != nil {
		t.Fatal(err)
	}
	got, err := c.LiftResult(f, stack, nil)
	if err != nil || !bytes.Equal(got, value) {
		t.Fatalf("result %v: % x became % x, %v", f.Result.WIT, value, got, err)
	}
}

// TestHostileMemoryOnlyMakesErrors lifts any type from a guest with any bytes and any stack. What lifts without error must lower again.
func TestHostileMemoryOnlyMakesErrors(t *testing.T) { rapid.Check(t, hostileMemory) }

func FuzzHostileMemory(f *testing.F) { f.Fuzz(rapid.MakeFuzz(hostileMemory)) }

func hostileMemory(t *rapid.T) {
	typ := drawType(t, 3)
	var cp Compiler
	f, err := cp.Func(&wit.FuncType{Params: []wit.Field{{Type: typ}}, Result: typ})
	if err != nil {
		t.Fatal(err)
	}
	mem := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "memory")
	stack := rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(0, 70), rapid.Uint64()), MaxFlatParams+1, MaxFlatParams+1).Draw(t, "stack")
	c := newContext(&fakeGuest{mem: mem}, rapid.SampledFrom([]Encoding{UTF8, UTF16, Latin1OrUTF16}).Draw(t, "encoding"))
	c.MaxBytes = 1 << 16
	if v, err := c.LiftResult(f, stack, nil); err == nil && len(v) < 1<<15 {
		throughParams(t, f, UTF8, v)
	}
	if v, err := c.LiftParams(f, stack, nil); err == nil && len(v) < 1<<15 {
		throughParams(t, f, UTF8, v)
	}
}

// FuzzHostileArguments lowers any bytes as values of any type.
func FuzzHostileArguments(f *testing.F) { f.Fuzz(rapid.MakeFuzz(hostileArguments)) }

func TestHostileArgumentsOnlyMakeErrors(t *testing.T) { rapid.Check(t, hostileArguments) }

func hostileArguments(t *rapid.T) {
	var cp Compiler
	f, err := cp.Func(takes(drawType(t, 3)))
	if err != nil {
		t.Fatal(err)
	}
	value := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "value")
	var stack [MaxFlatParams + 1]uint64
	g := newFake()
	c := newContext(g, rapid.SampledFrom([]Encoding{UTF8, UTF16, Latin1OrUTF16}).Draw(t, "encoding"))
	if _, err := c.LowerParams(f, value, stack[:]); err != nil {
		return
	}
	if len(g.mem) > 1<<20 {
		t.Fatalf("%d bytes took %d of memory", len(value), len(g.mem))
	}
	if _, err := c.LiftParams(f, stack[:], nil); err != nil {
		t.Fatalf("what was lowered from % x does not lift: %v", value, err)
	}
}

func TestUTF16KeepsAllCharacters(t *testing.T) {
	for _, s := range []string{"", "a", "é", "ÿ", "Ā", "𝄞a", "\U0010ffff"} {
		if !utf8.ValidString(s) {
			t.Fatal("bad test")
		}
		for _, enc := range []Encoding{UTF16, Latin1OrUTF16} {
			var stack [2]uint64
			c, f, value := newContext(newFake(), enc), compile(t, takes(prim(wit.String))), encode(func(e *wit.Encoder) { e.String(s) })
			if _, err := c.LowerParams(f, value, stack[:]); err != nil {
				t.Fatal(err)
			}
			got, err := c.LiftParams(f, stack[:], nil)
			if err != nil || !bytes.Equal(got, value) {
				t.Errorf("%q: % x, %v", s, got, err)
			}
		}
	}
}
