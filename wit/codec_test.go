package wit

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestNumbersComeBackAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, i := rapid.Uint64().Draw(t, "u"), rapid.Int64().Draw(t, "i")
		small, short := rapid.Uint16().Draw(t, "u16"), rapid.Int16().Draw(t, "s16")
		f, g := rapid.Float32().Draw(t, "f32"), rapid.Float64().Draw(t, "f64")
		var e Encoder
		e.Uint(u)
		e.Int(i)
		e.Uint(uint64(small))
		e.Int(int64(short))
		e.F32(f)
		e.F64(g)
		d := Decoder{Buf: e.Buf}
		if a, b, c, x, y, z := d.Uint(64), d.Int(64), d.Uint(16), d.Int(16), d.F32(), d.F64(); a != u || b != i || c != uint64(small) ||
			x != int64(short) || y != f || z != g || d.Close() != nil {
			t.Fatalf("got %d %d %d %d %v %v (%v)", a, b, c, x, y, z, d.Err())
		}
	})
}

func TestEveryValuePassesTheCheckOfItsType(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ty := genType(t, 3)
		var e Encoder
		genValue(t, ty, &e)
		d := Decoder{Buf: e.Buf}
		if Check(ty, &d); d.Close() != nil {
			t.Fatalf("%s: % x: %v", ty, e.Buf, d.Err())
		}
		if len(e.Buf) == 0 {
			return
		}
		d.Reset(e.Buf[:len(e.Buf)-1])
		if Check(ty, &d); d.Close() == nil && ty.Kind != String {
			t.Fatalf("%s: % x without its last byte passes", ty, e.Buf)
		}
	})
}

func TestEncodingIsThatOfTheSpecification(t *testing.T) {
	for _, c := range []struct {
		name string
		put  func(*Encoder)
		want []byte
	}{
		{"u32 300", func(e *Encoder) { e.Uint(300) }, []byte{0xac, 0x02}},
		{"s32 -1", func(e *Encoder) { e.Int(-1) }, []byte{0x7f}},
		{"s32 64", func(e *Encoder) { e.Int(64) }, []byte{0xc0, 0x00}},
		{"s64 min", func(e *Encoder) { e.Int(math.MinInt64) }, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}},
		{"f32 nan", func(e *Encoder) { e.F32(math.Float32frombits(0xffc12345)) }, []byte{0, 0, 0xc0, 0x7f}},
		{"f64 nan", func(e *Encoder) { e.F64(math.NaN()) }, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}},
		{"char", func(e *Encoder) { e.Char('€') }, []byte("€")},
		{"surrogate", func(e *Encoder) { e.Char(0xd800) }, []byte("\ufffd")},
		{"string", func(e *Encoder) { e.String("hé") }, []byte("\x03hé")},
		{"list<u8>", func(e *Encoder) { e.Bytes([]byte{1, 2}) }, []byte{2, 1, 2}},
		{"9 flags", func(e *Encoder) { e.Flags(0x101, 9) }, []byte{1, 1}},
		{"some true", func(e *Encoder) { e.Some(); e.Bool(true) }, []byte{1, 1}},
		{"error", func(e *Encoder) { e.Err() }, []byte{1}},
	} {
		var e Encoder
		if c.put(&e); !bytes.Equal(e.Buf, c.want) {
			t.Errorf("%s: got % x, want % x", c.name, e.Buf, c.want)
		}
	}
}

func TestMalformedBytesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		read func(*Decoder)
		in   string
	}{
		{"bool 2", func(d *Decoder) { d.Bool() }, "\x02"},
		{"u16 of 17 bits", func(d *Decoder) { d.Uint(16) }, "\xff\xff\x07"},
		{"u16 of four bytes", func(d *Decoder) { d.Uint(16) }, "\x80\x80\x80\x00"},
		{"u32 of 33 bits", func(d *Decoder) { d.U32() }, "\xff\xff\xff\xff\x1f"},
		{"u64 of 65 bits", func(d *Decoder) { d.Uint(64) }, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"},
		{"s16 of 17 bits", func(d *Decoder) { d.Int(16) }, "\x80\x80\x02"},
		{"s32 of 33 bits", func(d *Decoder) { d.Int(32) }, "\x80\x80\x80\x80\x08"},
		{"s64 of 65 bits", func(d *Decoder) { d.Int(64) }, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{"number cut short", func(d *Decoder) { d.Uint(64) }, "\x80"},
		{"f32 cut short", func(d *Decoder) { d.F32() }, "\x00\x00\x00"},
		{"string longer than the input", func(d *Decoder) { _ = d.String() }, "\xff\xff\xff\xff\x0fab"},
		{"string that is no UTF-8", func(d *Decoder) { _ = d.String() }, "\x02\xc3\x28"},
		{"char that is half of one", func(d *Decoder) { d.Char() }, "\xe2\x82"},
		{"surrogate char", func(d *Decoder) { d.Char() }, "\xed\xa0\x80"},
		{"case 3 of 3", func(d *Decoder) { d.Case(3) }, "\x03"},
		{"flag 4 of 3", func(d *Decoder) { d.Flags(3) }, "\x08"},
		{"bytes left over", func(d *Decoder) { d.Byte() }, "\x01\x02"},
	} {
		d := Decoder{Buf: []byte(c.in)}
		c.read(&d)
		if err := d.Close(); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestTheFirstErrorOfADecoderSticks(t *testing.T) {
	d := Decoder{Buf: []byte{2, 1, 1}}
	d.Bool()
	first := d.Err()
	if d.Byte() != 0 || d.Bool() || d.String() != "" || d.Uint(8) != 0 || d.Len() != 0 || d.Close() != first {
		t.Errorf("reads after %v gave something", first)
	}
}

func TestCheckRefusesHandlesAndHugeLists(t *testing.T) {
	handle := &Type{Kind: List, Elem: &Type{Kind: Own, Resource: &Resource{Name: "r"}}}
	d := Decoder{Buf: []byte{1, 0}}
	if Check(handle, &d); d.Err() == nil {
		t.Error("a handle passes")
	}
	d.Reset([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1})
	if Check(&Type{Kind: List, Elem: &Type{Kind: Bool}}, &d); d.Err() == nil {
		t.Error("a list of 4 G elements in two bytes passes")
	}
	deep := &Type{Kind: Bool}
	for range MaxTypeDepth + 2 {
		deep = &Type{Kind: Option, Elem: deep}
	}
	d.Reset(bytes.Repeat([]byte{1}, 2*MaxTypeDepth))
	if Check(deep, &d); d.Err() == nil {
		t.Error("a type without bottom passes")
	}
}

func TestHandlesOfACall(t *testing.T) {
	var c Call
	c.Reset([]byte{1, 0, 7}, []any{"a", "b"})
	if s := HandleOf[string](&c); s != "b" {
		t.Errorf("got %q", s)
	}
	if HandleOf[int](&c); c.Args.Err() == nil {
		t.Error("a handle of another Go type passes")
	}
	c.Reset([]byte{7}, nil)
	if c.Handle() != nil || c.Args.Err() == nil {
		t.Error("a handle that is not there passes")
	}
	c.Give("x")
	if len(c.Out()) != 1 || !bytes.Equal(c.Result.Buf, []byte{0}) {
		t.Errorf("gave %v, % x", c.Out(), c.Result.Buf)
	}
	if c.Reset(nil, nil); len(c.Out()) != 0 {
		t.Error("objects survive a reset")
	}
}

func FuzzCheck(f *testing.F) {
	ty := fuzzType()
	f.Add([]byte{0, 0, 0})
	f.Add([]byte{2, 1, 'x', 1, 0xff, 1, 1, 0x80, 0x7f, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := Decoder{Buf: b}
		Check(ty, &d)
		ok := d.Close() == nil
		out, err := DecodeJSON(ty, b)
		if ok != (err == nil) {
			t.Fatalf("Check says %v, DecodeJSON %v", d.Err(), err)
		}
		if err != nil {
			return
		}
		again, err := EncodeJSONValue(ty, out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if text, err := DecodeJSON(ty, again); err != nil || !bytes.Equal(text, out) {
			t.Fatalf("%s became %s (%v)", out, text, err)
		}
	})
}

// fuzzType is a type with every kind that has a JSON form.
func fuzzType() *Type {
	s, err := Parse(map[string]string{"f.wit": `package a:b;
		interface i {
			enum e { x, y }
			flags f { a, b, c, d, e, g, h, i, j }
			record r { name: string, n: u8, e: e, f: f, opt: option<option<s16>>, c: char }
			variant v { none, num(f64), pair(tuple<s64, u64>), res(result<u32, string>), bare(result), rec(r) }
			type top = list<tuple<v, bool, s8, f32, list<u8>, list<u16, 2>, s32>>;
		}`})
	if err != nil {
		panic(err)
	}
	i, _ := s.Interface("a:b/i")
	return i.Types[len(i.Types)-1]
}

func BenchmarkCheck(b *testing.B) {
	ty := fuzzType()
	v, err := EncodeJSONValue(ty, []byte(`[[{"rec":{"name":"apple","n":3,"e":"x","f":["a","j"],"opt":{"some":5},"c":"€"}},true,-3,1.5,"aGVsbG8=",[1,2],-7]]`))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	for b.Loop() {
		d := Decoder{Buf: v}
		if Check(ty, &d); d.Close() != nil {
			b.Fatal(d.Err())
		}
	}
}
