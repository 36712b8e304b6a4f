package component

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

// shopWorld is what wit-component makes of testdata/shop.wit (jco 1.35: "component embed", with the contracts it uses).
//
//go:embed testdata/shop.world
var shopWorld []byte

//go:embed testdata/shop.wit
var shopWIT string

func shop(t testing.TB) *wit.World {
	t.Helper()
	s, err := wit.ParseWith(wit.Contracts(), map[string]string{"shop.wit": shopWIT})
	if err != nil {
		t.Fatal(err)
	}
	w, ok := s.World("shop")
	if !ok {
		t.Fatal("no world shop")
	}
	return w
}

// describe writes out everything that a world says, in an order that does not depend on that of declarations.
func describe(w *wit.World) string {
	sorted := func(s string) string {
		l := strings.Split(s, "\n")
		slices.Sort(l)
		return strings.Join(l, "\n")
	}
	var b strings.Builder
	b.WriteString(sorted(wit.FormatWorld(w)))
	for _, list := range [][]*wit.Interface{w.Imports, w.Exports} {
		var parts []string
		for _, i := range list {
			parts = append(parts, fmt.Sprintf("\n== %s\n%s", i.Name, sorted(wit.Format(i))))
		}
		slices.Sort(parts)
		b.WriteString(strings.Join(parts, ""))
	}
	return b.String()
}

func sameWorld(t *testing.T, got, want *wit.World) {
	t.Helper()
	g, w := strings.Split(describe(got), "\n"), strings.Split(describe(want), "\n")
	for i := 0; i < max(len(g), len(w)); i++ {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("line %d differs:\n got %q\nwant %q", i, g[min(i, len(g)):min(i+3, len(g))], w[min(i, len(w)):min(i+3, len(w))])
		}
	}
}

func TestAWorldFromAToolchainIsTheWorldThatItsTextSays(t *testing.T) {
	w, err := DecodeWorld(shopWorld)
	if err != nil {
		t.Fatal(err)
	}
	sameWorld(t, w, shop(t))
}

func TestAnEncodedWorldComesBackTheSame(t *testing.T) {
	worlds := wit.Contracts().Worlds()
	for _, w := range append(worlds, shop(t)) {
		section := EncodeWorld(w)
		back, err := DecodeWorld(section)
		if err != nil {
			t.Fatalf("%s: %v", w.Name, err)
		}
		sameWorld(t, back, w)
		if again := EncodeWorld(back); !bytes.Equal(again, section) {
			if twice, err := DecodeWorld(again); err != nil {
				t.Errorf("%s: encoded twice: %v", w.Name, err)
			} else {
				sameWorld(t, twice, w)
			}
		}
	}
}

func TestEveryTypeSurvivesTheEncoding(t *testing.T) {
	s, err := wit.Parse(map[string]string{"t.wit": `package a:b;
		interface i {
			type later = list<first, 4>;
			variant first { a, b(tuple<bool, s8, u8, s16, u16, s32, u32, s64, u64, f32, f64, char, string>), c(result), d(result<u8>), e(result<_, u8>) }
			flags f { one, two }
			enum e { one, two }
			resource r { constructor(s: stream<u8>); }
			resource s { constructor(r: list<borrow<r>>) -> result<s, error-context>; }
			type t = r;
			type u = own<r>;
			wait: async func(a: future, b: future<later>, c: stream, d: option<f>) -> list<e>;
			give: func(u: u) -> list<u>;
		}
		world w { import i; export i; export wait: async func() -> u8; type x = list<string>; import f: func(x: x) -> list<x>; }`})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.World("w")
	back := decoded(t, EncodeWorld(w))
	sameWorld(t, back, w)
	if !back.ExportFuncs[0].Type.Async {
		t.Error("async is lost")
	}
}

func TestTypesOfAWorldAreShared(t *testing.T) {
	for name, w := range map[string]*wit.World{"decoded": decoded(t, shopWorld), "encoded by us": decoded(t, EncodeWorld(shop(t)))} {
		in := func(list []*wit.Interface, n string) *wit.Interface {
			i := slices.IndexFunc(list, func(i *wit.Interface) bool { return i.Name == n })
			if i < 0 {
				t.Fatalf("%s: no interface %s", name, n)
			}
			return list[i]
		}
		items, exported := in(w.Imports, "test:shop/items@1.2.0"), in(w.Exports, "test:shop/items@1.2.0")
		stream := in(w.Imports, "wasi:io/streams@0.2.0").Resource("input-stream")
		if got := items.Func("[method]cart.contents").Result.Resource; got != stream {
			t.Errorf("%s: the stream of items is not that of wasi:io", name)
		}
		if items.Resource("cart") == exported.Resource("cart") || exported.Resource("cart") == nil {
			t.Errorf("%s: imported and exported carts are one", name)
		}
		pay := in(w.Exports, "test:shop/checkout@1.2.0").Func("pay")
		if pay.Params[0].Type.Resource != exported.Resource("cart") {
			t.Errorf("%s: checkout does not take exported carts", name)
		}
		item := slices.IndexFunc(exported.Types, func(t *wit.Type) bool { return t.Name == "item" })
		if pay.Result.OK != exported.Types[item] {
			t.Errorf("%s: checkout gives another type of item", name)
		}
		handle := in(w.Exports, "wasi:http/incoming-handler@0.2.0").Func("handle")
		if handle.Params[0].Type.Resource != in(w.Imports, "wasi:http/types@0.2.0").Resource("incoming-request") {
			t.Errorf("%s: the handler's request is not that of wasi:http/types", name)
		}
	}
}

