package component

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// FromBinary plans a component or a core module, whichever wasm is. See FromComponent and FromModule.
func FromBinary(wasm []byte, contracts *wit.Set) (*Plan, error) {
	if wasmmod.IsComponent(wasm) {
		return FromComponent(wasm, contracts)
	}
	return FromModule(wasm, contracts)
}

// FromComponent plans a component of WASI 0.2 (Binary.md, Explainer.md): it decodes and checks the file, inlines the components
// inside of it and numbers their resources. What the component imports must have the types that contracts gives it, if
// contracts (which may be nil) knows the interface; names of compatible versions match.
//
// The error is a *DecodeError of kind ErrMalformed or ErrInvalid, or a *PlanError: of kind ErrUnsupported for what is valid but
// does not run here, of WASI 0.3 for instance; of kind ErrImportType for an import of another type than the host's; of kind
// ErrInvalid for a core module that is none. Core modules are checked for all but the types of their instructions: the engine
// does that.
func FromComponent(wasm []byte, contracts *wit.Set) (*Plan, error) {
	l, def, err := loadComponent(wasm)
	if err != nil {
		return nil, err
	}
	return l.program(def, contracts)
}

// Validate checks a component as FromComponent does, without regard to what a host offers.
func Validate(wasm []byte) error {
	_, err := FromComponent(wasm, nil)
	return err
}

func loadComponent(wasm []byte) (*linker, *componentDef, error) {
	def, file, err := decodeComponent(wasm)
	if err != nil {
		return nil, nil, err
	}
	if file.async != nil {
		return nil, nil, file.async
	}
	return newLinker(file), def, nil
}

// program links the outermost component: its imports are the host's.
func (l *linker) program(def *componentDef, contracts *wit.Set) (p *Plan, err error) {
	defer catchLink(&err)
	l.plan.Components = 1
	s, imports := newScope(nil, componentScope), newInst()
	exports := l.walk(s, def, func(d *importDef) entity {
		e := l.declare(s, &s.imports, &d.decl, &hostOrigin{})
		imports.add(fullName(d.name, d.attr), e)
		return e
	})
	l.at = -1
	w := &worldMaker{l: l, types: map[*wit.Type]*wit.Type{}}
	w.imports(imports)
	w.exports(exports)
	for i := range l.plan.Imports {
		im := &l.plan.Imports[i]
		im.Type = w.function(im.Type)
		if err := offered(contracts, im); err != nil {
			return nil, err
		}
	}
	l.named()
	l.plan.Missing = slices.Sorted(maps.Keys(l.missing))
	return l.plan, nil
}

// worldMaker makes the world of a program from its entities: one *wit.Type for each type that is declared, and one *wit.Resource
// for each resource type, under all their names.
type worldMaker struct {
	l     *linker
	types map[*wit.Type]*wit.Type
	meter wit.Meter
}

func (w *worldMaker) imports(from *instEntity) {
	world := w.l.plan.World
	for _, name := range from.names {
		switch e := from.exports[name].(type) {
		case *funcEntity:
			world.ImportFuncs = append(world.ImportFuncs, wit.Func{Name: name, Type: w.function(e.typ)})
		case *instEntity:
			world.Imports = append(world.Imports, w.iface(name, e))
		case typeEntity:
			w.declared(e, "", &world.Types, &world.Resources)
		}
	}
}

func (w *worldMaker) exports(from *instEntity) {
	l := w.l
	for _, name := range from.names {
		switch e := from.exports[name].(type) {
		case *funcEntity:
			f := wit.Func{Name: name, Type: w.function(e.typ)}
			l.plan.World.ExportFuncs = append(l.plan.World.ExportFuncs, f)
			w.export("", f, e)
		case *instEntity:
			i := w.iface(name, e)
			l.plan.World.Exports = append(l.plan.World.Exports, i)
			for _, f := range i.Funcs {
				w.export(name, f, e.exports[f.Name].(*funcEntity))
			}
		}
	}
}

// export adds a function to the plan; one that is an import of the program is not its own to call.
func (w *worldMaker) export(iface string, f wit.Func, e *funcEntity) {
	if e.lift >= 0 {
		w.l.plan.Exports = append(w.l.plan.Exports, Export{Interface: iface, Name: f.Name, Type: f.Type, Lift: e.lift})
	}
}

func (w *worldMaker) iface(name string, e *instEntity) *wit.Interface {
	i := &wit.Interface{Name: name}
	for _, n := range e.names {
		if t, ok := e.exports[n].(typeEntity); ok {
			w.l.own(t, name)
			w.declared(t, name, &i.Types, &i.Resources)
		}
	}
	for _, n := range e.names {
		if f, ok := e.exports[n].(*funcEntity); ok {
			i.Funcs = append(i.Funcs, wit.Func{Name: n, Type: w.function(f.typ)})
		}
	}
	return i
}

// declared adds a type to what an interface or world declares, unless it is one from elsewhere.
func (w *worldMaker) declared(e typeEntity, owner string, types *[]*wit.Type, resources *[]*wit.Resource) {
	switch t := e.v.(type) {
	case *wit.Type:
		if w.l.origin(t) == t {
			*types = append(*types, w.typ(t))
		}
	case *wit.Resource:
		if r := w.resource(t); r.Interface == owner && !slices.Contains(*resources, r) {
			*resources = append(*resources, r)
		}
	}
}

func (w *worldMaker) resource(r *wit.Resource) *wit.Resource {
	info := w.l.resources[r]
	for info.under != nil {
		info = info.under
	}
	return info.name
}

func (w *worldMaker) function(f *wit.FuncType) *wit.FuncType {
	out := &wit.FuncType{Async: f.Async, Result: w.typ(f.Result)}
	for _, p := range f.Params {
		out.Params = append(out.Params, wit.Field{Name: p.Name, Type: w.typ(p.Type)})
	}
	return out
}

func (w *worldMaker) typ(t *wit.Type) *wit.Type {
	if t == nil {
		return nil
	}
	t = w.l.origin(t)
	if n := w.types[t]; n != nil {
		return n
	}
	n := *t
	n.Fields = nil
	for _, f := range t.Fields {
		n.Fields = append(n.Fields, wit.Field{Name: f.Name, Type: w.typ(f.Type)})
	}
	n.Elem, n.OK, n.Err = w.typ(t.Elem), w.typ(t.OK), w.typ(t.Err)
	if t.Resource != nil {
		n.Resource = w.resource(t.Resource)
	}
	if err := w.meter.Add(&n); err != nil {
		w.l.unsupported("type", "%v", err)
	}
	w.types[t] = &n
	return &n
}

// offered checks that an import has the type that the host's contract gives it.
func offered(contracts *wit.Set, im *Import) error {
	if contracts == nil || im.Interface == "" {
		return nil
	}
	i, ok := contracts.Interface(im.Interface)
	if !ok {
		return nil
	}
	ft := i.Func(im.Name)
	if ft == nil || sameShape(im.Type, ft) {
		return nil
	}
	return &PlanError{Kind: ErrImportType, Name: wit.CanonicalName(im.Interface, im.Name),
		Msg: fmt.Sprintf("the component wants %v, the host offers %v of %s", im.Type, ft, i.Name)}
}
