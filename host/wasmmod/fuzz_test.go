package wasmmod_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wattle-io/wattle/host/wasmmod"
)

func seeds(f *testing.F) {
	for _, name := range append(behaving, "runaway") {
		f.Add(fixture(f, name))
	}
	f.Add(moduleOf("\x20\x00\x0b"))
	f.Add(moduleOf("\xfd\x8c\x80\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xfd\x9b\x00\x00\x0b"))
	f.Add(moduleOf("\x03\x40\x02\x40\x20\x00\x0e\x02\x00\x01\x02\x0b\x0c\x00\x0b\x00\x0b"))
}

// typed fails the test for an error that is not one of the package.
func typed(t *testing.T, err error) {
	t.Helper()
	var e *wasmmod.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("error without a kind: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := wasmmod.Decode(b)
		typed(t, err)
	})
}

// compiler tells whether the engine takes a module.
func compiler(f *testing.F) func([]byte) error {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features).WithMemoryLimitPages(1024).WithDebugInfoEnabled(false))
	f.Cleanup(func() { r.Close(ctx) })
	return func(b []byte) error {
		m, err := r.CompileModule(ctx, b)
		if err == nil {
			m.Close(ctx)
		}
		return err
	}
}

// FuzzApply: what the engine takes without the checks, it takes with them. The result is bounded.
func FuzzApply(f *testing.F) {
	seeds(f)
	compiles := compiler(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := wasmmod.Apply(b, wasmmod.Rewrite{Meter: true})
		if typed(t, err); err != nil {
			return
		}
		if len(out) > 16*len(b)+1024 {
			t.Fatalf("%d bytes became %d", len(b), len(out))
		}
		plain, err := wasmmod.Apply(b, wasmmod.Rewrite{})
		if err != nil {
			t.Fatalf("with checks but not without: %v", err)
		}
		before, after := compiles(plain), compiles(out)
		if before == nil && after != nil {
			t.Fatalf("the engine takes the module but not the metered one: %v", after)
		}
	})
}

// FuzzCode: the same for the code of one function; and what the engine refuses must not become valid, or a guest could
// reach what was added. Opcodes behind a prefix are apart: their long forms are shortened.
func FuzzCode(f *testing.F) {
	compiles := compiler(f)
	for _, code := range []string{"\x20\x00\x0b", "\x41\x7f\x24\x01\x20\x00\x0b", "\x41\x00\x21\x02\x20\x00\x0b", "\x20\x00\x10\x00\x0b",
		"\x03\x40\x02\x40\x20\x00\x0e\x02\x00\x01\x02\x0b\x0c\x00\x0b\x00\x0b", "\x20\x00\x03\x7f\x41\x01\x0d\x00\x41\x02\x0b\x6a\x0b",
		"\x20\x00\x04\x7f\x20\x00\x05\x41\x01\x12\x00\x0b\x0b", "\x1f\x40\x01\x02\x00\x0b\x20\x00\x0b"} {
		f.Add([]byte(code))
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) > 1000 {
			return
		}
		b := moduleOf(string(code))
		out, err := wasmmod.Apply(b, wasmmod.Rewrite{Meter: true})
		if typed(t, err); err != nil {
			return
		}
		before, after := compiles(b), compiles(out)
		if before == nil && after != nil {
			t.Fatalf("the engine takes the module but not the metered one: %v", after)
		}
		if before != nil && after == nil && !bytes.ContainsAny(code, "\xfc\xfd\xfe") {
			t.Fatalf("the engine refuses the module but takes the metered one: %v", before)
		}
	})
}