func decoded(t testing.TB, section []byte) *wit.World {
	t.Helper()
	w, err := DecodeWorld(section)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWriteWorld writes an encoded world to a file, for a look with other tools.
func TestWriteWorld(t *testing.T) {
	file := os.Getenv("WORLD_OUT")
	if file == "" {
		t.Skip("set WORLD_OUT to a file to write the world of testdata/shop.wit to")
	}
	if err := os.WriteFile(file, EncodeWorld(shop(t)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenWorldsAreRefused(t *testing.T) {
	if _, err := DecodeWorld(nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("nothing: got %v", err)
	}
	for n := range shopWorld {
		if _, err := DecodeWorld(shopWorld[:n]); n < 8000 && err == nil {
			t.Errorf("the first %d bytes of a world pass", n)
		}
	}
	if _, err := DecodeWorld(make([]byte, maxWorld+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a huge world: got %v", err)
	}
}

// component wraps declarations of a world as DecodeWorld expects it.
func encoded(decls ...string) []byte {
	w := newScopeEncoder(nil)
	for _, d := range decls {
		w.declare([]byte(d))
	}
	pkg := newScopeEncoder(nil)
	pkg.define(w.scope(0x41))
	pkg.declare(append(append([]byte{exportByte}, externName("a:b/w")...), sortComponent, 0))
	out := append([]byte(magic), section(7, append([]byte{1}, pkg.scope(0x41)...))...)
	return append(out, section(11, []byte("\x01\x00\x01w\x03\x00\x00"))...)
}

func TestErrorsSayWhatIsWrongWithAWorld(t *testing.T) {
	deep := "\x01" + strings.Repeat("\x42\x01\x01", 9) + "\x42\x00"
	for _, c := range []struct {
		name  string
		decls []string
		want  string
	}{
		{"type index", []string{"\x01\x70\x05"}, "type index 5 out of range"},
		{"function as a value", []string{"\x01\x40\x00\x01\x00", "\x01\x70\x00"}, "type 0 is no value type"},
		{"value as a function", []string{"\x01\x70\x7d", "\x03\x00\x01f\x01\x00"}, "type 0 is no function type"},
		{"value as an instance", []string{"\x01\x70\x7d", "\x03\x00\x01f\x05\x00"}, "type 0 is no instance type"},
		{"borrow of a value", []string{"\x01\x70\x7d", "\x01\x68\x00"}, "type 0 is no resource"},
		{"same import twice", []string{"\x01\x40\x00\x01\x00", "\x03\x00\x01f\x01\x00", "\x03\x00\x01f\x01\x00"}, `name "f" is empty or occurs twice`},
		{"instance index", []string{"\x02\x03\x00\x00\x01t"}, "instance index 0 out of range"},
		{"outer scope", []string{"\x02\x03\x02\x09\x00"}, "type index 0 out of range"},
		{"33 flags", []string{"\x01\x6e\x21" + labels(33)}, "at most 32 labels"},
		{"empty record", []string{"\x01\x72\x00"}, "record needs at least one member"},
		{"same field twice", []string{"\x01\x72\x02\x01a\x7d\x01A\x7d"}, "occurs twice"},
		{"bad label", []string{"\x01\x72\x01\x02a_\x7d"}, `"a_" is no label`},
		{"fixed list of nothing", []string{"\x01\x67\x7d\x00"}, "list of fixed length 0"},
		{"huge fixed list", []string{"\x01\x67\x7d\xff\xff\xff\x7f"}, "type is too large"},
		{"vector longer than the rest", []string{"\x01\x72\xff\xff\x03"}, "vector of"},
		{"unknown type", []string{"\x01\x6c"}, "unknown type definition 0x6c"},
		{"core type", []string{"\x00\x60\x00\x00"}, "declaration 0x00 has no place"},
		{"deep scopes", []string{deep}, "types nest more than"},
		{"value import", []string{"\x03\x00\x01v\x02\x7d"}, "sort 0x02 has no place"},
		{"number of 33 bits", []string{"\x01\x68\xff\xff\xff\xff\x1f"}, "does not fit in 32 bits"},
	} {
		_, err := DecodeWorld(encoded(c.decls...))
		var de *DecodeError
		if !errors.As(err, &de) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if w := decoded(t, encoded("\x01\x40\x00\x01\x00", "\x03\x00\x01f\x01\x00")); len(w.ImportFuncs) != 1 || w.Name != "a:b/w" {
		t.Errorf("a good world became %+v", w)
	}
}

func labels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\x03f%02d", i)
	}
	return b.String()
}

func TestTypesThatGrowExponentiallyAreRefused(t *testing.T) {
	decls := []string{"\x01\x72\x01\x01a\x7d"}
	for i := range 60 {
		decls = append(decls, fmt.Sprintf("\x01\x6f\x02%c%c", i, i))
	}
	if _, err := DecodeWorld(encoded(decls...)); err == nil || !strings.Contains(err.Error(), "type is too large") {
		t.Errorf("got %v", err)
	}
}

func TestAnInstanceTypeThatIsImportedOverAndOverIsBounded(t *testing.T) {
	body := "\x01\x42" + string(uleb(nil, 3000)) + strings.Repeat("\x01\x70\x7d", 3000)
	decls := []string{body}
	for i := range 1000 {
		decls = append(decls, fmt.Sprintf("\x03\x00\x04i%03d\x05\x00", i))
	}
	if _, err := DecodeWorld(encoded(decls...)); err == nil || !strings.Contains(err.Error(), "definitions") {
		t.Errorf("got %v", err)
	}
}

func TestOtherEncodingsAndVersionsAreRefused(t *testing.T) {
	for payload, want := range map[string]string{"\x03\x00": "format version 3", "\x04\x01": "string encoding is 1", "\x04": "unexpected end"} {
		b := append([]byte(magic), section(0, append(name(encodingSection), payload...))...)
		if _, err := DecodeWorld(append(b, shopWorld[8:]...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("% x: got %v, want %q", payload, err, want)
		}
	}
}

func TestTheOlderFormIsTheWorldItself(t *testing.T) {
	world := newScopeEncoder(nil)
	world.declare([]byte("\x01\x40\x00\x00\x79"))
	world.declare([]byte("\x04\x00\x03run\x01\x00"))
	b := append([]byte(magic), section(7, append([]byte{1}, world.scope(0x41)...))...)
	w := decoded(t, append(b, section(11, []byte("\x01\x00\x04root\x03\x00\x00"))...))
	if w.Name != "root" || len(w.ExportFuncs) != 1 || w.ExportFuncs[0].Type.String() != "func() -> u32" {
		t.Errorf("got %+v", w)
	}
}

func FuzzDecodeWorld(f *testing.F) {
	f.Add(shopWorld)
	for _, w := range wit.Contracts().Worlds() {
		f.Add(EncodeWorld(w))
	}
	for _, decls := range [][]string{
		{"\x01\x40\x00\x01\x00", "\x03\x00\x01f\x01\x00"},
		{"\x01\x42\x03\x04\x00\x01r\x03\x01\x01\x69\x00\x01\x40\x01\x01a\x01\x00\x01", "\x03\x00\x01i\x05\x00", "\x02\x03\x00\x00\x01r", "\x04\x00\x01i\x05\x00"},
		{"\x01\x72\x01\x01a\x7d", "\x01\x71\x02\x01a\x00\x00\x01b\x01\x7d\x00", "\x01\x6a\x00\x01\x73", "\x03\x00\x01t\x03\x00\x00"},
		{"\x03\x00\x01r\x03\x01", "\x01\x68\x00", "\x01\x6f\x02\x01\x7d", "\x01\x67\x73\x02", "\x01\x40\x01\x01x\x02\x00\x03", "\x04\x00\x01f\x01\x04"},
		{"\x01\x6e\x01\x01a", "\x01\x6d\x01\x01a", "\x01\x66\x01\x7d", "\x01\x65\x00", "\x01\x6b\x00"},
	} {
		f.Add(encoded(decls...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := DecodeWorld(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		back, err := DecodeWorld(EncodeWorld(w))
		if err != nil {
			t.Fatalf("encoded again: %v", err)
		}
		if len(back.Imports) != len(w.Imports) || len(back.ExportFuncs) != len(w.ExportFuncs) {
			t.Fatalf("%d imports became %d", len(w.Imports), len(back.Imports))
		}
	})
}

func BenchmarkDecodeWorld(b *testing.B) {
	b.SetBytes(int64(len(shopWorld)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeWorld(shopWorld); err != nil {
			b.Fatal(err)
		}
	}
}
