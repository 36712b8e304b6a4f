package wit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func parseOne(t *testing.T, src string) *Set {
	t.Helper()
	s, err := Parse(map[string]string{"t.wit": src})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryFormOfTypeParses(t *testing.T) {
	s := parseOne(t, `/* a /* nested */ comment */
		@since(version = 1.0.0)
		package a:b@1.0.0; // and a line

		interface i {
			@unstable(feature = x) @deprecated(version = 1.0.0-rc.1)
			type a = list<u8>;
			later: func(x: %list, y: z) -> b;
			type b = tuple<a, option<string>, result, result<u8>, result<_, s8>, result<s16, s32>,>;
			record %list { a: bool, %record: char, HTTP-id: f32, v2: f64 }
			variant z { none, some(list<u64, 4>), }
			enum e { one, two }
			flags f { read, write }
			resource r {
				constructor(a: u16, b: u32);
				m: func(other: borrow<r>) -> own<r>;
				@since(version = 1.0.0)
				s: static func() -> r;
			}
			resource empty;
			resource empty-too {}
			wait: async func(s: stream<u8>, f: future, g: future<string>, h: stream) -> error-context;
		}`)
	i, ok := s.Interface("a:b/i@1.0.0")
	if !ok {
		t.Fatal("no interface")
	}
	var got []string
	for _, f := range i.Funcs {
		got = append(got, f.Name+": "+f.Type.String())
	}
	want := []string{
		"[constructor]r: func(a: u16, b: u32) -> own<r>",
		"[method]r.m: func(self: borrow<r>, other: borrow<r>) -> own<r>",
		"[static]r.s: func() -> own<r>",
		"later: func(x: list, y: z) -> b",
		"wait: func(s: stream<u8>, f: future, g: future<string>, h: stream) -> error-context",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !i.Func("wait").Async || i.Func("later").Async {
		t.Error("async is lost")
	}
	b := i.Func("later").Result
	if b.Kind != Tuple || len(b.Fields) != 6 || b.Fields[4].Type.OK != nil || b.Fields[4].Type.Err.Kind != S8 || b.Fields[2].Type.Kind != Result {
		t.Errorf("b is %+v", b)
	}
	if l := i.Func("later").Params[1].Type.Fields[1].Type; l.Len != 4 || l.String() != "list<u64, 4>" {
		t.Errorf("the list of fixed length is %s", l)
	}
	if len(i.Types) != 6 || len(i.Resources) != 3 {
		t.Errorf("%d types, %d resources", len(i.Types), len(i.Resources))
	}
}

func TestPackagesMaySpanFilesAndFilesPackages(t *testing.T) {
	s, err := Parse(map[string]string{
		"wit/a.wit":          "package my:app@1.2.0; use dep:one/types@0.1.0 as t; interface a { use t.{id}; use b.{other as same}; f: func(i: id) -> same; }",
		"wit/b.wit":          "interface b { type other = u8; }",
		"wit/deps/one/x.wit": "package dep:one@0.1.0; interface types { type id = string; }",
		"wit/deps/two.wit":   "package dep:two { interface i {} } package dep:three@3.0.0 { interface i { use dep:two/i.{}; } }",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"my:app/a@1.2.0", "my:app/b@1.2.0", "dep:one/types@0.1.0", "dep:two/i", "dep:three/i@3.0.0"} {
		if _, ok := s.Interface(n); !ok {
			t.Errorf("no %s", n)
		}
	}
	a, _ := s.Interface("my:app/a@1.2.0")
	if f := a.Func("f"); f.String() != "func(i: id) -> other" || f.Params[0].Type.Owner != "dep:one/types@0.1.0" {
		t.Errorf("f is %s", f)
	}
}

func TestErrorsOfTheTextSayWhereAndWhatWasExpected(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"package a:b;\ninterface i {\n  f: func(x: u9);\n}", `t.wit:3:14: there is no type "u9" here`},
		{"package a:b; interface i { record point { x: u8 } f: func(p: pint); }", `t.wit:1:62: there is no type "pint" here; did you mean "point"?`},
		{"package a:b; interface i { f: func(x u8); }", `t.wit:1:38: expected ":", found "u8"`},
		{"package a:b; interface i { f: func(x: u8) }", `t.wit:1:43: expected ";", found "}"`},
		{"package a:b; interface i { f: func(x: u8);", `t.wit:1:43: expected a type, a use or the name of a function, found end of file`},
		{"package a:b; interface i { record: func(); }", `t.wit:1:34: expected the name of a type, found ":"`},
		{"package a:b; interface func {}", `t.wit:1:24: expected the name of an interface, found the keyword "func"; write %func to use it as a name`},
		{"package a:b; interface i { type t = list; }", `t.wit:1:41: expected "<", found ";"`},
		{"package a:b; interface i { f_g: func(); }", `t.wit:1:29: expected ":", found "_"`},
		{"package a:b; interface i { fooBar: func(); }", `t.wit:1:28: "fooBar" is no name: want words of one case joined by "-", as in "get-all" or "HTTP-error"`},
		{"package a:b; interface i { a--b: func(); }", `t.wit:1:28: "a--b" is no name: want words of one case joined by "-", as in "get-all" or "HTTP-error"`},
		{"package a:b; interface i { ä: func(); }", `t.wit:1:28: unexpected character 'ä'`},
		{"package a:b; /* interface", `t.wit:1:14: comment is not closed`},
		{"package a:b@1.2; interface i {}", `t.wit:1:13: expected a version like 1.2.3, found "1.2"`},
		{"package a:b@01.2.3; interface i {}", `t.wit:1:13: expected a version like 1.2.3, found "01.2.3"`},
		{"interface i {}", `t.wit:1:1: expected "package ns:name;" here or in another file of the directory`},
		{"interface i {} package a:b;", `t.wit:1:16: the package must be named before anything else in the file`},
		{"package a:b; interface i { use j.{t}; }", `t.wit:1:32: there is no interface "a:b/j"; did you mean "a:b/i"?`},
		{"package a:b; interface i { use wasi:io/poll@0.2.0.{pollable}; }", `t.wit:1:32: there is no interface or world "wasi:io/poll@0.2.0"`},
		{"package a:b; interface i { use j.{dirver}; } interface j { type driver = u8; }", `t.wit:1:35: a:b/j has no type "dirver"; did you mean "driver"?`},
		{"package a:b; interface i { use j.{t}; } interface j { use i.{t}; }", `t.wit:1:59: a:b/i depends on itself`},
		{"package a:b; interface i { record r { x: list<r> } }", `t.wit:1:47: type "r" contains itself; a value of it could never end`},
		{"package a:b; interface i { type x = y; type y = x; }", `t.wit:1:49: type "x" contains itself; a value of it could never end`},
		{"package a:b; interface i { type x = u8; x: func(); }", `t.wit:1:41: "x" is declared twice`},
		{"package a:b; interface i { f: func(a: u8, A: u8); }", `t.wit:1:43: "A" is declared twice`},
		{"package a:b; interface i { resource r { f: func(self: u8); } }", `t.wit:1:49: "self" is declared twice`},
		{"package a:b; interface i {} interface i {}", `t.wit:1:39: a:b/i is declared twice`},
		{"package a:b; interface i { enum e {} }", `t.wit:1:33: enum needs at least one member`},
		{"package a:b; interface i { flags f { " + manyLabels(33) + " } }", `t.wit:1:34: flags have at most 32 labels, not 33`},
		{"package a:b; interface i { type t = u8; f: func(x: borrow<t>); }", `t.wit:1:52: borrow<t> wants a resource; t is a u8`},
		{"package a:b; interface i { type t = list<u8, 0>; }", `t.wit:1:46: expected a length from 1 to 4294967295, found "0"`},
		{"package a:b; interface i { @later(x = y) f: func(); }", `t.wit:1:34: unknown gate @later; there are @since, @unstable and @deprecated`},
		{"package a:b; world w { export i; }", `t.wit:1:31: there is no interface "a:b/i"`},
		{"package a:b; world w { import f: func(); import f: func(); }", `t.wit:1:42: "f" is declared twice`},
		{"package a:b; world w { include w; }", `t.wit:1:32: a:b/w depends on itself`},
		{"package a:b; world w { include v with { x as y } } world v {}", `t.wit:1:41: world a:b/v has no import or export "x"`},
		{"package a:b; world w { f: func(); }", `t.wit:1:24: expected import, export, include, use or a type, found "f"`},
	} {
		_, err := Parse(map[string]string{"t.wit": c.in})
		if c.want == "" && err == nil {
			continue
		}
		var pe *ParseError
		if !errors.As(err, &pe) || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.in, err, c.want)
		}
	}
}

