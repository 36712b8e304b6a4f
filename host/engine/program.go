package engine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// Program is a compiled module, ready to be instantiated. It is shared by all who load the same bytes, and safe for
// concurrent use.
type Program struct {
	engine  *Engine
	load    *load
	hash    [32]byte
	plan    *component.Plan
	modules []wazero.CompiledModule // by core module of the plan
	owned   []wazero.CompiledModule // distinct ones, to be closed
	host    api.Module              // the trampolines; nil if there are none
	minimum uint64                  // bytes of memory that instantiation takes
	tables  int                     // tables of all core instances
	base    wazero.ModuleConfig
}

// World is what the program imports and exports.
func (p *Program) World() *wit.World { return p.plan.World }

// Hash is the SHA-256 of the program's bytes.
func (p *Program) Hash() [32]byte { return p.hash }

// Imports are the functions that the program wants from its host.
func (p *Program) Imports() []component.Import { return p.plan.Imports }

// MinMemory is the memory in bytes that an instance takes before it runs.
func (p *Program) MinMemory() uint64 { return p.minimum }

// Release gives up the caller's reference from Load. Pools have their own.
func (p *Program) Release() { p.engine.unref(p.hash, p.load) }

func (e *Engine) compile(ctx context.Context, hash [32]byte, wasm []byte) (*Program, error) {
	plan, err := component.FromBinary(wasm, e.cfg.Contracts)
	if err != nil {
		return nil, invalid(err)
	}
	p := &Program{engine: e, hash: hash, plan: plan, base: baseConfig()}
	if err := p.build(ctx); err != nil {
		p.free(ctx)
		return nil, err
	}
	return p, nil
}

// baseConfig is what the instances of all programs have in common.
func baseConfig() wazero.ModuleConfig {
	return wazero.NewModuleConfig().WithName("").WithStartFunctions().
		WithSysWalltime().WithSysNanotime().WithRandSource(rand.Reader).WithOsyield(func() {})
}

func (p *Program) build(ctx context.Context) error {
	if err := p.trampolines(ctx); err != nil {
		return err
	}
	used := make([]bool, len(p.plan.Modules))
	seen := map[[32]byte]wazero.CompiledModule{}
	for i := range p.plan.Instances {
		ci := &p.plan.Instances[i]
		used[ci.Module] = true
		wasm, err := p.prepare(ci)
		if err != nil {
			return invalid(err)
		}
		key := sha256.Sum256(wasm)
		if seen[key] == nil {
			if seen[key], err = p.compileModule(ctx, wasm); err != nil {
				return err
			}
		}
		p.modules = append(p.modules, seen[key])
	}
	return p.checkUnused(ctx, used)
}

func (p *Program) compileModule(ctx context.Context, wasm []byte) (wazero.CompiledModule, error) {
	c, err := p.engine.runtime.CompileModule(experimental.WithCompilationWorkers(ctx, p.engine.cfg.CompileWorkers), wasm)
	if err != nil {
		return nil, invalid(err)
	}
	p.owned = append(p.owned, c)
	return c, nil
}

