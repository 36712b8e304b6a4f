package component

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// command is a command of a .wast file, as testdata/build.mjs writes it.
type command struct {
	Line int
	Op   string // component, invalid, malformed, return, trap
	Wasm []byte
	Why  string
	file string
}

// commands are those of all .wast files that have a component.
func commands(t testing.TB) []command {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("testdata has %d files: %v", len(files), err)
	}
	var all []command
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var cs []command
		if err := json.Unmarshal(b, &cs); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for _, c := range cs {
			if c.file = filepath.Base(f); c.Wasm != nil {
				all = append(all, c)
			}
		}
	}
	return all
}

// typed reports whether an error is one of those that FromComponent promises.
func typed(err error) bool {
	var plan *PlanError
	var decode *DecodeError
	return errors.As(err, &plan) || errors.As(err, &decode)
}

func TestComponentsAreValidOrRefusedWithATypedError(t *testing.T) {
	for _, c := range commands(t) {
		err := Validate(c.Wasm)
		switch {
		case c.Op == "component" && err != nil:
			t.Errorf("%s, line %d: %v", c.file, c.Line, err)
		case c.Op != "component" && err == nil && c.Why != "type mismatch in unused code": // that is the engine's to find
			t.Errorf("%s, line %d: passes, want: %s", c.file, c.Line, c.Why)
		case err != nil && !typed(err):
			t.Errorf("%s, line %d: untyped error %v", c.file, c.Line, err)
		}
	}
}

func TestEveryPrefixOfAComponentIsRefused(t *testing.T) {
	for _, c := range commands(t) {
		if c.Op != "component" || len(c.Wasm) > 2000 {
			continue
		}
		for n := range c.Wasm {
			if err := Validate(c.Wasm[:n]); err != nil && !typed(err) {
				t.Fatalf("%s, line %d, %d bytes: %v", c.file, c.Line, n, err)
			}
		}
	}
}

// component builds a file from sections.
func file(sections ...[]byte) []byte {
	out := []byte(magic)
	for _, s := range sections {
		out = append(out, s...)
	}
	return out
}

