package component

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// HostModule is the import module that a plan leaves alone: the host gives it as a core module.
const HostModule = "wasi_snapshot_preview1"

// FromModule plans a core module that follows the Canonical ABI names (BuildTargets.md): either those that
// wit-bindgen has always used
//
//	import "ns:pkg/iface@1.2.3" "func", "[resource-drop]r"     import "[export]ns:pkg/iface@1.2.3" "[resource-new]r", "[resource-rep]r"
//	export "ns:pkg/iface@1.2.3#func", "cabi_post_…", "…#[dtor]r", "memory", "cabi_realloc", "_initialize"
//
// or those of the standard build target
//
//	import "cm32p2|ns:pkg/iface@1.2" "func", "r_drop"           import "cm32p2|_ex_ns:pkg/iface@1.2" "r_new", "r_rep"
//	export "cm32p2|ns:pkg/iface@1.2|func", "…_post", "…|r_dtor", "cm32p2_memory", "cm32p2_realloc", "cm32p2_initialize"
//
// The types come from the module's component-type custom sections, and for interfaces that they lack from contracts, which may be nil.
// Names of compatible versions match. Imports of HostModule stay as they are. The error is a *PlanError, or the one of
// the decoder of the module or of a section.
func FromModule(wasm []byte, contracts *wit.Set) (*Plan, error) {
	mod, err := wasmmod.Decode(wasm)
	if err != nil {
		return nil, err
	}
	declared, err := declaredWorld(mod)
	if err != nil {
		return nil, err
	}
	b := newModuleBuilder(wasm, mod, declared, contracts)
	if err := b.imports(); err != nil {
		return nil, err
	}
	if err := b.exports(); err != nil {
		return nil, err
	}
	return b.plan, nil
}

// declaredWorld is the union of the worlds of the module's sections.
func declaredWorld(mod *wasmmod.Module) (*wit.World, error) {
	union := &wit.World{}
	for _, s := range mod.CustomSections("component-type") {
		w, err := DecodeWorld(s.Data)
		if err != nil {
			return nil, fmt.Errorf("component: section %q: %w", s.Name, err)
		}
		if union.Name == "" {
			union.Name = w.Name
		}
		union.Imports = append(union.Imports, w.Imports...)
		union.Exports = append(union.Exports, w.Exports...)
		union.ImportFuncs = append(union.ImportFuncs, w.ImportFuncs...)
		union.ExportFuncs = append(union.ExportFuncs, w.ExportFuncs...)
	}
	return union, nil
}

// moduleBuilder makes the plan of one core module.
type moduleBuilder struct {
	plan      *Plan
	mod       *wasmmod.Module
	declared  *wit.World
	contracts *wit.Set
	names     scheme
	exported  map[string]*wasmmod.Export // exported core functions
	resources map[resourceKey]int

	importTypes, exportTypes abi.Compiler
}

type resourceKey struct {
	iface, name string
	defined     bool
}

func newModuleBuilder(wasm []byte, mod *wasmmod.Module, declared *wit.World, contracts *wit.Set) *moduleBuilder {
	b := &moduleBuilder{mod: mod, declared: declared, contracts: contracts, exported: map[string]*wasmmod.Export{}, resources: map[resourceKey]int{}}
	b.plan = &Plan{World: &wit.World{Name: declared.Name}, Modules: [][]byte{wasm}, Components: 1}
	b.plan.Instances = []CoreInstance{{Imports: map[ImportName]Item{}}}
	memory := false
	for i := range mod.Exports {
		e := &mod.Exports[i]
		memory = memory || e.Kind == wasmmod.Memory && e.Name == "cm32p2_memory"
		if e.Kind == wasmmod.Func {
			b.exported[e.Name] = e
		}
	}
	b.names = legacy
	if memory {
		b.names = standard
	}
	b.importTypes.Resource = func(r *wit.Resource) (int, error) { return b.resource(r.Interface, r.Name, false), nil }
	b.exportTypes.Resource = func(r *wit.Resource) (int, error) {
		return b.resource(r.Interface, r.Name, b.exportsInterface(r.Interface)), nil
	}
	return b
}

// resource numbers a resource type. Types of compatible versions of an interface are the same; the one that the program
// defines is another than the one that it imports.
func (b *moduleBuilder) resource(iface, name string, defined bool) int {
	key := resourceKey{wit.CompatibleName(iface), name, defined}
	n, ok := b.resources[key]
	if !ok {
		n = len(b.plan.Resources)
		b.resources[key] = n
		b.plan.Resources = append(b.plan.Resources, Resource{Interface: iface, Name: name, Defined: defined, Destructor: -1})
	}
	return n
}

// exportsInterface reports whether the module exports functions of the interface.
func (b *moduleBuilder) exportsInterface(iface string) bool {
	if findInterface(b.declared.Exports, iface) != nil {
		return true
	}
	key := wit.CompatibleName(iface)
	for name := range b.exported {
		if e, ok := b.names.export(name); ok && e.iface != "" && wit.CompatibleName(e.iface) == key {
			return true
		}
	}
	return false
}

// findInterface finds an interface by a compatible name.
func findInterface(in []*wit.Interface, name string) *wit.Interface {
	key := wit.CompatibleName(name)
	i := slices.IndexFunc(in, func(x *wit.Interface) bool { return x.Name == name || wit.CompatibleName(x.Name) == key })
	if i < 0 {
		return nil
	}
	return in[i]
}

func (b *moduleBuilder) lookup(declared []*wit.Interface, name string) *wit.Interface {
	if i := findInterface(declared, name); i != nil {
		return i
	}
	if b.contracts != nil {
		if i, ok := b.contracts.Interface(name); ok {
			return i
		}
	}
	return nil
}

// item is an export of the one core instance.
func (b *moduleBuilder) item(name string) Item { return Item{Name: name, Trampoline: -1} }

// options are the canonical options of a function that needs what is asked for.
func (b *moduleBuilder) options(name string, memory, realloc bool) (Options, error) {
	o := Options{Memory: -1, Realloc: -1, PostReturn: -1}
	if slices.ContainsFunc(b.mod.Exports, func(e wasmmod.Export) bool { return e.Kind == wasmmod.Memory && e.Name == b.names.memory }) {
		o.Memory = b.plan.memorySlot(b.item(b.names.memory))
	} else if memory {
		return o, &PlanError{Kind: ErrMissingExport, Name: b.names.memory, Msg: "function " + name + " passes values in memory"}
	}
	if b.exported[b.names.realloc] != nil {
		if err := b.checkSig(b.names.realloc, []byte{abi.I32, abi.I32, abi.I32, abi.I32}, []byte{abi.I32}); err != nil {
			return o, err
		}
		o.Realloc = b.plan.funcSlot(b.item(b.names.realloc))
	} else if realloc {
		return o, &PlanError{Kind: ErrMissingExport, Name: b.names.realloc, Msg: "function " + name + " needs it to get values of any length"}
	}
	return o, nil
}

// checkSig compares the core signature of an export with what it must be.
func (b *moduleBuilder) checkSig(export string, params, results []byte) error {
	return checkSignature(export, b.exported[export].Sig, params, results)
}

func checkSignature(name string, have wasmmod.FuncSig, params, results []byte) error {
	if bytes.Equal(have.Params, params) && bytes.Equal(have.Results, results) {
		return nil
	}
	return &PlanError{Kind: ErrSignature, Name: name,
		Msg: fmt.Sprintf("is %v, its type asks for %v", have, wasmmod.FuncSig{Params: params, Results: results})}
}
