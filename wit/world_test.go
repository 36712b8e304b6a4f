package wit

import (
	"slices"
	"strings"
	"testing"
)

func ifaceNames(is []*Interface) string {
	var out []string
	for _, i := range is {
		out = append(out, i.Name)
	}
	return strings.Join(out, " ")
}

func worldOf(t *testing.T, src string) *World {
	t.Helper()
	w, ok := parseOne(t, src).World("w")
	if !ok {
		t.Fatal("no world w")
	}
	return w
}

func TestAWorldImportsWhatItsInterfacesNeed(t *testing.T) {
	w := worldOf(t, `package a:b;
		interface base { type id = u8; }
		interface mid { use base.{id}; type ids = list<id>; }
		interface top { use mid.{ids}; f: func() -> ids; }
		interface other { use base.{id}; f: func() -> id; }
		world w { import top; export other; }`)
	if got := ifaceNames(w.Imports); got != "a:b/base a:b/mid a:b/top" {
		t.Errorf("imports %s", got)
	}
	if got := ifaceNames(w.Exports); got != "a:b/other" {
		t.Errorf("exports %s", got)
	}
}

func TestExportsReferToExportsFirst(t *testing.T) {
	w := worldOf(t, `package a:b;
		interface base { resource r; type id = u8; }
		interface user { use base.{r, id}; f: func(r: borrow<r>, i: id) -> r; }
		world w { export user; export base; }`)
	if got := ifaceNames(w.Exports); got != "a:b/base a:b/user" || len(w.Imports) != 0 {
		t.Errorf("exports %s, imports %s", got, ifaceNames(w.Imports))
	}
}

func TestAResourceThatIsImportedAndExportedIsTwo(t *testing.T) {
	w := worldOf(t, `package a:b;
		interface base { resource r { m: func() -> r; } type id = u8; record held { r: r, id: id } }
		interface user { use base.{r, held, id}; f: func(r: borrow<r>) -> held; g: func() -> id; }
		world w { import user; export base; export user; }`)
	find := func(l []*Interface, n string) *Interface {
		return l[slices.IndexFunc(l, func(i *Interface) bool { return i.Name == n })]
	}
	in, out := find(w.Imports, "a:b/base"), find(w.Exports, "a:b/base")
	if in.Resource("r") == out.Resource("r") || out.Resource("r").Interface != "a:b/base" {
		t.Error("the resource is one")
	}
	for name, c := range map[string]struct{ base, user *Interface }{"imported": {in, find(w.Imports, "a:b/user")}, "exported": {out, find(w.Exports, "a:b/user")}} {
		r, f := c.base.Resource("r"), c.user.Func("f")
		if f.Params[0].Type.Resource != r || f.Result.Fields[0].Type.Resource != r || !slices.Contains(c.base.Types, f.Result) {
			t.Errorf("%s: user and base do not share their types", name)
		}
		if m := c.base.Func("[method]r.m"); m.Params[0].Type.Resource != r || m.Result.Resource != r {
			t.Errorf("%s: the method is of another resource", name)
		}
	}
	if find(w.Imports, "a:b/user").Func("g").Result != find(w.Exports, "a:b/user").Func("g").Result {
		t.Error("a type without resources was copied")
	}
}

func TestWorldsHaveTypesFunctionsAndInterfacesOfTheirOwn(t *testing.T) {
	w := worldOf(t, `package a:b;
		interface t { record point { x: u8 } }
		world w {
			use t.{point};
			type points = list<point>;
			resource token { get: func() -> string; }
			import log: func(m: string);
			export run: func(p: points, t: borrow<token>) -> point;
			export log: func();
			import small: interface { enum e { a } f: func(e: e); }
		}`)
	if got := ifaceNames(w.Imports); got != "a:b/t small" {
		t.Errorf("imports %s", got)
	}
	if len(w.ImportFuncs) != 2 || len(w.ExportFuncs) != 2 || len(w.Types) != 1 || len(w.Resources) != 1 {
		t.Errorf("got %+v", w)
	}
	if r := w.ImportFuncs[0].Type.Params[0].Type.Resource; r != w.Resources[0] || r.Interface != "" {
		t.Errorf("the method's resource is %+v", r)
	}
}

