package component

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/wit"
)

// coreFunc is a function of a test module: "module#name" of an import or name of an export, and "params:results" with a letter for
// each value (i, l, f, d).
type coreFunc struct{ name, sig string }

// coreModule assembles a module whose exported functions trap. It exports a memory under the given name, if any.
func coreModule(memory string, imports, exports []coreFunc) []byte {
	var types, imp, fun, exp, code []byte
	for i, f := range append(append([]coreFunc{}, imports...), exports...) {
		params, results, _ := strings.Cut(f.sig, ":")
		types = append(append(append(types, 0x60), valTypeVec(params)...), valTypeVec(results)...)
		if i < len(imports) {
			n := strings.LastIndex(f.name, "#")
			imp = append(append(append(append(imp, coreString(f.name[:n])...), coreString(f.name[n+1:])...), 0), byte(i))
			continue
		}
		fun = append(fun, byte(i))
		exp = append(append(append(exp, coreString(f.name)...), 0), byte(i))
		code = append(code, 3, 0, 0, 0x0b) // unreachable
	}
	b := []byte("\x00asm\x01\x00\x00\x00")
	b = moduleSection(b, 1, len(imports)+len(exports), types)
	b = moduleSection(b, 2, len(imports), imp)
	b = moduleSection(b, 3, len(exports), fun)
	n := len(exports)
	if memory != "" {
		b = moduleSection(b, 5, 1, []byte{0, 1})
		exp = append(append(exp, coreString(memory)...), 2, 0)
		n++
	}
	b = moduleSection(b, 7, n, exp)
	return moduleSection(b, 10, len(exports), code)
}

func moduleSection(b []byte, id byte, count int, body []byte) []byte {
	body = append(binary.AppendUvarint(nil, uint64(count)), body...)
	return append(binary.AppendUvarint(append(b, id), uint64(len(body))), body...)
}

func customSection(b []byte, title string, body []byte) []byte {
	body = append(coreString(title), body...)
	return append(binary.AppendUvarint(append(b, 0), uint64(len(body))), body...)
}

func coreString(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func valTypeVec(letters string) []byte {
	out := []byte{byte(len(letters))}
	for _, c := range letters {
		out = append(out, map[rune]byte{'i': abi.I32, 'l': abi.I64, 'f': abi.F32, 'd': abi.F64}[c])
	}
	return out
}

const planContracts = `
package test:plan@1.2.0;
interface host {
  resource thing { constructor(n: u32); name: func() -> string; make: static func() -> thing; }
  add: func(a: u32, b: u64) -> f32;
  log: func(text: string);
  many: func(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64, i: u64, j: u64, k: u64, l: u64, m: u64, n: u64, o: u64, p: u64, q: u64) -> string;
}
interface user { use host.{thing}; use-it: func(t: borrow<thing>) -> u32; }
interface api {
  use host.{thing};
  resource own-thing { constructor(n: u32); }
  run: func(x: s64) -> bool;
  text: func() -> string;
  feed: func(b: list<u8>);
  give: func(t: thing, o: own-thing);
}`

func contracts(t testing.TB) *wit.Set {
	t.Helper()
	s, err := wit.Parse(map[string]string{"plan.wit": planContracts})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var realloc = coreFunc{"cabi_realloc", "iiii:i"}

func TestPlanOfTheLegacyNames(t *testing.T) {
	b := coreModule("memory", []coreFunc{
		{"test:plan/host@1.2.0#add", "il:f"},
		{"test:plan/host@1.3.0#log", "ii:"}, // a compatible version
		{"test:plan/host@1.2.0#many", "ii:"},
		{"test:plan/host@1.2.0#[constructor]thing", "i:i"},
		{"test:plan/host@1.2.0#[method]thing.name", "ii:"},
		{"test:plan/host@1.2.0#[static]thing.make", ":i"},
		{"test:plan/host@1.2.0#[resource-drop]thing", "i:"},
		{"test:plan/user@1.2.0#use-it", "i:i"},
		{"[export]test:plan/api@1.2.0#[resource-new]own-thing", "i:i"},
		{"[export]test:plan/api@1.2.0#[resource-rep]own-thing", "i:i"},
		{"[export]test:plan/api@1.2.0#[resource-drop]own-thing", "i:"},
		{"wasi_snapshot_preview1#proc_exit", "i:"},
	}, []coreFunc{
		realloc,
		{"_initialize", ":"},
		{"test:plan/api@1.2.0#run", "l:i"},
		{"test:plan/api@1.2.0#text", ":i"},
		{"cabi_post_test:plan/api@1.2.0#text", "i:"},
		{"test:plan/api@1.2.0#give", "ii:"},
		{"test:plan/api@1.2.0#[dtor]own-thing", "i:"},
		{"helper", "i:"},
	})
	p, err := FromModule(b, contracts(t))
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, p, "test:plan/host@1.3.0")
	if _, ok := p.Instances[0].Imports[ImportName{"wasi_snapshot_preview1", "proc_exit"}]; ok {
		t.Error("an import of the host's own module is planned")
	}
	if len(p.Initialize) != 1 || p.Funcs[p.Initialize[0]].Name != "_initialize" {
		t.Errorf("initialize %v", p.Initialize)
	}
}

func TestPlanOfTheStandardNames(t *testing.T) {
	b := coreModule("cm32p2_memory", []coreFunc{
		{"cm32p2|test:plan/host@1#add", "il:f"},
		{"cm32p2|test:plan/host@1#log", "ii:"},
		{"cm32p2|test:plan/host@1#many", "ii:"},
		{"cm32p2|test:plan/host@1#[constructor]thing", "i:i"},
		{"cm32p2|test:plan/host@1#[method]thing.name", "ii:"},
		{"cm32p2|test:plan/host@1#[static]thing.make", ":i"},
		{"cm32p2|test:plan/host@1#thing_drop", "i:"},
		{"cm32p2|test:plan/user@1#use-it", "i:i"},
		{"cm32p2|_ex_test:plan/api@1#own-thing_new", "i:i"},
		{"cm32p2|_ex_test:plan/api@1#own-thing_rep", "i:i"},
		{"cm32p2|_ex_test:plan/api@1#own-thing_drop", "i:"},
	}, []coreFunc{
		{"cm32p2_realloc", "iiii:i"},
		{"cm32p2_initialize", ":"},
		{"cm32p2|test:plan/api@1|run", "l:i"},
		{"cm32p2|test:plan/api@1|text", ":i"},
		{"cm32p2|test:plan/api@1|text_post", "i:"},
		{"cm32p2|test:plan/api@1|give", "ii:"},
		{"cm32p2|test:plan/api@1|own-thing_dtor", "i:"},
	})
	p, err := FromModule(b, contracts(t))
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, p, "test:plan/host@1.2.0")
}