func TestMalformedFilesAreToldFromInvalidOnes(t *testing.T) {
	for _, c := range []struct {
		name string
		wasm []byte
		kind error
		msg  string
	}{
		{"nothing", nil, ErrMalformed, ""},
		{"core module", []byte("\x00asm\x01\x00\x00\x00"), ErrMalformed, "not a component"},
		{"version", []byte("\x00asm\x0c\x00\x01\x00"), ErrMalformed, "not a component"},
		{"section id", file(section(13, nil)), ErrMalformed, "unknown section 13"},
		{"size beyond the end", file([]byte("\x07\x05\x00")), ErrMalformed, "want 5 bytes"},
		{"bytes left over", file(section(7, []byte("\x00\x01"))), ErrMalformed, "left over"},
		{"size of 33 bits", file([]byte("\x07\x81\x80\x80\x80\x70\x00")), ErrMalformed, "32 bits"},
		{"long size that fits", file([]byte("\x07\x81\x80\x80\x80\x00\x00")), nil, ""},
		{"more types than bytes", file(section(7, []byte("\xbf\x84\x3d\x73"))), ErrMalformed, "vector of"},
		{"custom section", file(section(0, []byte("\x02hi\xff\xfe"))), nil, ""},
		{"custom section with a bad name", file(section(0, []byte("\x02\xff\xfe"))), ErrMalformed, "UTF-8"},
		{"core module that is none", file(section(1, []byte("\x00asm\x0d\x00\x01\x00"))), ErrInvalid, "core module"},
		{"nested core module", file(section(4, []byte("\x00asm\x01\x00\x00\x00"))), ErrMalformed, "not a component"},
		{"form of an instance", file(section(5, []byte("\x01\x02"))), ErrMalformed, "form"},
		{"form of a core instance", file(section(2, []byte("\x01\x02"))), ErrMalformed, "form"},
		{"argument that is no instance", file(section(2, []byte("\x01\x00\x00\x01\x01a\x00\x00"))), ErrMalformed, "sort of an argument"},
		{"sort", file(section(11, []byte("\x01\x00\x01e\x06\x00\x00"))), ErrMalformed, "sort"},
		{"canonical function", file(section(8, []byte("\x01\x2e"))), ErrMalformed, "canonical function"},
		{"canonical option", file(section(8, []byte("\x01\x01\x00\x00\x01\x0a"))), ErrMalformed, "canonical option"},
		{"form of a name", file(section(10, []byte("\x01\x03\x01a\x01\x00"))), ErrMalformed, "form"},
		{"attribute of a name", file(section(10, []byte("\x01\x02\x01a\x01\x03\x01x\x01\x00"))), ErrMalformed, "attribute"},
		{"attribute twice", file(section(7, []byte("\x01\x42\x00")), section(10,
			[]byte("\x01\x02\x01i\x02\x00\x05a:b/x\x00\x05a:b/y\x05\x00"))), ErrInvalid, "twice"},
		{"bound of a type", file(section(10, []byte("\x01\x00\x01t\x03\x02"))), ErrMalformed, "bound"},
		{"type index", file(section(7, []byte("\x01\x70\x05"))), ErrInvalid, "unknown type 5"},
		{"representation of a resource", file(section(7, []byte("\x01\x3f\x7e\x00"))), ErrInvalid, "represented"},
		{"import of an instance type", file(section(7, []byte("\x01\x42\x01\x03\x00\x01a\x03\x01"))), ErrMalformed, "declaration"},
		{"values", file(section(12, []byte("\x00"))), ErrUnsupported, "values"},
		{"map", file(section(7, []byte("\x01\x63\x73\x79"))), ErrUnsupported, "map"},
		{"async lift", file(section(8, []byte("\x01\x00\x00\x00\x01\x06\x00"))), ErrUnsupported, "WASI 0.3"},
		{"waitable-set.wait", file(section(8, []byte("\x01\x20\x00\x00"))), ErrUnsupported, "WASI 0.3"},
		{"waitable-set.wait with a bad flag", file(section(8, []byte("\x01\x20\x02\x00"))), ErrMalformed, "flag"},
		{"async function type", file(section(7, []byte("\x01\x43\x00\x01\x00"))), nil, ""},
	} {
		err := Validate(c.wasm)
		if !errors.Is(err, c.kind) || err != nil && !strings.Contains(err.Error(), c.msg) {
			t.Errorf("%s: got %v, want %v with %q", c.name, err, c.kind, c.msg)
		}
	}
}

// nested puts n components into each other.
func nested(n int) []byte {
	c := file()
	for range n {
		c = file(section(4, c))
	}
	return c
}

// doubling is a component that instantiates a component twice, which instantiates one twice, and so on.
func doubling(n int) []byte {
	c := file(section(1, []byte("\x00asm\x01\x00\x00\x00")), section(2, []byte("\x01\x00\x00\x00")))
	for range n {
		c = file(section(4, c), section(5, []byte("\x02\x00\x00\x00\x00\x00\x00")))
	}
	return c
}

