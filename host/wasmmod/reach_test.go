package wasmmod_test

import (
	"context"
	"errors"
	"testing"

	"github.com/wattle-io/wattle/host/wasmmod"
)

// A module for tests: one memory, one global, one function of type (i32) -> (i32), exported as f, with the given code after one
// declared i32 local.
func moduleOf(code string) []byte {
	body := "\x01\x01\x7f" + code
	return []byte("\x00asm\x01\x00\x00\x00" +
		section(1, "\x01\x60\x01\x7f\x01\x7f") +
		section(3, "\x01\x00") +
		section(5, "\x01\x00\x01") +
		section(6, "\x01\x7f\x01\x41\x00\x0b") +
		section(7, "\x01\x01f\x00\x00") +
		section(10, "\x01"+sized(body)))
}

func section(id byte, body string) string { return string([]byte{id}) + sized(body) }

func sized(s string) string {
	if len(s) > 127 {
		return string([]byte{byte(len(s)&0x7f) | 0x80, byte(len(s) >> 7)}) + s
	}
	return string([]byte{byte(len(s))}) + s
}

// TestGuestCannotReachTheCounters: what Apply appends has the indexes after the module's own. A module that uses those is
// invalid before, and must not become valid.
func TestGuestCannotReachTheCounters(t *testing.T) {
	header := "\x00asm\x01\x00\x00\x00"
	for name, wasm := range map[string][]byte{
		"set the fuel global":     moduleOf("\x41\x7f\x24\x01\x20\x00\x0b"),
		"set the stack global":    moduleOf("\x41\x7f\x24\x02\x20\x00\x0b"),
		"set an added local":      moduleOf("\x41\x00\x21\x02\x20\x00\x0b"),
		"tee an added local":      moduleOf("\x41\x00\x22\x02\x0b"),
		"call yield":              moduleOf("\x20\x00\x10\x01\x0b"),
		"call an added helper":    moduleOf("\x20\x00\x10\x02\x20\x00\x0b"),
		"block of an added type":  moduleOf("\x20\x00\x02\x01\x0b\x0b"),
		"call_indirect of a type": moduleOf("\x20\x00\x20\x00\x11\x01\x00\x0b"),
		"ref.func of a helper":    moduleOf("\xd2\x02\x1a\x20\x00\x0b"),
		"start of a helper":       []byte(header + section(8, "\x00")),
		"export of the global":    []byte(header + section(7, "\x01\x01g\x03\x00")),
		"export of a helper":      []byte(header + section(7, "\x01\x01f\x00\x00")),
		"global from the global":  []byte(header + section(6, "\x01\x7f\x00\x23\x00\x0b")),
		"element with a helper":   []byte(header + section(4, "\x01\x70\x00\x01") + section(9, "\x01\x00\x41\x00\x0b\x01\x00")),
	} {
		if _, err := wasmmod.Apply(wasm, wasmmod.Rewrite{Meter: true}); !errors.Is(err, wasmmod.ErrMalformed) {
			t.Errorf("%s: got %v, want %v", name, err, wasmmod.ErrMalformed)
		}
	}
}

func TestReservedNamesAreRefused(t *testing.T) {
	header := "\x00asm\x01\x00\x00\x00"
	imports := func(module, name string) []byte {
		return []byte(header + section(2, "\x01"+sized(module)+sized(name)+"\x03\x7f\x01"))
	}
	for name, wasm := range map[string][]byte{
		"export": []byte(header + section(6, "\x01\x7f\x00\x41\x00\x0b") + section(7, "\x01"+sized(wasmmod.FuelGlobal)+"\x03\x00")),
		"import": imports("env", wasmmod.StackGlobal),
		"yield":  imports(wasmmod.YieldModule, wasmmod.YieldName),
	} {
		if _, err := wasmmod.Apply(wasm, wasmmod.Rewrite{Meter: true}); !errors.Is(err, wasmmod.ErrUnsupported) {
			t.Errorf("%s: got %v, want %v", name, err, wasmmod.ErrUnsupported)
		}
	}
	rename := wasmmod.Rewrite{Meter: true, Imports: func(wasmmod.Import) (string, string) { return "i0", wasmmod.FuelGlobal }}
	if _, err := wasmmod.Apply(imports("env", "x"), rename); !errors.Is(err, wasmmod.ErrUnsupported) {
		t.Errorf("import renamed to the fuel of another instance: got %v, want %v", err, wasmmod.ErrUnsupported)
	}
}

// TestLongOpcodesAreShortened: the engine takes the first byte after 0xfd for the whole opcode, so that the spec's longer
// forms mean something else to it: 8c 00 is v128.const to the spec, and an instruction without immediates to the engine.
func TestLongOpcodesAreShortened(t *testing.T) {
	zeros := "\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	for name, code := range map[string]string{
		"v128.const": "\xfd\x8c\x80\x00" + zeros + "\xfd\x9b\x00\x00\x0b",                                      // i32x4.extract_lane 0
		"i64x2.eq":   "\xfd\x0c" + zeros + "\xfd\x0c" + zeros + "\xfd\xd6\x81\x00\xfd\x1b\x00\x41\x08\x6a\x0b", // -1 + 8
		"trunc_sat":  "\x43\x00\x00\xe0\x40\xfc\x80\x80\x00\x0b",                                               // 7.0
	} {
		mod := instantiate(t, apply(t, moduleOf(code)), &host{slice: 1000, yields: -1})
		got, err := mod.ExportedFunction("f").Call(context.Background(), 1)
		if err != nil || got[0] != 7 {
			t.Errorf("%s: got %v %v, want 7", name, got, err)
		}
	}
}

func TestUnknownInstructionsAreRefused(t *testing.T) {
	for name, code := range map[string]string{
		"legacy try":      "\x06\x40\x0b\x20\x00\x0b",
		"relaxed simd":    "\xfd\x80\x02\x0b",
		"reserved simd":   "\xfd\x9a\x01\x0b",
		"gc":              "\xfb\x00\x00\x0b",
		"ref.eq":          "\xd3\x0b",
		"misc 18":         "\xfc\x12\x0b",
		"second memory":   "\x41\x00\x28\x42\x01\x00\x0b",
		"atomic wait":     "\x41\x00\x41\x00\x42\x00\xfe\x01\x02\x00\x0b",
		"not an opcode":   "\xff\x0b",
		"memory.grow 1":   "\x41\x00\x40\x01\x0b",
		"memory.copy 0 1": "\x41\x00\x41\x00\x41\x00\xfc\x0a\x00\x01\x0b",
	} {
		_, err := wasmmod.Apply(moduleOf(code), wasmmod.Rewrite{Meter: true})
		if !errors.Is(err, wasmmod.ErrUnsupported) {
			t.Errorf("%s: got %v, want %v", name, err, wasmmod.ErrUnsupported)
		}
	}
}

func TestIllNestedCodeIsRefused(t *testing.T) {
	for name, code := range map[string]string{
		"no end":          "\x20\x00",
		"code after end":  "\x20\x00\x0b\x01\x0b",
		"block left open": "\x02\x40\x20\x00\x0b",
		"cut immediate":   "\x41\x80",
		"long number":     "\x41\x80\x80\x80\x80\x80\x00\x0b",
		"unused bits":     "\x41\xff\xff\xff\xff\x4f\x0b",
		"empty":           "",
	} {
		if _, err := wasmmod.Apply(moduleOf(code), wasmmod.Rewrite{Meter: true}); !errors.Is(err, wasmmod.ErrMalformed) {
			t.Errorf("%s: got %v, want %v", name, err, wasmmod.ErrMalformed)
		}
	}
}
