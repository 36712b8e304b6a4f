// Package engine runs guests: it compiles modules into programs, keeps pools of their instances, and calls their functions with
// values in the encoding of package wit.
//
// It is built on wazero, which runs core modules only; what imports, exports and values mean comes from packages
// component (the plan) and abi (lift and lower). The engine keeps guests within their limits: each module is metered (package
// wasmmod), so that it hands control to Go every few thousand steps, where deadline, cancellation and stop are looked at; memory lies outside
// of Go's heap and within a limit; so do stack and handles.
//
// It knows nothing of links, grants or the lattice: which Go functions stand behind a program's imports is given to
// NewPool.
package engine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// Config is how an Engine is made.
type Config struct {
	CacheDir       string       // directory for compiled code, made if need be; "" keeps it in memory only
	CompileWorkers int          // goroutines that compile one module; default 1
	Contracts      *wit.Set     // types of interfaces that modules do not describe themselves; may be nil
	Interpreter    bool         // interpret instead of compiling; what happens anyway where wazero has no compiler
	Log            *slog.Logger // default: discard
}

// Engine compiles and runs programs. It is safe for concurrent use.
type Engine struct {
	cfg     Config
	runtime wazero.Runtime
	cache   wazero.CompilationCache // nil without CacheDir
	yield   api.Module              // the module with the meter's exit into Go
	wasi    map[string]api.FunctionDefinition

	mu       sync.Mutex
	programs map[[32]byte]*load // guarded by mu
	closed   bool               // guarded by mu
}

// load is a Program that is there or is being made.
type load struct {
	done    chan struct{} // closed when program or err is set
	program *Program
	err     error
	refs    int // guarded by Engine.mu
}

// coreFeatures are the WebAssembly features that guests may use. Threads are out, since their waits cannot be interrupted, and exceptions,
// since wazero copies the stack at each try: a guest could fill the host's memory.
const coreFeatures = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst

// New makes an engine. Close it to free what it holds.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	if cfg.CompileWorkers < 1 {
		cfg.CompileWorkers = 1
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{cfg: cfg, programs: map[[32]byte]*load{}}
	rc := wazero.NewRuntimeConfig()
	if cfg.Interpreter {
		rc = wazero.NewRuntimeConfigInterpreter()
	}
	rc = rc.WithCoreFeatures(coreFeatures).WithDebugInfoEnabled(false)
	if cfg.CacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(cfg.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("engine: cache of compiled code in %s: %w", cfg.CacheDir, err)
		}
		e.cache, rc = cache, rc.WithCompilationCache(cache)
	}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, rc)
	if err := e.hostModules(ctx); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return e, nil
}

// hostModules instantiates what every guest may import: the meter's yield and WASI preview 1.
func (e *Engine) hostModules(ctx context.Context) (err error) {
	b := e.runtime.NewHostModuleBuilder(wasmmod.YieldModule)
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(yield), i32x1, i32x1).Export(wasmmod.YieldName)
	compiled, err := b.Compile(ctx)
	if err != nil {
		return err
	}
	if e.yield, err = e.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("")); err != nil {
		return err
	}
	wasi, err := wasi_snapshot_preview1.NewBuilder(e.runtime).Compile(ctx)
	if err != nil {
		return err
	}
	e.wasi = wasi.ExportedFunctions()
	_, err = e.runtime.InstantiateModule(ctx, wasi, wazero.NewModuleConfig())
	return err
}

// Load gives the Program of a module: the same one for the same bytes, compiled once. Release it when it is no longer needed.
// The error is an *Error of kind ErrInvalidModule or ErrClosed, or that of ctx.
func (e *Engine) Load(ctx context.Context, wasm []byte) (*Program, error) {
	hash := sha256.Sum256(wasm)
	l, mine, err := e.entry(hash)
	if err != nil {
		return nil, err
	}
	if mine {
		if l.program, l.err = e.compile(context.WithoutCancel(ctx), hash, wasm); l.program != nil {
			l.program.load = l
		}
		close(l.done)
	}
	select {
	case <-l.done:
	case <-ctx.Done():
		e.unref(hash, l) // not the last one: who compiles has one too
		return nil, ctx.Err()
	}
	if l.err != nil {
		e.unref(hash, l)
		return nil, l.err
	}
	return l.program, nil
}

// entry finds or makes the load of a hash, with a reference for the caller.
func (e *Engine) entry(hash [32]byte) (l *load, made bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, false, errorf(ErrClosed, "the engine is closed")
	}
	l = e.programs[hash]
	if l == nil {
		l, made = &load{done: make(chan struct{})}, true
		e.programs[hash] = l
	}
	l.refs++
	return l, made, nil
}

// unref gives up a reference; the last one frees the program.
func (e *Engine) unref(hash [32]byte, l *load) {
	e.mu.Lock()
	l.refs--
	last := l.refs == 0
	if last && e.programs[hash] == l {
		delete(e.programs, hash)
	}
	e.mu.Unlock()
	if last && l.program != nil {
		l.program.free(context.Background())
	}
}

func (e *Engine) retain(l *load) {
	e.mu.Lock()
	l.refs++
	e.mu.Unlock()
}

// Close frees all compiled code. Pools must be closed before: instances that still run are not waited for.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	if closed {
		return nil
	}
	err := e.runtime.Close(ctx)
	if e.cache != nil {
		if cerr := e.cache.Close(ctx); err == nil {
			err = cerr
		}
	}
	return err
}
