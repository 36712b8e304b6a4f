package component

import (
	"fmt"

	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// Bounds of linking. Nested components are inlined each time they are instantiated, so a short file could describe a huge program.
const (
	maxWork       = 1 << 18 // definitions evaluated and types compared
	maxInstances  = 512     // core instances
	maxComponents = 512     // component instances
)

// linker checks a component and makes its plan in one walk over its definitions. Entities are what they stand for: a
// function is a lift or an import of the program, an instance is its exports, an imported resource is a new resource type.
//
// A component inside is walked when it is defined, with abstract imports and without any effect on the plan, to check it; and again each
// time it is instantiated, with the arguments in the place of its imports.
type linker struct {
	file    *fileLimits
	plan    *Plan
	at      int  // offset of the definition that is walked
	dry     bool // only check: nothing goes into the plan
	work    int
	missing map[string]bool // what the program needs and no host has
	funcs   map[Item]int    // slots of the plan
	mems    map[Item]int

	facts     map[*wit.Type]typeFacts
	resources map[*wit.Resource]*resourceType
	origins   map[*wit.Type]*wit.Type // of a type that has another name elsewhere
	prims     map[wit.Kind]*wit.Type
	numbered  []*resourceType // by number
	modules   []*moduleType   // by core module of the file
	real, try abi.Compiler    // of types in the plan, and of those that are checked only
}

// resourceType is a resource type. Several *wit.Resource may stand for it: each import or export of a type has an identity of its
// own, which matters for what may be exported (Explainer.md, "External visibility of types").
type resourceType struct {
	number int    // in Plan.Resources; -1 until it is needed
	owner  *scope // component that defines it; nil for an imported or abstract one
	comp   int    // its component instance
	dtor   *coreItem
	under  *resourceType // what an abstract type stands for at run time
	name   *wit.Resource // the canonical one
}

// linkError carries an error up to the exported function.
type linkError struct{ err error }

// catchLink turns the panic of fail into an error. Other panics are mistakes here: they go on.
func catchLink(err *error) {
	switch e := recover().(type) {
	case nil:
	case linkError:
		*err = e.err
	default:
		panic(e)
	}
}

// fail refuses a component that breaks a rule.
func (l *linker) fail(format string, a ...any) {
	panic(linkError{&DecodeError{Offset: l.at, Msg: fmt.Sprintf(format, a...), invalid: true}})
}

func (l *linker) unsupported(name, format string, a ...any) {
	panic(linkError{&PlanError{Kind: ErrUnsupported, Name: name, Msg: fmt.Sprintf(format, a...)}})
}

func (l *linker) step() {
	if l.work++; l.work > maxWork {
		l.unsupported("component", "its instances and types grow beyond %d definitions when they are inlined", maxWork)
	}
}

func newLinker(file *fileLimits) *linker {
	l := &linker{
		file: file, plan: &Plan{World: &wit.World{}, Modules: file.code},
		missing: map[string]bool{}, funcs: map[Item]int{}, mems: map[Item]int{}, prims: map[wit.Kind]*wit.Type{},
		facts: map[*wit.Type]typeFacts{}, resources: map[*wit.Resource]*resourceType{}, origins: map[*wit.Type]*wit.Type{},
	}
	l.real.Resource = func(r *wit.Resource) (int, error) { return l.number(l.resources[r]), nil }
	l.try.Resource = func(*wit.Resource) (int, error) { return 0, nil }
	for _, m := range file.modules {
		l.modules = append(l.modules, moduleTypeOf(m))
	}
	return l
}

// walk evaluates the definitions of a component. imported gives the entity of an import.
func (l *linker) walk(s *scope, def *componentDef, imported func(*importDef) entity) *instEntity {
	outer := l.at
	out := newInst()
	for i := range def.defs {
		d := &def.defs[i]
		l.at = d.at
		l.step()
		switch v := d.v.(type) {
		case *importDef:
			l.bind(s, imported(v))
		case *exportDef:
			out.add(v.name, l.export(s, v))
		default:
			l.define(s, v)
		}
	}
	l.at = outer
	return out
}

func (l *linker) define(s *scope, v any) {
	switch d := v.(type) {
	case moduleDef:
		s.modules = append(s.modules, &moduleEntity{l.modules[d.index], d.index})
	case *coreFuncDef, *moduleTypeDef:
		s.coreTypes = append(s.coreTypes, l.coreType(s, d))
	case *coreInstanceDef:
		s.coreInsts = append(s.coreInsts, l.coreInstance(s, d))
	case *componentDef:
		c := &compEntity{def: d, env: s}
		l.check(c)
		s.comps = append(s.comps, c)
	case *instanceDef:
		s.insts = append(s.insts, l.instance(s, d))
	case *aliasDef:
		l.alias(s, &d.decl, d.core)
	case *canonDef:
		l.canon(s, d)
	case *resourceDef:
		s.types = append(s.types, typeEntity{v: l.resource(s, d)})
	default:
		s.types = append(s.types, typeEntity{v: l.typeDef(s, d)})
	}
}

// check walks a component with abstract imports.
func (l *linker) check(c *compEntity) {
	dry := l.dry
	l.dry = true
	s := newScope(c.env, componentScope)
	l.walk(s, c.def, func(d *importDef) entity { return l.declare(s, &s.imports, &d.decl, nil) })
	l.dry = dry
}

// bind adds an entity to the index space of its sort.
func (l *linker) bind(s *scope, e entity) {
	switch v := e.(type) {
	case *funcEntity:
		s.funcs = append(s.funcs, v)
	case *instEntity:
		s.insts = append(s.insts, v)
	case *compEntity:
		s.comps = append(s.comps, v)
	case *moduleEntity:
		s.modules = append(s.modules, v)
	case typeEntity:
		s.types = append(s.types, v)
	default:
		l.fail("%T has no index space", e)
	}
}

// at gives an element of an index space.
func at[T any](l *linker, space []T, i uint32, what string) T {
	if uint64(i) >= uint64(len(space)) {
		l.fail("unknown %s %d: index out of bounds", what, i)
	}
	return space[i]
}

func (l *linker) lookup(s *scope, ref sortIndex) entity {
	switch ref.sort {
	case sortFunc:
		return at(l, s.funcs, ref.index, "function")
	case sortInstance:
		return at(l, s.insts, ref.index, "instance")
	case sortComponent:
		return at(l, s.comps, ref.index, "component")
	case sortCoreModule:
		return at(l, s.modules, ref.index, "module")
	case sortType:
		return at(l, s.types, ref.index, "type")
	}
	l.fail("sort %#02x has no place here", ref.sort)
	return nil
}

// sortOf names the sort of an entity.
func sortOf(e entity) string {
	switch v := e.(type) {
	case *funcEntity:
		return "func"
	case *instEntity:
		return "instance"
	case *compEntity:
		return "component"
	case *moduleEntity:
		return "module"
	case typeEntity:
		switch v.v.(type) {
		case *wit.Resource:
			return "resource"
		case *wit.Type:
			return "defined type"
		case *wit.FuncType:
			return "function type"
		}
		return "type"
	}
	return "nothing"
}

func (l *linker) instance(s *scope, d *instanceDef) *instEntity {
	if d.instantiate {
		return l.instantiate(s, d)
	}
	// A bundle of exports is checked as the exports of a component are.
	bundle, out := newScope(nil, instanceTypeScope), newInst()
	for i := range d.exports {
		x := &d.exports[i]
		l.step()
		e := l.rename(l.lookup(s, x.ref), x.name)
		l.name(&bundle.exports, x.name, x.attr, e)
		out.add(x.name, e)
	}
	return out
}

func (l *linker) instantiate(s *scope, d *instanceDef) *instEntity {
	args := map[string]entity{}
	for i := range d.args {
		a := &d.args[i]
		if _, ok := args[a.name]; ok {
			l.fail("instantiation argument %q conflicts with previous argument", a.name)
		}
		args[a.name] = l.lookup(s, a.ref)
	}
	return l.apply(at(l, s.comps, d.component, "component"), args)
}

// apply instantiates a component.
func (l *linker) apply(c *compEntity, args map[string]entity) *instEntity {
	imported := func(s *scope, d *decl) entity {
		arg, ok := args[d.name]
		if !ok {
			l.fail("missing import named %q", d.name)
		}
		return l.ascribe(s, d.desc, arg, false, d.name)
	}
	if c.def == nil {
		return l.componentType(c.typ, imported, nil)
	}
	s := newScope(c.env, componentScope)
	s.imports.trusted, s.exports.trusted = true, true
	if !l.dry {
		if s.comp = l.plan.Components; s.comp >= maxComponents {
			l.unsupported("component", "it has more than %d component instances", maxComponents)
		}
		l.plan.Components++
	}
	return l.walk(s, c.def, func(d *importDef) entity { return imported(s, &d.decl) })
}

// funcSig gives the core type of an index.
func (l *linker) funcSig(s *scope, i uint32) wasmmod.FuncSig {
	sig, ok := at(l, s.coreTypes, i, "core type").(*wasmmod.FuncSig)
	if !ok {
		l.fail("core type %d is not a function type", i)
	}
	return *sig
}
