package component

import (
	"bytes"

	"github.com/wattle-io/wattle/host/wasmmod"
)

// moduleType is the type of a core module: what it imports and exports.
type moduleType struct {
	imports  []moduleImport
	imported map[ImportName]int // index in imports
	exports  map[string]coreType
}

type moduleImport struct {
	ImportName
	typ coreType
}

// coreType is the type of a core import or export.
type coreType struct {
	kind    wasmmod.Kind
	sig     wasmmod.FuncSig // functions
	limits  wasmmod.Limits  // memories and tables
	val     byte            // globals, and elements of tables
	mutable bool
}

func moduleTypeOf(m *wasmmod.Module) *moduleType {
	t := &moduleType{imported: make(map[ImportName]int, len(m.Imports)), exports: make(map[string]coreType, len(m.Exports))}
	for i := range m.Imports {
		im := &m.Imports[i]
		c := coreType{kind: im.Kind, sig: im.Sig, limits: im.Limits, val: im.Type, mutable: im.Mutable}
		t.add(ImportName{im.Module, im.Name}, c)
	}
	for _, e := range m.Exports {
		c := coreType{kind: e.Kind, sig: e.Sig}
		switch e.Kind {
		case wasmmod.Table:
			c.limits, c.val = m.Tables[e.Index], m.TableElem(e.Index)
		case wasmmod.Memory:
			c.limits = m.Memories[e.Index]
		case wasmmod.Global:
			c.val, c.mutable = m.Global(e.Index)
		}
		t.exports[e.Name] = c
	}
	return t
}

func (t *moduleType) add(n ImportName, c coreType) {
	t.imported[n] = len(t.imports)
	t.imports = append(t.imports, moduleImport{n, c})
}

// coreType evaluates a core type definition.
func (l *linker) coreType(s *scope, d any) any {
	if f, ok := d.(*coreFuncDef); ok {
		return &f.sig
	}
	t := &moduleType{imported: map[ImportName]int{}, exports: map[string]coreType{}}
	inner := &scope{parent: s}
	for _, m := range d.(*moduleTypeDef).decls {
		l.step()
		switch {
		case m.imported:
			n := ImportName{m.module, m.name}
			if _, ok := t.imported[n]; ok {
				l.fail("duplicate import name %q %q", n.Module, n.Name)
			}
			t.add(n, l.described(inner, &m.desc))
		case m.exported:
			if _, ok := t.exports[m.name]; ok {
				l.fail("export name %q already defined", m.name)
			}
			t.exports[m.name] = l.described(inner, &m.desc)
		case m.typ != nil:
			inner.coreTypes = append(inner.coreTypes, &m.typ.sig)
		default:
			l.coreOuterAlias(inner, m.count, m.index)
		}
	}
	return t
}

func (l *linker) described(s *scope, d *coreDesc) coreType {
	t := d.coreType
	if d.kind == wasmmod.Func || d.kind == wasmmod.Tag {
		t.sig = l.funcSig(s, d.typ)
	}
	return t
}

func (l *linker) coreOuterAlias(s *scope, count, index uint32) {
	outer := s
	for ; count > 0; count-- {
		if outer = outer.parent; outer == nil {
			l.fail("invalid outer alias count")
		}
	}
	t := at(l, outer.coreTypes, index, "core type")
	if _, ok := t.(*moduleType); ok {
		l.fail("core type %d is a module type, which has no place in another one", index)
	}
	s.coreTypes = append(s.coreTypes, t)
}

func (l *linker) coreInstance(s *scope, d *coreInstanceDef) *coreInst {
	if d.instantiate {
		return l.instantiateModule(s, d)
	}
	out := &coreInst{index: -1, exports: map[string]coreItem{}}
	for _, x := range d.exports {
		l.step()
		if _, ok := out.exports[x.name]; ok {
			l.fail("export name %q already defined", x.name)
		}
		out.exports[x.name] = l.coreItem(s, x.ref.sort, x.ref.index)
	}
	return out
}

func (l *linker) coreItem(s *scope, sort byte, index uint32) coreItem {
	kind := wasmmod.Kind(sort &^ coreSort)
	if kind > wasmmod.Tag {
		l.fail("core sort %#02x has no place here", byte(kind))
	}
	return at(l, s.core[kind], index, kind.String())
}

