package abi

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

// flatResult lifts a result that lies on the flat stack.
func flatResult(t *testing.T, typ *wit.Type, v uint64) ([]byte, error) {
	t.Helper()
	f := compile(t, returns(typ))
	return newContext(newFake(), UTF8).LiftResult(f, []uint64{v}, nil)
}

func TestScalarsIgnoreBitsAboveTheirSize(t *testing.T) {
	tests := []struct {
		kind wit.Kind
		in   uint64
		want []byte
	}{
		{wit.Bool, 1 << 40, []byte{0}},
		{wit.Bool, 0xff00, []byte{1}},
		{wit.U8, 0xfff_ff05, []byte{5}},
		{wit.S16, 0xaaaa_0000_ffff, []byte{0x7f}},
		{wit.U32, 0xdead_0000_0007, []byte{7}},
		{wit.S32, 0xffff_ffff, []byte{0x7f}},
		{wit.F32, 0xdead_7f80_0001, []byte{0, 0, 0xc0, 0x7f}}, // a signalling NaN becomes the canonical one
		{wit.F64, 0xfff0_0000_0000_0001, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}},
		{wit.Char, 0xabc_0001_f600, []byte("😀")},
	}
	for _, tt := range tests {
		got, err := flatResult(t, prim(tt.kind), tt.in)
		if err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%v of %#x: % x, %v; want % x", tt.kind, tt.in, got, err, tt.want)
		}
	}
}

func TestLoweredNaNIsCanonical(t *testing.T) {
	var stack [1]uint64
	_, err := newContext(newFake(), UTF8).LowerParams(compile(t, takes(prim(wit.F32))), []byte{1, 0, 0x80, 0xff}, stack[:])
	if err != nil || stack[0] != 0x7fc00000 {
		t.Errorf("%#x, %v", stack[0], err)
	}
}

func TestFlagsAboveTheLastLabelAreMasked(t *testing.T) {
	got, err := flatResult(t, flagsOf(3), 0xff)
	if err != nil || !bytes.Equal(got, []byte{7}) {
		t.Errorf("% x, %v", got, err)
	}
}

func TestGuestValuesThatBreakTheABI(t *testing.T) {
	str, u32 := prim(wit.String), prim(wit.U32)
	tests := []struct {
		name  string
		typ   *wit.Type
		enc   Encoding
		stack []uint64
		mem   []byte
		msg   string
	}{
		{"surrogate", prim(wit.Char), UTF8, []uint64{0xdfff}, nil, "scalar value"},
		{"char too large", prim(wit.Char), UTF8, []uint64{0x110000}, nil, "scalar value"},
		{"discriminant", variantOf(nil, nil), UTF8, []uint64{2}, nil, "discriminant 2"},
		{"discriminant above 32 bits is cut", variantOf(nil, nil), UTF8, []uint64{1<<32 | 5}, nil, "discriminant 5"},
		{"utf8", str, UTF8, []uint64{4, 2}, []byte("\x00\x00\x00\x00\xc3\x28"), "UTF-8"},
		{"end of memory", str, UTF8, []uint64{4, 3}, make([]byte, 6), "outside"},
		{"pointer wraps", str, UTF8, []uint64{0xffff_ffff, 2}, make([]byte, 6), "outside"},
		{"utf16 alignment", str, UTF16, []uint64{1, 1}, make([]byte, 8), "aligned"},
		{"utf16 surrogate", str, UTF16, []uint64{0, 2}, []byte{0, 0xd8, 'a', 0}, "surrogate"},
		{"utf16 half", str, UTF16, []uint64{0, 1}, []byte{0, 0xd8}, "surrogate"},
		{"utf16 low first", str, UTF16, []uint64{0, 1}, []byte{0, 0xdc}, "surrogate"},
		{"utf16 length", str, UTF16, []uint64{0, 0xffff_ffff}, make([]byte, 8), "outside"},
		{"latin1 length", str, Latin1OrUTF16, []uint64{0, 9}, make([]byte, 8), "outside"},
		{"list alignment", listOf(u32), UTF8, []uint64{2, 0}, make([]byte, 8), "aligned"},
		{"list length", listOf(u32), UTF8, []uint64{0, 1 << 30}, make([]byte, 8), "outside"},
	}
	for _, tt := range tests {
		f := compile(t, takes(tt.typ))
		_, err := newContext(&fakeGuest{mem: tt.mem}, tt.enc).LiftParams(f, tt.stack, nil)
		if !errors.Is(err, ErrGuest) || !strings.Contains(err.Error(), tt.msg) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.msg)
		}
	}
}