// checkUnused compiles the modules of a component that it never instantiates: a file is valid only as a whole.
func (p *Program) checkUnused(ctx context.Context, used []bool) error {
	for i, wasm := range p.plan.Modules {
		if used[i] {
			continue
		}
		// The engine knows no empty module name, so all imports get one.
		wasm, err := wasmmod.Apply(wasm, wasmmod.Rewrite{Meter: true, Imports: func(im wasmmod.Import) (string, string) {
			return trampolineModule, im.Name
		}})
		if err != nil {
			return invalid(err)
		}
		if _, err := p.compileModule(ctx, wasm); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes a core module's imports name what the plan says, and puts the meter in.
func (p *Program) prepare(ci *component.CoreInstance) ([]byte, error) {
	wasm := p.plan.Modules[ci.Module]
	mod, err := wasmmod.Decode(wasm)
	if err != nil {
		return nil, err
	}
	if err := p.checkHostImports(mod, ci); err != nil {
		return nil, err
	}
	if err := p.count(mod); err != nil {
		return nil, err
	}
	return mod.Apply(wasmmod.Rewrite{Meter: true, TableMax: maxTable, Imports: func(im wasmmod.Import) (string, string) {
		it, ok := ci.Imports[component.ImportName{Module: im.Module, Name: im.Name}]
		switch {
		case !ok:
			return im.Module, im.Name
		case it.Instance < 0:
			return trampolineModule, strconv.Itoa(it.Trampoline)
		}
		return instancePrefix + strconv.Itoa(it.Instance), it.Name
	}})
}

// count adds up what an instance of the program takes: its memories, and its tables, which are bounded by their number.
func (p *Program) count(mod *wasmmod.Module) error {
	memories, tables := 0, 0
	for _, im := range mod.Imports {
		switch im.Kind {
		case wasmmod.Memory:
			memories++
		case wasmmod.Table:
			tables++
		}
	}
	for _, m := range mod.Memories[memories:] {
		p.minimum += uint64(m.Min) << 16
	}
	if p.tables += len(mod.Tables) - tables; p.tables > maxTables {
		return fmt.Errorf("%d tables in all core instances; at most %d", p.tables, maxTables)
	}
	return nil
}

// Names that rewritten imports use; they mean something to the resolver of an instantiation only.
const (
	trampolineModule = "t"
	instancePrefix   = "i"
)

// maxTable bounds the elements of a table: they lie in Go's heap, 8 bytes each.
const maxTable = 1 << 17

// maxTables bounds the tables of an instance, over all its core instances.
const maxTables = 64

// checkHostImports makes sure that what the plan leaves to the host's own module is there.
func (p *Program) checkHostImports(mod *wasmmod.Module, ci *component.CoreInstance) error {
	for _, im := range mod.Imports {
		if _, planned := ci.Imports[component.ImportName{Module: im.Module, Name: im.Name}]; planned {
			continue
		}
		def, ok := p.engine.wasi[im.Name]
		if im.Module != component.HostModule || im.Kind != wasmmod.Func || !ok {
			return fmt.Errorf("unknown import %q: the host has no such function", im.Module+"#"+im.Name)
		}
		if string(def.ParamTypes()) != string(im.Sig.Params) || string(def.ResultTypes()) != string(im.Sig.Results) {
			return fmt.Errorf("import %q has the wrong signature", im.Module+"#"+im.Name)
		}
	}
	return nil
}

var i32x1 = []api.ValueType{api.ValueTypeI32}

// trampolines makes the host module with the program's trampolines. They find their instance through the context.
func (p *Program) trampolines(ctx context.Context) error {
	if len(p.plan.Trampolines) == 0 {
		return nil
	}
	b := p.engine.runtime.NewHostModuleBuilder(trampolineModule)
	for i := range p.plan.Trampolines {
		f, params, results := p.trampoline(&p.plan.Trampolines[i])
		b.NewFunctionBuilder().WithGoModuleFunction(f, params, results).Export(strconv.Itoa(i))
	}
	compiled, err := b.Compile(ctx)
	if err != nil {
		return invalid(err)
	}
	p.owned = append(p.owned, compiled)
	p.host, err = p.engine.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return invalid(err)
	}
	return nil
}

func (p *Program) trampoline(t *component.Trampoline) (f api.GoModuleFunc, params, results []api.ValueType) {
	switch t.Kind {
	case component.ResourceNew:
		return func(ctx context.Context, _ api.Module, stack []uint64) { instanceOf(ctx).resourceNew(t, stack) }, i32x1, i32x1
	case component.ResourceRep:
		return func(ctx context.Context, _ api.Module, stack []uint64) { instanceOf(ctx).resourceRep(t, stack) }, i32x1, i32x1
	case component.ResourceDrop:
		return func(ctx context.Context, _ api.Module, stack []uint64) { instanceOf(ctx).resourceDrop(t, stack) }, i32x1, nil
	}
	params, results = t.Type.Lowered()
	return func(ctx context.Context, _ api.Module, stack []uint64) { instanceOf(ctx).lower(t, stack) }, params, results
}

// free closes what the program has compiled. No instance of it may be left.
func (p *Program) free(ctx context.Context) {
	var errs []error
	if p.host != nil {
		errs = append(errs, p.host.Close(ctx))
	}
	for _, c := range p.owned {
		errs = append(errs, c.Close(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		p.engine.cfg.Log.Warn("engine: closing a program", "err", err)
	}
}

// ownedResource reports whether instances of component instance comp define the resource type themselves.
func (p *Program) ownedResource(comp, res int) bool {
	r := &p.plan.Resources[res]
	return r.Defined && r.Component == comp
}
