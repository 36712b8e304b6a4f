package component

import (
	"fmt"
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// evaluator resolves declarations. The first error sticks; every loop ends at it.
type evaluator struct {
	err   error
	meter wit.Meter
	defs  int
	prims map[wit.Kind]*wit.Type
	owns  map[*wit.Resource]*wit.Type
}

// env is the index spaces of one scope.
type env struct {
	parent *env
	types  []typeEntry
	insts  []*instance
}

// typeEntry is something in the space of types: *wit.Type, *wit.FuncType, *wit.Resource or *closure.
type typeEntry struct {
	v       any
	foreign bool // came in by an alias: giving it a name declares nothing new
}

// closure is an instance or component type together with the scope that it stands in, as far as that was defined then.
type closure struct {
	def *scopeDef
	env *env
}

// instance is an imported or exported interface, seen from the scope of the world.
type instance struct {
	iface *wit.Interface
	types map[string]any // *wit.Type or *wit.Resource, by exported name
}

func (e *evaluator) fail(format string, a ...any) {
	if e.err == nil {
		e.err = &DecodeError{Offset: -1, Msg: fmt.Sprintf(format, a...)}
	}
}

func (e *evaluator) ok() bool { return e.err == nil }

// snapshot is the scope as it is now, so that a closure cannot see what is defined later.
func (v *env) snapshot() *env {
	s := *v
	s.types = v.types[:len(v.types):len(v.types)]
	s.insts = v.insts[:len(v.insts):len(v.insts)]
	return &s
}

func (v *env) add(x any) { v.types = append(v.types, typeEntry{v: x}) }

// at gives entry i of a scope's types.
func (e *evaluator) at(v *env, i uint32) typeEntry {
	if v == nil || uint64(i) >= uint64(len(v.types)) {
		e.fail("type index %d out of range", i)
		return typeEntry{}
	}
	return v.types[i]
}

func entry[T any](e *evaluator, v *env, i uint32, what string) (out T) {
	x, ok := e.at(v, i).v.(T)
	if !ok {
		e.fail("type %d is no %s", i, what)
	}
	return x
}

// root evaluates the outermost component and finds the world in it.
func (e *evaluator) root(s *scopeDef) *wit.World {
	v := &env{}
	var w *wit.World
	for _, d := range s.decls {
		switch d.kind {
		case typeDecl:
			v.add(e.define(v, d.def))
		case exportDecl:
			if w != nil {
				e.fail("more than one exported type")
			}
			c := entry[*closure](e, v, d.desc.index, "component type")
			if !e.ok() {
				return nil
			}
			w = e.exported(c, d.name)
			v.add(c)
		}
	}
	if w == nil {
		e.fail("no exported world")
	}
	return w
}

// exported gives the world of an exported component type: the one that it exports itself as a component, or, in the older form, the
// type itself.
func (e *evaluator) exported(c *closure, name string) *wit.World {
	inner := &env{parent: c.env}
	var w *wit.World
	for _, d := range c.def.decls {
		switch {
		case d.kind == typeDecl:
			inner.add(e.define(inner, d.def))
		case d.kind == exportDecl && d.desc.sort == sortComponent:
			if w != nil {
				e.fail("more than one world")
				return nil
			}
			if world := entry[*closure](e, inner, d.desc.index, "component type"); e.ok() {
				w = e.world(world, d.name)
			}
		case w == nil:
			return e.world(c, name)
		default:
			e.fail("a package with more than its world")
		}
		if !e.ok() {
			return nil
		}
	}
	if w == nil {
		return e.world(c, name)
	}
	return w
}

// world evaluates a component type as a world.
func (e *evaluator) world(c *closure, name string) *wit.World {
	if !c.def.component {
		e.fail("%q is no component type", name)
		return nil
	}
	w, v := &wit.World{Name: name}, &env{parent: c.env}
	imports, exports := names{}, names{}
	for _, d := range c.def.decls {
		switch d.kind {
		case typeDecl:
			v.add(e.define(v, d.def))
		case aliasExport, aliasOuter:
			e.alias(v, d)
		case importDecl:
			e.unique(imports, d.name)
			e.item(v, d, w, &w.Imports, &w.ImportFuncs)
		case exportDecl:
			e.unique(exports, d.name)
			e.item(v, d, w, &w.Exports, &w.ExportFuncs)
		}
		if !e.ok() {
			return nil
		}
	}
	return w
}

type names map[string]bool

func (e *evaluator) unique(seen names, name string) {
	if seen[name] || name == "" {
		e.fail("name %q is empty or occurs twice", name)
	}
	seen[name] = true
}

// item evaluates an import or export of the world.
func (e *evaluator) item(v *env, d decl, w *wit.World, ifaces *[]*wit.Interface, funcs *[]wit.Func) {
	switch d.desc.sort {
	case sortFunc:
		*funcs = append(*funcs, wit.Func{Name: d.name, Type: entry[*wit.FuncType](e, v, d.desc.index, "function type")})
	case sortInstance:
		c := entry[*closure](e, v, d.desc.index, "instance type")
		if !e.ok() {
			return
		}
		i := e.instance(c, d.name)
		v.insts = append(v.insts, i)
		*ifaces = append(*ifaces, i.iface)
	case sortType:
		e.named(v, d, "", &w.Types, &w.Resources)
	default:
		e.fail("%q: a world has no components inside", d.name)
	}
}

// instance evaluates an instance type as the interface of that name.
func (e *evaluator) instance(c *closure, name string) *instance {
	out := &instance{&wit.Interface{Name: name}, map[string]any{}}
	if c.def.component {
		e.fail("%q is no instance type", name)
		return out
	}
	v, seen := &env{parent: c.env}, names{}
	for _, d := range c.def.decls {
		switch d.kind {
		case typeDecl:
			v.add(e.define(v, d.def))
		case aliasExport, aliasOuter:
			e.alias(v, d)
		case exportDecl:
			e.unique(seen, d.name)
			e.member(v, d, out)
		}
		if !e.ok() {
			break
		}
	}
	return out
}

// member evaluates an export of an interface.
func (e *evaluator) member(v *env, d decl, i *instance) {
	switch d.desc.sort {
	case sortFunc:
		i.iface.Funcs = append(i.iface.Funcs, wit.Func{Name: d.name, Type: entry[*wit.FuncType](e, v, d.desc.index, "function type")})
	case sortType:
		e.named(v, d, i.iface.Name, &i.iface.Types, &i.iface.Resources)
		if e.ok() {
			i.types[d.name] = v.types[len(v.types)-1].v
		}
	default:
		e.fail("%q: an interface has only functions and types", d.name)
	}
}

// named evaluates the import or export of a type: a new resource, a new name for a type, or a type of another scope
// that is passed on.
func (e *evaluator) named(v *env, d decl, owner string, types *[]*wit.Type, resources *[]*wit.Resource) {
	if !wit.ValidLabel(d.name) {
		e.fail("%q is no name of a type", d.name)
		return
	}
	if d.desc.sub {
		r := &wit.Resource{Interface: owner, Name: d.name}
		*resources = append(*resources, r)
		v.add(r)
		return
	}
	of := e.at(v, d.desc.index)
	if of.foreign {
		v.add(of.v)
		return
	}
	switch t := of.v.(type) {
	case *wit.Resource:
		*types = append(*types, &wit.Type{Kind: wit.Own, Name: d.name, Owner: owner, Resource: t})
		v.add(t)
	case *wit.Type:
		n := *t
		n.Name, n.Owner = d.name, owner
		*types = append(*types, &n)
		v.add(e.built(&n))
	default:
		e.fail("type %d is neither a value type nor a resource", d.desc.index)
	}
}

// alias brings a type of an instance or of an outer scope into this one.
func (e *evaluator) alias(v *env, d decl) {
	if d.kind == aliasExport {
		if uint64(d.a) >= uint64(len(v.insts)) {
			e.fail("instance index %d out of range", d.a)
			return
		}
		t, ok := v.insts[d.a].types[d.name]
		if !ok {
			e.fail("interface %q has no type %q", v.insts[d.a].iface.Name, d.name)
		}
		v.types = append(v.types, typeEntry{t, true})
		return
	}
	outer := v
	for n := d.a; n > 0 && outer != nil; n-- {
		outer = outer.parent
	}
	t := e.at(outer, d.b)
	t.foreign = outer != v || t.foreign
	v.types = append(v.types, t)
}

// define evaluates a type definition.
func (e *evaluator) define(v *env, def any) any {
	if e.defs++; e.defs > maxDefs {
		e.fail("more than %d definitions", maxDefs)
	}
	switch d := def.(type) {
	case *scopeDef:
		return &closure{d, v.snapshot()}
	case *funcDef:
		return e.function(v, d)
	case *valDef:
		return e.value(v, d)
	}
	return nil
}

func (e *evaluator) function(v *env, d *funcDef) *wit.FuncType {
	f := &wit.FuncType{Async: d.async, Result: e.ref(v, d.result)}
	seen := names{}
	for i, n := range d.names {
		e.unique(seen, strings.ToLower(n))
		f.Params = append(f.Params, wit.Field{Name: n, Type: e.ref(v, d.params[i])})
	}
	return f
}

// ref looks up a value type; an absent one is nil.
func (e *evaluator) ref(v *env, r valRef) *wit.Type {
	switch {
	case !r.set:
		return nil
	case r.ref:
		return entry[*wit.Type](e, v, r.index, "value type")
	}
	return e.prim(r.prim)
}

func (e *evaluator) prim(k wit.Kind) *wit.Type {
	if e.prims[k] == nil {
		e.prims[k] = &wit.Type{Kind: k}
	}
	return e.prims[k]
}

func (e *evaluator) value(v *env, d *valDef) *wit.Type {
	t := &wit.Type{Kind: d.kind, Len: d.len}
	switch d.kind {
	case wit.Own, wit.Borrow:
		return e.handle(d.kind, entry[*wit.Resource](e, v, d.index, "resource"))
	case wit.Record, wit.Tuple, wit.Variant, wit.Enum, wit.Flags:
		seen := names{}
		for i, l := range d.labels {
			if d.kind != wit.Tuple {
				e.unique(seen, strings.ToLower(l))
			}
			t.Fields = append(t.Fields, wit.Field{Name: l, Type: e.ref(v, d.parts[i])})
		}
	case wit.Result:
		t.OK, t.Err = e.ref(v, d.parts[0]), e.ref(v, d.parts[1])
	case wit.List, wit.Option, wit.Stream, wit.Future:
		t.Elem = e.ref(v, d.parts[0])
	default:
		return e.prim(d.kind)
	}
	return e.built(t)
}

// handle gives the type of a handle; there is one own type for each resource.
func (e *evaluator) handle(k wit.Kind, r *wit.Resource) *wit.Type {
	if k == wit.Borrow {
		return &wit.Type{Kind: k, Resource: r}
	}
	if e.owns[r] == nil {
		e.owns[r] = &wit.Type{Kind: k, Resource: r}
	}
	return e.owns[r]
}

// built bounds a new type.
func (e *evaluator) built(t *wit.Type) *wit.Type {
	if err := e.meter.Add(t); err != nil {
		e.fail("%v", err)
	}
	return t
}