// checkPlan checks what both schemes must give.
func checkPlan(t *testing.T, p *Plan, logFrom string) {
	t.Helper()
	if len(p.Trampolines) != 11 || len(p.Imports) != 7 || len(p.Exports) != 3 || len(p.Lifts) != 3 {
		t.Fatalf("%d trampolines, %d imports, %d exports, %d lifts", len(p.Trampolines), len(p.Imports), len(p.Exports), len(p.Lifts))
	}
	if im := p.Imports[1]; im.Interface != logFrom || im.Name != "log" {
		t.Errorf("import %s#%s", im.Interface, im.Name)
	}
	kinds := []TrampolineKind{Lower, Lower, Lower, Lower, Lower, Lower, ResourceDrop, Lower, ResourceNew, ResourceRep, ResourceDrop}
	for i, k := range kinds {
		if p.Trampolines[i].Kind != k {
			t.Errorf("trampoline %d is %d, want %d", i, p.Trampolines[i].Kind, k)
		}
	}
	if p.Trampolines[6].Resource == p.Trampolines[10].Resource {
		t.Error("the imported and the defined resource are the same")
	}
	own := p.Resources[p.Trampolines[8].Resource]
	if !own.Defined || own.Name != "own-thing" || own.Destructor < 0 || !strings.Contains(p.Funcs[own.Destructor].Name, "dtor") {
		t.Errorf("own resource %+v", own)
	}
	if r := p.Resources[p.Trampolines[6].Resource]; r.Defined || r.Name != "thing" || r.Destructor >= 0 {
		t.Errorf("imported resource %+v", r)
	}
	for _, e := range p.Exports {
		if e.Interface != "test:plan/api@1.2.0" || p.Lifts[e.Lift].Options.PostReturn >= 0 != (e.Name == "text") {
			t.Errorf("export %s#%s, post-return %d", e.Interface, e.Name, p.Lifts[e.Lift].Options.PostReturn)
		}
	}
	if len(p.World.Imports) != 2 || len(p.World.Exports) != 1 {
		t.Errorf("world: %d imports, %d exports", len(p.World.Imports), len(p.World.Exports))
	}
}

