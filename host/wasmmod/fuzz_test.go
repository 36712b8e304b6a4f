package wasmmod_test

import (
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

// FuzzApply: what the engine takes without the checks, it takes with them; and what it refuses stays refused. The result
// is bounded.
func FuzzApply(f *testing.F) {
	seeds(f)
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features).WithMemoryLimitPages(1024).WithDebugInfoEnabled(false))
	f.Cleanup(func() { r.Close(ctx) })
	compiles := func(b []byte) error {
		m, err := r.CompileModule(ctx, b)
		if err == nil {
			m.Close(ctx)
		}
		return err
	}
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
