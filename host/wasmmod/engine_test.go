package wasmmod_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wattle-io/wattle/host/wasmmod"
)

// features is all that the engine can take.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesThreads | experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesExceptionHandling |
	experimental.CoreFeaturesTypedFunctionReferences

var (
	errFuel  = errors.New("out of fuel")
	errStack = errors.New("out of stack")
)

// host plays the host's part: it gives slices of fuel until the allowance is used up.
type host struct {
	slice  int32
	yields int // left, each of one slice; negative: no end
	used   int
}

func (h *host) yield(_ context.Context, s []uint64) {
	if uint32(s[0]) == wasmmod.YieldStack {
		panic(errStack)
	}
	if h.yields == 0 {
		panic(errFuel)
	}
	h.yields--
	h.used++
	s[0] = uint64(h.slice)
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func apply(t testing.TB, wasm []byte) []byte {
	t.Helper()
	out, err := wasmmod.Apply(wasm, wasmmod.Rewrite{Meter: true})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// instantiate runs a module with the host functions that the fixtures import.
func instantiate(t testing.TB, wasm []byte, h *host) api.Module {
	t.Helper()
	mod, err := newRuntime(t, h).InstantiateWithConfig(context.Background(), wasm, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatal(err)
	}
	return mod
}

func newRuntime(t testing.TB, h *host) wazero.Runtime {
	t.Helper()
	ctx, i32 := context.Background(), []api.ValueType{api.ValueTypeI32}
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(features).WithMemoryLimitPages(4096))
	t.Cleanup(func() { r.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	if h != nil {
		if _, err := r.NewHostModuleBuilder(wasmmod.YieldModule).NewFunctionBuilder().
			WithGoFunction(api.GoFunc(h.yield), i32, i32).Export(wasmmod.YieldName).Instantiate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	twice := api.GoFunc(func(_ context.Context, s []uint64) { s[0] = uint64(uint32(s[0]) * 2) })
	if _, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithGoFunction(twice, i32, i32).Export("twice").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// stackLeft and fuelLeft read the counters.
func stackLeft(mod api.Module) int32 { return int32(mod.ExportedGlobal(wasmmod.StackGlobal).Get()) }
func fuelLeft(mod api.Module) int32  { return int32(mod.ExportedGlobal(wasmmod.FuelGlobal).Get()) }

func setStack(mod api.Module, v uint32) {
	mod.ExportedGlobal(wasmmod.StackGlobal).(api.MutableGlobal).Set(uint64(v))
}

// goGuest builds testdata/goguest, once.
var goGuest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "goguest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-o", out, ".")
	cmd.Dir, cmd.Env = "testdata/goguest", append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(msg))
	}
	return os.ReadFile(out)
})

func needGoGuest(t testing.TB) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a Go guest")
	}
	b, err := goGuest()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