func (l *linker) instantiateModule(s *scope, d *coreInstanceDef) *coreInst {
	m := at(l, s.modules, d.module, "module")
	args := map[string]*coreInst{}
	for _, a := range d.args {
		if args[a.name] != nil {
			l.fail("duplicate module instantiation argument named %q", a.name)
		}
		args[a.name] = at(l, s.coreInsts, a.instance, "core instance")
	}
	imports := make(map[ImportName]Item, len(m.typ.imports))
	for i := range m.typ.imports {
		im := &m.typ.imports[i]
		l.step()
		imports[im.ImportName] = l.coreArgument(args, im)
	}
	return l.newCoreInstance(m, imports)
}

func (l *linker) coreArgument(args map[string]*coreInst, im *moduleImport) Item {
	from := args[im.Module]
	if from == nil {
		l.fail("missing module instantiation argument %q", im.Module)
	}
	it, ok := from.exports[im.Name]
	if !ok {
		l.fail("module instantiation argument %q does not export an item named %q", im.Module, im.Name)
	}
	if why := it.fits(&im.typ); why != "" {
		l.fail("module instantiation argument %q, item %q: %s", im.Module, im.Name, why)
	}
	return it.item
}

// newCoreInstance adds an instance to the plan. One of an abstract module cannot be: then the plan never runs.
func (l *linker) newCoreInstance(m *moduleEntity, imports map[ImportName]Item) *coreInst {
	out := &coreInst{index: len(l.plan.Instances), exports: make(map[string]coreItem, len(m.typ.exports))}
	switch {
	case l.dry:
	case m.index < 0:
		l.missing["a core module"] = true
	case len(l.plan.Instances) >= maxInstances:
		l.unsupported("component", "it has more than %d core instances", maxInstances)
	default:
		l.plan.Instances = append(l.plan.Instances, CoreInstance{Module: m.index, Imports: imports})
	}
	for name, t := range m.typ.exports {
		out.exports[name] = coreItem{t, Item{Instance: out.index, Name: name, Trampoline: -1}}
	}
	l.work += len(m.typ.exports)
	return out
}

func (l *linker) coreAlias(s *scope, d *decl) {
	it, ok := at(l, s.coreInsts, d.a, "core instance").exports[d.name]
	if !ok {
		l.fail("core instance %d has no export named %q", d.a, d.name)
	}
	if kind := wasmmod.Kind(d.sort &^ coreSort); it.kind != kind {
		l.fail("export %q of core instance %d is a %s, not a %s", d.name, d.a, it.kind, kind)
	}
	s.core[it.kind] = append(s.core[it.kind], it)
}

// fits reports why something cannot be imported as a type (core specification, "Import Matching"); "" if it can.
func (t *coreType) fits(want *coreType) string {
	switch {
	case t.kind != want.kind:
		return "expected " + want.kind.String() + ", found " + t.kind.String()
	case t.kind == wasmmod.Func && !sameSig(t.sig, want.sig):
		return "expected a function " + want.sig.String() + ", found " + t.sig.String()
	case t.kind == wasmmod.Global && (t.val != want.val || t.mutable != want.mutable):
		return "expected another type of global"
	case t.kind == wasmmod.Table && t.val != want.val:
		return "expected another type of table elements"
	case t.kind == wasmmod.Memory && t.limits.Shared != want.limits.Shared:
		return "mismatch in the shared flag for memories"
	case (t.kind == wasmmod.Memory || t.kind == wasmmod.Table) && !limitsFit(t.limits, want.limits):
		return "mismatch in " + t.kind.String() + " limits"
	}
	return ""
}

func sameSig(a, b wasmmod.FuncSig) bool {
	return bytes.Equal(a.Params, b.Params) && bytes.Equal(a.Results, b.Results)
}

func limitsFit(have, want wasmmod.Limits) bool {
	return have.Min >= want.Min && (!want.HasMax || have.HasMax && have.Max <= want.Max)
}

// moduleFits checks that a module can stand for a module type: it may import less and export more.
func (l *linker) moduleFits(have, want *moduleType) {
	for i := range have.imports {
		im := &have.imports[i]
		l.step()
		i, ok := want.imported[im.ImportName]
		if !ok {
			l.fail("missing expected import %q %q", im.Module, im.Name)
		}
		if why := want.imports[i].typ.fits(&im.typ); why != "" {
			l.fail("type mismatch in import %q %q: %s", im.Module, im.Name, why)
		}
	}
	for name, t := range want.exports {
		l.step()
		e, ok := have.exports[name]
		if !ok {
			l.fail("missing expected export %q", name)
		}
		if why := e.fits(&t); why != "" {
			l.fail("type mismatch in export %q: %s", name, why)
		}
	}
}