func manyLabels(n int) string {
	var l []string
	for i := range n {
		l = append(l, fmt.Sprintf("a%d", i))
	}
	return strings.Join(l, ", ")
}

func TestHostileTextIsBounded(t *testing.T) {
	doubling := "package a:b; interface i { type t0 = tuple<u8, u8>;"
	chain := "package a:b; interface i { type c0 = u8;"
	for i := 1; i < 200; i++ {
		doubling += fmt.Sprintf("type t%d = tuple<t%d, t%d>;", i, i-1, i-1)
		chain += fmt.Sprintf("type c%d = c%d;", 200-i, 199-i)
	}
	ifaces := "package a:b;"
	for i := range 2000 {
		ifaces += fmt.Sprintf("interface i%04d { use i%04d.{t}; }", i, i+1)
	}
	for name, c := range map[string]struct{ in, want string }{
		"nested types":      {"package a:b; interface i { type t = " + strings.Repeat("option<", 1e5), "nest more than"},
		"growing types":     {doubling + "}", "type is too large"},
		"chain of types":    {chain + "}", "more than"},
		"chain of uses":     {ifaces, "more than"},
		"huge fixed list":   {"package a:b; interface i { type t = list<u8, 4294967295>; }", "type is too large"},
		"nested fixed list": {"package a:b; interface i { type t = list<list<list<u8, 65536>, 65536>, 65536>; }", "type is too large"},
		"nested comments":   {strings.Repeat("/*", 1e5), "not closed"},
		"too much text":     {strings.Repeat(" ", maxSource+1), "more than"},
	} {
		if _, err := Parse(map[string]string{"t.wit": c.in}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(shopWIT)
	f.Add("package a:b@1.0.0; world w { import i: interface { use c:d/e.{f as g}; } export h: async func() -> u8; include v with { a as b } resource r { constructor(); m: static func(); } }")
	f.Add("package a:b { interface i { flags f { a, %b } use wasi:io/streams@0.2.1.{input-stream}; f: func(a: input-stream); } world w { import i; export i; } }")
	entries, err := contractFiles.ReadDir("wasi")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		b, err := contractFiles.ReadFile("wasi/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	base := Contracts()
	f.Fuzz(func(t *testing.T, src string) {
		s, err := ParseWith(base, map[string]string{"t.wit": src})
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Line < 1 || pe.Col < 1 {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		for _, i := range s.Interfaces() {
			if known, ok := base.Interface(i.Name); ok && known == i {
				continue
			}
			text := Format(i)
			if strings.Contains(text, "use ") {
				continue // needs what it uses
			}
			if back, err := Parse(map[string]string{"t.wit": text}); err != nil {
				t.Fatalf("%v:\n%s", err, text)
			} else if j := back.Interfaces()[0]; Format(j) != text {
				t.Fatalf("printed differently:\n%s\n%s", text, Format(j))
			}
		}
		for _, w := range s.Worlds() {
			FormatWorld(w)
		}
	})
}

func BenchmarkParseContracts(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseFS(contractFiles); err != nil {
			b.Fatal(err)
		}
	}
}