func TestIncludeAddsAWorldUnderNewNames(t *testing.T) {
	w := worldOf(t, `package a:b;
		interface i { resource r; f: func(r: borrow<r>); }
		world part { import i; import log: func(); export run: func(); import small: interface { resource s; g: func() -> s; } export i; }
		world w { include part with { log as print, run as go, small as tiny } import log: func(); }`)
	if got := ifaceNames(w.Imports); got != "a:b/i tiny" {
		t.Errorf("imports %s", got)
	}
	if w.ImportFuncs[0].Name != "print" || w.ImportFuncs[1].Name != "log" || w.ExportFuncs[0].Name != "go" {
		t.Errorf("functions %v %v", w.ImportFuncs, w.ExportFuncs)
	}
	tiny := w.Imports[1]
	if r := tiny.Resource("s"); r.Interface != "tiny" || tiny.Func("g").Result.Resource != r {
		t.Errorf("the renamed interface has %+v", r)
	}
	if w.Exports[0].Resource("r") == w.Imports[0].Resource("r") {
		t.Error("the resource that is imported and exported is one")
	}
}

func TestFormatIsReadBackAsTheSame(t *testing.T) {
	s, err := ParseWith(Contracts(), map[string]string{"t.wit": `package a:b@2.0.0;
		interface i {
			use wasi:io/error@0.2.0.{error as io-error};
			use wasi:http/types@0.2.0.{error-code, fields as %stream};
			resource error { constructor(%type: u8); %use: func() -> result<_, error-code>; make: static func(e: io-error) -> option<error>; }
			type streams = list<%stream>;
			type other = error;
			flags %flags { a, %list }
			variant v { none, some(tuple<u8, list<char, 3>>), r(result), s(result<u8>), e(result<_, string>) }
			f: async func(e: borrow<error>, %record: v) -> streams;
			g: func(f: %flags, s: stream<u8>, t: future);
		}`})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range s.Interfaces() {
		text := Format(i)
		others := &Set{map[string]*Interface{}, map[string]*scope{}, map[string]*World{}}
		for n := range s.ifaces {
			if n != i.Name {
				others.ifaces[n], others.scopes[n] = s.ifaces[n], s.scopes[n]
			}
		}
		back, err := ParseWith(others, map[string]string{"t.wit": text})
		if err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		j, _ := back.Interface(i.Name)
		if again := Format(j); again != text {
			t.Errorf("printed\n%s\nthen\n%s", text, again)
		}
		for _, f := range i.Funcs {
			if g := j.Func(f.Name); g == nil || g.String() != f.Type.String() || g.Async != f.Type.Async {
				t.Errorf("%s: %s became %v", i.Name, f.Name, g)
			}
		}
	}
}

func TestFormatWorldIsReadBackAsTheSame(t *testing.T) {
	src := `package a:b;

world w {
  use wasi:clocks/wall-clock@0.2.0.{datetime};
  record point {
    x: u8,
  }
  resource token {
    get: func() -> string;
  }
  import now: func() -> datetime;
  import wasi:clocks/wall-clock@0.2.0;
  import local: interface {
    use wasi:io/streams@0.2.0.{output-stream};
    f: func(o: borrow<output-stream>);
  }
  export wasi:cli/run@0.2.0;
  export run: func(p: point, t: borrow<token>);
}
`
	s, err := ParseWith(Contracts(), map[string]string{"t.wit": src})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.World("a:b/w")
	want := strings.Replace(src, "  import local", "  import wasi:io/error@0.2.0;\n  import wasi:io/poll@0.2.0;\n  import wasi:io/streams@0.2.0;\n  import local", 1)
	if got := FormatWorld(w); got != want {
		t.Errorf("got\n%s", got)
	}
	if _, err := ParseWith(Contracts(), map[string]string{"t.wit": FormatWorld(w)}); err != nil {
		t.Error(err)
	}
}

func TestNearNamesAreSuggestedAndFarOnesAreNot(t *testing.T) {
	names := []string{"name", "count", "colour"}
	for in, want := range map[string]string{"nmae": "name", "Name": "name", "conut": "count", "color": "colour", "zzzzz": "", strings.Repeat("x", 100): ""} {
		got := didYouMean(in, names)
		if want == "" && got != "" || want != "" && !strings.Contains(got, `"`+want+`"`) {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