func TestPayloadIsTakenFromTheJoinedFlatType(t *testing.T) {
	f := compile(t, takes(variantOf(prim(wit.F32), prim(wit.U64), prim(wit.S8))))
	for _, v := range [][]byte{{0, 0, 0, 0x80, 0x3f}, encode(func(e *wit.Encoder) { e.Uint(1); e.Uint(1 << 63) }), {2, 0x80}} {
		var stack [2]uint64
		c := newContext(newFake(), UTF8)
		if _, err := c.LowerParams(f, v, stack[:]); err != nil {
			t.Fatal(err)
		}
		if v[0] == 2 && stack[1] != 0xffff_ff80 {
			t.Errorf("s8 in an i64: %#x, want zero extension of its 32 bits", stack[1])
		}
		if got, err := c.LiftParams(f, stack[:], nil); err != nil || !bytes.Equal(got, v) {
			t.Errorf("% x became % x, %v", v, got, err)
		}
	}
}

func TestAmplifiedValueIsBounded(t *testing.T) {
	g := &fakeGuest{mem: make([]byte, 1<<16)}
	for p := 0; p < 1<<14; p += 8 { // 2048 strings, each of 32 KiB
		le.PutUint32(g.mem[p+4:], 1<<15)
	}
	clear(g.mem[1<<14:])
	c := newContext(g, UTF8)
	c.MaxBytes = 1 << 20
	got, err := c.LiftParams(compile(t, takes(listOf(listOf(prim(wit.U8))))), []uint64{0, 2048}, nil)
	if !errors.Is(err, ErrSize) || len(got) > 1<<20+16 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestReallocIsNotTrusted(t *testing.T) {
	f, value := compile(t, takes(prim(wit.String), listOf(prim(wit.U64)))), []byte{3, 'a', 'b', 'c', 1, 5}
	boom := errors.New("boom")
	tests := map[string]struct {
		bad  func(align, size uint32) (uint32, error)
		kind error
	}{
		"trap":       {func(_, _ uint32) (uint32, error) { return 0, boom }, ErrCalled},
		"outside":    {func(_, _ uint32) (uint32, error) { return 1 << 20, nil }, ErrGuest},
		"last byte":  {func(_, _ uint32) (uint32, error) { return 255, nil }, ErrGuest},
		"misaligned": {func(align, _ uint32) (uint32, error) { return align / 2, nil }, ErrGuest},
	}
	for name, tt := range tests {
		var stack [4]uint64
		g := newFake()
		g.bad = tt.bad
		_, err := newContext(g, UTF8).LowerParams(f, value, stack[:])
		if !errors.Is(err, tt.kind) {
			t.Errorf("%s: got %v", name, err)
		}
		if name == "trap" && !errors.Is(err, boom) {
			t.Error("the cause is lost:", err)
		}
	}
}

func TestMalformedValuesAreTheCallersFault(t *testing.T) {
	for name, tt := range map[string]struct {
		typ   *wit.Type
		value []byte
	}{
		"short":           {prim(wit.U64), nil},
		"left over":       {prim(wit.U8), []byte{1, 2}},
		"bool 2":          {prim(wit.Bool), []byte{2}},
		"utf8":            {prim(wit.String), []byte{1, 0xff}},
		"case":            {variantOf(nil, nil), []byte{2}},
		"flags":           {flagsOf(3), []byte{8}},
		"many of nothing": {listOf(prim(wit.U64)), []byte{0xff, 0xff, 0xff, 0xff, 15}},
		"u8":              {prim(wit.U16), []byte{0xff, 0xff, 0x7f}},
		"no handle":       {&wit.Type{Kind: wit.Own, Resource: &wit.Resource{}}, []byte{0}},
	} {
		var stack [MaxFlatParams]uint64
		_, err := newContext(newFake(), UTF8).LowerParams(compile(t, takes(tt.typ)), tt.value, stack[:])
		if !errors.Is(err, ErrValue) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
