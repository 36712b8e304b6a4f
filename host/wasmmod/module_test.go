package wasmmod_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/host/wasmmod"
)

func TestDecodeTellsWhatAHostWantsToKnow(t *testing.T) {
	m, err := wasmmod.Decode(fixture(t, "tables"))
	if err != nil {
		t.Fatal(err)
	}
	im := m.Imports[0]
	if im.Module != "env" || im.Name != "twice" || im.Kind != wasmmod.Func || im.Sig.String() != "(i32) -> (i32)" {
		t.Errorf("import %+v", im)
	}
	e, ok := m.Export("at")
	if !ok || e.Sig.String() != "(i32 i32) -> (i32)" {
		t.Errorf("export %+v", e)
	}
	if _, ok := m.Export("missing"); ok {
		t.Error("there is no such export")
	}
	if len(m.Tables) != 3 || m.Tables[0] != (wasmmod.Limits{Min: 16, Max: 64, HasMax: true}) || m.Tables[1].HasMax {
		t.Errorf("tables %+v", m.Tables)
	}
	if !m.HasStart || m.Funcs != 13 {
		t.Errorf("start %v, functions %d", m.HasStart, m.Funcs)
	}
	if m, _ := wasmmod.Decode(fixture(t, "data")); len(m.Memories) != 1 || m.Memories[0] != (wasmmod.Limits{Min: 2, Max: 4, HasMax: true}) {
		t.Errorf("memories %+v", m.Memories)
	}
}

func TestCustomSectionsAreFoundByPrefix(t *testing.T) {
	wasm := append(fixture(t, "bench"), section(0, sized("wattle.sig")+"one")+section(0, sized("wattle.sig")+"two")...)
	m, err := wasmmod.Decode(wasm)
	if err != nil {
		t.Fatal(err)
	}
	found := m.CustomSections("wattle.")
	if len(found) != 2 || string(found[0].Data) != "one" || string(found[1].Data) != "two" {
		t.Errorf("found %+v", found)
	}
	if at := found[0].Offset; !bytes.Equal(wasm[:at], fixture(t, "bench")) {
		t.Errorf("the first is at %d", at)
	}
}

func TestZeroRewriteKeepsTheModule(t *testing.T) {
	for _, name := range append(behaving, "runaway") {
		wasm := fixture(t, name)
		if out, err := wasmmod.Apply(wasm, wasmmod.Rewrite{}); err != nil || !bytes.Equal(out, wasm) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
}

func TestImportsAreRenamed(t *testing.T) {
	out, err := wasmmod.Apply(fixture(t, "tables"), wasmmod.Rewrite{Imports: func(im wasmmod.Import) (string, string) {
		return "t", "7 " + im.Module + "." + im.Name
	}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasmmod.Decode(out)
	if err != nil || m.Imports[0].Module != "t" || m.Imports[0].Name != "7 env.twice" {
		t.Errorf("%+v %v", m.Imports, err)
	}
}

func TestTablesAreBounded(t *testing.T) {
	out, err := wasmmod.Apply(fixture(t, "tables"), wasmmod.Rewrite{TableMax: 32})
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasmmod.Decode(out)
	if err != nil || fmt.Sprint(m.Tables) != "[{16 32 true false} {8 32 true false} {4 32 true false}]" {
		t.Errorf("tables %v %v", m.Tables, err)
	}
	if _, err := wasmmod.Apply(fixture(t, "tables"), wasmmod.Rewrite{TableMax: 15}); !errors.Is(err, wasmmod.ErrTooLarge) {
		t.Errorf("a minimum above the bound: got %v, want %v", err, wasmmod.ErrTooLarge)
	}
}

func TestBadModulesAreRefused(t *testing.T) {
	header := "\x00asm\x01\x00\x00\x00"
	many := "\xff\xff\xff\xff\x0f"
	for _, c := range []struct {
		name, wasm string
		want       error
	}{
		{"empty", "", wasmmod.ErrMalformed},
		{"junk", "hello world", wasmmod.ErrMalformed},
		{"component", "\x00asm\x0d\x00\x01\x00", wasmmod.ErrUnsupported},
		{"larger than the limit", header + strings.Repeat("\x00", wasmmod.MaxSize), wasmmod.ErrTooLarge},
		{"cut section", header + "\x01\x05\x01", wasmmod.ErrMalformed},
		{"sections out of order", header + section(3, "\x00") + section(1, "\x00"), wasmmod.ErrMalformed},
		{"repeated section", header + section(1, "\x00") + section(1, "\x00"), wasmmod.ErrMalformed},
		{"unknown section", header + section(14, "\x00"), wasmmod.ErrUnsupported},
		{"bytes after a section's content", header + section(1, "\x00\x00"), wasmmod.ErrMalformed},
		{"count without content: types", header + section(1, "\x80\x80\x04"), wasmmod.ErrMalformed},
		{"count above the limit: imports", header + section(2, many), wasmmod.ErrTooLarge},
		{"count above the limit: elements", header + section(4, "\x01\x70\x00\x01") + section(9, "\x01\x00\x41\x00\x0b"+many), wasmmod.ErrTooLarge},
		{"table above the limit", header + section(4, "\x01\x70\x00\xff\xff\xff\x7f"), wasmmod.ErrTooLarge},
		{"two memories", header + section(5, "\x02\x00\x01\x00\x01"), wasmmod.ErrUnsupported},
		{"64-bit memory", header + section(5, "\x01\x04\x01"), wasmmod.ErrUnsupported},
		{"maximum below minimum", header + section(5, "\x01\x01\x02\x01"), wasmmod.ErrMalformed},
		{"struct type", header + section(1, "\x01\x5f\x00"), wasmmod.ErrUnsupported},
		{"name is not UTF-8", header + section(7, "\x01\x01\xff\x00\x00"), wasmmod.ErrMalformed},
		{"functions without bodies", header + section(1, "\x01\x60\x00\x00") + section(3, "\x01\x00"), wasmmod.ErrMalformed},
		{"too many locals", header + section(1, "\x01\x60\x00\x00") + section(3, "\x01\x00") + section(10, "\x01\x08\x01"+many+"\x7f\x0b"), wasmmod.ErrTooLarge},
		{"segment longer than the module", header + section(5, "\x01\x00\x01") + section(11, "\x01\x00\x41\x00\x0b"+many), wasmmod.ErrMalformed},
	} {
		_, err := wasmmod.Decode([]byte(c.wasm))
		var typed *wasmmod.Error
		if !errors.Is(err, c.want) || !errors.As(err, &typed) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestMalformedNamesAreDropped(t *testing.T) {
	for _, names := range []string{"\x01\x02\xff\xff", "\x01\x05\x01\x09\x02ab", "\x01\x80\x80\x80\x80\x10", "\x00\x02\x01\xff"} {
		out := apply(t, append(moduleOf("\x20\x00\x0b"), section(0, sized("name")+names)...))
		if m, err := wasmmod.Decode(out); err != nil || len(m.Custom) != 0 {
			t.Errorf("%q: %v %v", names, m.Custom, err)
		}
	}
}