func TestModulesThatDoNotFitAreRefused(t *testing.T) {
	const host, api = "test:plan/host@1.2.0#", "test:plan/api@1.2.0#"
	tests := []struct {
		name    string
		memory  string
		imports []coreFunc
		exports []coreFunc
		kind    error
		msg     string
	}{
		{"unknown interface", "", []coreFunc{{"foo:bar/baz#f", ":"}}, nil, ErrUnknownImport, `"foo:bar/baz#f"`},
		{"unknown function", "", []coreFunc{{host + "sub", ":"}}, nil, ErrUnknownImport, `"test:plan/host@1.2.0#sub"`},
		{"incompatible version", "", []coreFunc{{"test:plan/host@2.0.0#add", "il:f"}}, nil, ErrUnknownImport, "host@2.0.0"},
		{"unknown resource", "", []coreFunc{{host + "[resource-drop]nothing", "i:"}}, nil, ErrUnknownImport, "no resource nothing"},
		{"signature of an import", "", []coreFunc{{host + "add", "ii:f"}}, nil, ErrSignature, "(i32 i32) -> (f32), its type asks for (i32 i64) -> (f32)"},
		{"signature of drop", "", []coreFunc{{host + "[resource-drop]thing", "i:i"}}, nil, ErrSignature, "(i32) -> ()"},
		{"memory", "", []coreFunc{{host + "log", "ii:"}}, nil, ErrMissingExport, `"memory"`},
		{"realloc of an import", "memory", []coreFunc{{host + "[method]thing.name", "ii:"}}, nil, ErrMissingExport, `"cabi_realloc"`},
		{"realloc of an export", "memory", nil, []coreFunc{{api + "feed", "ii:"}}, ErrMissingExport, `"cabi_realloc"`},
		{"signature of realloc", "memory", nil, []coreFunc{{api + "feed", "ii:"}, {"cabi_realloc", "iii:i"}}, ErrSignature, "cabi_realloc"},
		{"signature of an export", "memory", nil, []coreFunc{{api + "run", "i:i"}}, ErrSignature, "(i64) -> (i32)"},
		{"signature of post-return", "memory", nil, []coreFunc{{api + "text", ":i"}, {"cabi_post_" + api + "text", ":"}}, ErrSignature, "cabi_post_"},
		{"signature of initialize", "", nil, []coreFunc{{"_initialize", "i:"}}, ErrSignature, "_initialize"},
		{"signature of a destructor", "", nil, []coreFunc{{api + "[dtor]own-thing", ":"}}, ErrSignature, "[dtor]"},
		{"unknown export", "", nil, []coreFunc{{"foo:bar/baz#f", ":"}}, ErrUnknownExport, `"foo:bar/baz#f"`},
		{"unknown exported function", "", nil, []coreFunc{{api + "walk", ":"}}, ErrUnknownExport, "no function walk"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := FromModule(coreModule(tt.memory, tt.imports, tt.exports), contracts(t))
			var pe *PlanError
			if !errors.Is(err, tt.kind) || !errors.As(err, &pe) || !strings.Contains(err.Error(), tt.msg) {
				t.Fatalf("got %v, want %v with %q", err, tt.kind, tt.msg)
			}
		})
	}
}

func TestImportedMemoryIsRefused(t *testing.T) {
	b := []byte("\x00asm\x01\x00\x00\x00")
	b = moduleSection(b, 2, 1, append(append(coreString("env"), coreString("memory")...), 2, 0, 1))
	if _, err := FromModule(b, nil); !errors.Is(err, ErrUnknownImport) || !strings.Contains(err.Error(), "env#memory") {
		t.Fatalf("got %v", err)
	}
}

// TestTypesComeFromTheModule uses a module's own section for interfaces that the host does not know.
func TestTypesComeFromTheModule(t *testing.T) {
	set, err := wit.Parse(map[string]string{"w.wit": `package my:pkg;
		interface math { mul: func(a: u32, b: u32) -> u64; }
		world w { import log: func(n: u32); import math; export math; export run: func() -> u32; }`})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := set.World("w")
	imports := []coreFunc{{"$root#log", "i:"}, {"my:pkg/math#mul", "ii:l"}}
	exports := []coreFunc{{"my:pkg/math#mul", "ii:l"}, {"run", ":i"}, {"other", ":"}}
	with := func(exports []coreFunc) []byte {
		return customSection(coreModule("", imports, exports), "component-type:w", EncodeWorld(w))
	}
	p, err := FromModule(with(exports), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Imports) != 2 || p.Imports[0].Interface != "" || len(p.Exports) != 2 || p.Exports[1].Name != "run" {
		t.Errorf("imports %v, exports %v", p.Imports, p.Exports)
	}
	if _, err := FromModule(with(exports[:1]), nil); !errors.Is(err, ErrMissingExport) || !strings.Contains(err.Error(), `"run"`) {
		t.Errorf("a missing function of the world: %v", err)
	}
	if _, err := FromModule(with(exports[1:]), nil); !errors.Is(err, ErrMissingExport) || !strings.Contains(err.Error(), "math#mul") {
		t.Errorf("a missing function of an interface: %v", err)
	}
	if _, err := FromModule(coreModule("", nil, nil)[:9], nil); err == nil {
		t.Error("a cut module is planned")
	}
}

func FuzzFromModule(f *testing.F) {
	f.Add(coreModule("memory", []coreFunc{{"test:plan/host@1.2.0#log", "ii:"}, {"test:plan/host@1.2.0#[resource-drop]thing", "i:"}},
		[]coreFunc{realloc, {"test:plan/api@1.2.0#text", ":i"}, {"test:plan/api@1.2.0#[dtor]own-thing", "i:"}}))
	f.Add(coreModule("cm32p2_memory", []coreFunc{{"cm32p2|_ex_test:plan/api@1#own-thing_new", "i:i"}},
		[]coreFunc{{"cm32p2_realloc", "iiii:i"}, {"cm32p2|test:plan/api@1|text_post", "i:"}}))
	set := contracts(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := FromModule(b, set)
		if err != nil {
			return
		}
		for _, it := range p.Instances[0].Imports {
			if it.Instance >= 0 || it.Trampoline >= len(p.Trampolines) {
				t.Fatalf("item %+v", it)
			}
		}
	})
}