func TestFilesThatGrowWhenTheyAreLinkedAreBounded(t *testing.T) {
	var pairs []byte // each type is a tuple of the one before, twice
	pairs = append(pairs, "\x3d\x73"...)
	for i := range byte(60) {
		pairs = append(pairs, 0x6f, 2, i, i)
	}
	var instances []byte // instance types that have the one before twice
	instances = append(instances, "\x29\x42\x00"...)
	for i := range byte(40) {
		instances = append(instances, 0x42, 3, 2, 3, 2, 1, i, 4, 0, 1, 'a', 5, 0, 4, 0, 1, 'b', 5, 0)
	}
	for name, wasm := range map[string][]byte{
		"nested deep":       nested(100),
		"doubling":          doubling(30),
		"tuples of tuples":  file(section(7, pairs)),
		"nested instances":  file(section(7, instances), section(10, []byte("\x01\x00\x01i\x05\x28"))),
		"a million empties": file(section(5, append(uleb(nil, 1<<20+1), strings.Repeat("\x01\x00", 1<<20+1)...))),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Validate(wasm)
		runtime.ReadMemStats(&after)
		if !typed(err) {
			t.Errorf("%s: got %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 2<<30 {
			t.Errorf("%s: takes %d MB", name, used>>20)
		}
	}
	if err := Validate(doubling(5)); err != nil {
		t.Errorf("32 instances: %v", err)
	}
}

func TestImportsMustHaveTheTypesOfTheContracts(t *testing.T) {
	contracts, err := wit.Parse(map[string]string{"a.wit": "package a:b@1.2.0;\ninterface c { f: func(x: u32) -> string; }"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		iface, param string
		ok           bool
	}{
		{"a:b/c@1.2.0", "\x79", true}, {"a:b/c@1.9.0", "\x79", true}, {"a:b/c@1.2.0", "\x78", false},
		{"a:b/c@2.0.0", "\x78", true}, {"a:b/d@1.2.0", "\x78", true},
	} {
		// (import iface (instance (export "f" (func (param "x" …) (result string))))) and a module that has it lowered
		wasm := file(
			section(7, []byte("\x01\x42\x02\x01\x40\x01\x01x"+c.param+"\x00\x73\x04\x00\x01f\x01\x00")),
			section(10, append(append([]byte("\x01\x00"), name(c.iface)...), 5, 0)),
			section(6, []byte("\x01\x01\x00\x00\x01f")),
			section(1, []byte("\x00asm\x01\x00\x00\x00\x01\x09\x01\x60\x04\x7f\x7f\x7f\x7f\x01\x7f\x03\x02\x01\x00\x05\x03\x01\x00\x01"+
				"\x07\x09\x02\x01m\x02\x00\x01r\x00\x00\x0a\x06\x01\x04\x00\x41\x00\x0b")),
			section(2, []byte("\x01\x00\x00\x00")),
			section(6, []byte("\x02\x00\x02\x01\x00\x01m\x00\x00\x01\x00\x01r")),
			section(8, []byte("\x01\x01\x00\x00\x02\x03\x00\x04\x00")))
		p, err := FromComponent(wasm, contracts)
		if c.ok {
			if err != nil || len(p.Imports) != 1 || p.Imports[0].Interface != c.iface {
				t.Errorf("%s: got %v", c.iface, err)
			}
			continue
		}
		if !errors.Is(err, ErrImportType) || !strings.Contains(err.Error(), "a:b/c@1.2.0#f") || !strings.Contains(err.Error(), "x: u32") {
			t.Errorf("%s: got %v", c.iface, err)
		}
	}
}

// TestTheWorldOfAComponentIsThatOfItsWIT compares the world that wit-component put into a file with the text that it came from: names and
// owners of types, and that a resource is one, wherever it is used.
func TestTheWorldOfAComponentIsThatOfItsWIT(t *testing.T) {
	text, err := os.ReadFile("../../testdata/guests/guests.wit")
	if err != nil {
		t.Fatal(err)
	}
	set, err := wit.Parse(map[string]string{"guests.wit": string(text)})
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile("testdata/basic.component.wasm")
	if err != nil {
		t.Fatal(err)
	}
	p, err := FromComponent(wasm, set)
	if err != nil {
		t.Fatal(err)
	}
	in := findInterface(p.World.Imports, "test:guest/host@1.0.0")
	out := findInterface(p.World.Exports, "test:guest/calls@1.0.0")
	if in == nil || out == nil || in.Resource("counter") == nil {
		t.Fatalf("world %+v", p.World)
	}
	if r := out.Func("count").Params[0].Type.Resource; r != in.Resource("counter") {
		t.Errorf("the counter that is borrowed is %+v, the host's is %+v", r, in.Resource("counter"))
	}
	want, _ := set.Interface("test:guest/calls@1.0.0")
	if len(out.Types) != len(want.Types) || len(out.Resources) != 0 {
		t.Errorf("types %v, want %v", out.Types, want.Types)
	}
	for i, w := range want.Types {
		if got := out.Types[i]; got.Name != w.Name || got.Owner != w.Owner || got.Kind != w.Kind {
			t.Errorf("type %s of %s, want %s of %s", got.Name, got.Owner, w.Name, w.Owner)
		}
	}
	if trip := out.Func("trip"); trip.Result != trip.Params[0].Type || trip.Result.Name != "person" {
		t.Errorf("trip is %v", trip)
	}
	for _, f := range want.Funcs {
		if !sameShape(out.Func(f.Name), f.Type) {
			t.Errorf("%s is %v, want %v", f.Name, out.Func(f.Name), f.Type)
		}
	}
	if back, err := DecodeWorld(EncodeWorld(p.World)); err != nil || len(back.Exports) != 1 || len(back.Exports[0].Funcs) != len(out.Funcs) {
		t.Errorf("encoded and decoded: %+v, %v", back, err)
	}
}

func TestAResourceThatAComponentDefinesIsItsOwn(t *testing.T) {
	wasm, err := os.ReadFile("testdata/resource.component.wasm")
	if err != nil {
		t.Fatal(err)
	}
	p, err := FromComponent(wasm, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Resources) != 1 || !p.Resources[0].Defined || p.Resources[0].Name != "thing" || p.Resources[0].Destructor < 0 {
		t.Errorf("resources %+v", p.Resources)
	}
	e := p.World.Exports[0]
	if len(e.Resources) != 1 || e.Resources[0].Interface != "test:guest/things@1.0.0" || e.Func("[constructor]thing").Result.Resource != e.Resources[0] {
		t.Errorf("world exports %+v", e)
	}
}

// TestACommandOfAForeignToolchain plans what clang and wit-component make of a C program: the module, the adapter of preview 1, a shim
// and its fix-up, and 19 functions of WASI, which must be those of the contracts.
func TestACommandOfAForeignToolchain(t *testing.T) {
	wasm, err := os.ReadFile("testdata/hello-c.component.wasm")
	if err != nil {
		t.Fatal(err)
	}
	p, err := FromComponent(wasm, wit.Contracts())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Instances) != 4 || len(p.Imports) != 19 || len(p.Missing) != 0 {
		t.Errorf("%d core instances, %d imports, missing %v", len(p.Instances), len(p.Imports), p.Missing)
	}
	if len(p.Exports) != 1 || !strings.HasPrefix(p.Exports[0].Interface, "wasi:cli/run@0.2.") || p.Exports[0].Name != "run" {
		t.Errorf("exports %+v", p.Exports)
	}
	checkNumbers(t, p)
}

func FuzzFromComponent(f *testing.F) {
	for _, c := range commands(f) {
		f.Add(c.Wasm)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		p, err := FromComponent(b, nil)
		if err != nil {
			if !typed(err) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		checkNumbers(t, p)
	})
}

// checkNumbers checks that the numbers in a plan are those of something.
func checkNumbers(t *testing.T, p *Plan) {
	t.Helper()
	item := func(it Item, upTo int) {
		if it.Instance >= upTo || it.Instance < 0 && (it.Trampoline < 0 || it.Trampoline >= len(p.Trampolines)) {
			t.Errorf("item %+v of %d instances and %d trampolines", it, upTo, len(p.Trampolines))
		}
	}
	if len(p.Missing) > 0 {
		return
	}
	for i, ci := range p.Instances {
		if _, err := wasmmod.Decode(p.Modules[ci.Module]); err != nil {
			t.Errorf("module %d: %v", ci.Module, err)
		}
		for _, it := range ci.Imports {
			item(it, i)
		}
	}
	for _, it := range append(append([]Item(nil), p.Funcs...), p.Memories...) {
		item(it, len(p.Instances))
	}
	for _, l := range p.Lifts {
		if l.Func >= len(p.Funcs) || l.Component >= p.Components {
			t.Errorf("lift %+v", l)
		}
	}
	for _, x := range p.Trampolines {
		lower := x.Kind == Lower
		if x.Component >= p.Components || lower && (x.Import < 0) == (x.Lift < 0) || !lower && x.Resource >= len(p.Resources) {
			t.Errorf("trampoline %+v", x)
		}
	}
	for _, e := range p.Exports {
		if e.Lift < 0 || e.Lift >= len(p.Lifts) {
			t.Errorf("export %+v", e)
		}
	}
	_ = EncodeWorld(p.World)
}

func BenchmarkFromComponent(b *testing.B) {
	var largest []byte
	for _, c := range commands(b) {
		if c.Op == "component" && len(c.Wasm) > len(largest) {
			largest = c.Wasm
		}
	}
	b.SetBytes(int64(len(largest)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromComponent(largest, nil); err != nil {
			b.Fatal(err)
		}
	}
}
