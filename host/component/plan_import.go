package component

import (
	"slices"

	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// imports resolves each core import to a trampoline.
func (b *moduleBuilder) imports() error {
	for _, im := range b.mod.Imports {
		if im.Module == HostModule {
			continue
		}
		if im.Kind != wasmmod.Func {
			return unknownImport(im, "only functions can be imported, not "+im.Kind.String())
		}
		if err := b.importFunc(im); err != nil {
			return err
		}
	}
	return nil
}

func unknownImport(im wasmmod.Import, why string) error {
	return &PlanError{Kind: ErrUnknownImport, Name: im.Module + "#" + im.Name, Msg: why}
}

func (b *moduleBuilder) importFunc(im wasmmod.Import) error {
	n := importName(im.Module, im.Name)
	var t Trampoline
	var err error
	switch n.role {
	case function:
		t, err = b.lowered(im, n)
	default:
		t, err = b.intrinsic(im, n)
	}
	if err != nil {
		return err
	}
	b.plan.Trampolines = append(b.plan.Trampolines, t)
	b.plan.Instances[0].Imports[ImportName{im.Module, im.Name}] = Item{Instance: -1, Trampoline: len(b.plan.Trampolines) - 1}
	return nil
}

// lowered plans an imported function.
func (b *moduleBuilder) lowered(im wasmmod.Import, n coreName) (t Trampoline, err error) {
	iface, ft := b.importType(n)
	if ft == nil {
		return t, unknownImport(im, "neither a contract nor the module's component-type section describes it")
	}
	full := n.iface
	if iface != nil && b.mod != nil && im.Module != full {
		full = iface.Name // the standard scheme shortens versions
	}
	layout, err := b.importTypes.Func(ft)
	if err != nil {
		return t, &PlanError{Kind: ErrUnsupported, Name: im.Module + "#" + im.Name, Err: err}
	}
	params, results := layout.Lowered()
	if err := checkSignature(im.Module+"#"+im.Name, im.Sig, params, results); err != nil {
		return t, err
	}
	memory, realloc := layout.LowerNeeds()
	o, err := b.options(im.Module+"#"+im.Name, memory, realloc)
	if err != nil {
		return t, err
	}
	b.addImport(iface, Import{Interface: full, Name: n.name, Type: ft})
	return Trampoline{Kind: Lower, Type: layout, Import: len(b.plan.Imports) - 1, Lift: -1, Options: o}, nil
}

func (b *moduleBuilder) importType(n coreName) (*wit.Interface, *wit.FuncType) {
	if n.iface == "" {
		i := slices.IndexFunc(b.declared.ImportFuncs, func(f wit.Func) bool { return f.Name == n.name })
		if i < 0 {
			return nil, nil
		}
		return nil, b.declared.ImportFuncs[i].Type
	}
	iface := b.lookup(b.declared.Imports, n.iface)
	if iface == nil {
		return nil, nil
	}
	return iface, iface.Func(n.name)
}

func (b *moduleBuilder) addImport(iface *wit.Interface, im Import) {
	b.plan.Imports = append(b.plan.Imports, im)
	w := b.plan.World
	switch {
	case iface == nil:
		w.ImportFuncs = append(w.ImportFuncs, wit.Func{Name: im.Name, Type: im.Type})
	case !slices.Contains(w.Imports, iface):
		w.Imports = append(w.Imports, iface)
	}
}

// intrinsic plans resource.new, resource.rep or resource.drop.
func (b *moduleBuilder) intrinsic(im wasmmod.Import, n coreName) (t Trampoline, err error) {
	declared, defined := b.declared.Imports, n.role != resDrop
	if defined {
		declared = b.declared.Exports
	}
	iface := b.lookup(declared, n.iface)
	if iface == nil {
		return t, unknownImport(im, "neither a contract nor the module's component-type section describes interface "+n.iface)
	}
	r := resourceOf(iface, n.name)
	if r == nil {
		return t, unknownImport(im, "interface "+iface.Name+" has no resource "+n.name)
	}
	results := []byte{abi.I32}
	switch n.role {
	case resNew:
		t.Kind = ResourceNew
	case resRep:
		t.Kind = ResourceRep
	default:
		t.Kind, results = ResourceDrop, nil
	}
	t.Resource, t.Import, t.Lift = b.resource(r.Interface, r.Name, defined), -1, -1
	return t, checkSignature(im.Module+"#"+im.Name, im.Sig, []byte{abi.I32}, results)
}

// resourceOf finds a resource by the name that an interface knows it by: one of its own, or one that its functions use from
// another interface.
func resourceOf(iface *wit.Interface, name string) *wit.Resource {
	if r := iface.Resource(name); r != nil {
		return r
	}
	seen := map[*wit.Type]bool{}
	for _, f := range iface.Funcs {
		if r := usedResource(f.Type.Result, name, seen); r != nil {
			return r
		}
		for _, p := range f.Type.Params {
			if r := usedResource(p.Type, name, seen); r != nil {
				return r
			}
		}
	}
	return nil
}

func usedResource(t *wit.Type, name string, seen map[*wit.Type]bool) *wit.Resource {
	if t == nil || seen[t] {
		return nil
	}
	seen[t] = true
	if t.Resource != nil && t.Resource.Name == name {
		return t.Resource
	}
	inner := []*wit.Type{t.Elem, t.OK, t.Err}
	for _, f := range t.Fields {
		inner = append(inner, f.Type)
	}
	for _, x := range inner {
		if r := usedResource(x, name, seen); r != nil {
			return r
		}
	}
	return nil
}
