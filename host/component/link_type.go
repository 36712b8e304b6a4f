package component

import (
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// typeFacts is what is known of a value type, so that nobody has to walk it again: types share parts, and a short file can describe one
// whose tree is exponentially large.
type typeFacts struct {
	nodes, depth uint64
	size, align  uint64 // in a 64-bit memory, bytes
	borrow       bool   // has a borrow in it
	resource     bool   // has a handle in it
	async        bool   // belongs to WASI 0.3
}

const (
	maxTypeNodes = 1 << 16
	maxTypeNest  = 100
	maxValueSize = 1<<28 - 1 // CanonicalABI.md, MAX_VALUE_BYTE_LENGTH
)

// typeDef evaluates a type definition.
func (l *linker) typeDef(s *scope, def any) any {
	switch d := def.(type) {
	case *valDef:
		return l.value(s, d)
	case *funcDef:
		return l.function(s, d)
	case *scopeDef:
		return l.closure(s, d)
	case *resourceDef:
		l.fail("resources can only be defined within a concrete component")
	}
	l.fail("%T is no type", def)
	return nil
}

func (l *linker) resource(s *scope, d *resourceDef) *wit.Resource {
	r := &wit.Resource{}
	t := &resourceType{number: -1, owner: s, comp: s.comp, name: r}
	if d.hasDtor {
		it := at(l, s.core[0], d.dtor, "core function")
		if string(it.sig.Params) != "\x7f" || len(it.sig.Results) != 0 {
			l.fail("wrong signature for a destructor: %v", it.sig)
		}
		t.dtor = &it
	}
	l.resources[r] = t
	return r
}

// abstract makes a new resource type, of which only the name is known; under is what it stands for at run time.
func (l *linker) abstract(iface, name string, under *resourceType) *wit.Resource {
	r := &wit.Resource{Interface: iface, Name: name}
	l.resources[r] = &resourceType{number: -1, under: under, name: r}
	return r
}

// number gives a resource type its place in the plan.
func (l *linker) number(t *resourceType) int {
	if t.under != nil {
		return l.number(t.under)
	}
	if t.number < 0 {
		t.number = len(l.plan.Resources)
		r := Resource{Defined: t.owner != nil, Component: t.comp, Destructor: -1} // the name comes with its export: see named
		if t.dtor != nil {
			r.Destructor = l.funcSlot(t.dtor.item)
		}
		l.plan.Resources = append(l.plan.Resources, r)
		l.numbered = append(l.numbered, t)
	}
	return t.number
}

// named gives the resource types of the plan their names, which messages show.
func (l *linker) named() {
	for i, t := range l.numbered {
		l.plan.Resources[i].Interface, l.plan.Resources[i].Name = t.name.Interface, t.name.Name
	}
}

func (l *linker) resourceAt(s *scope, i uint32) *wit.Resource {
	r, ok := at(l, s.types, i, "type").v.(*wit.Resource)
	if !ok {
		l.fail("type %d is not a resource type", i)
	}
	return r
}

func (l *linker) funcType(s *scope, i uint32) *wit.FuncType {
	f, ok := at(l, s.types, i, "type").v.(*wit.FuncType)
	if !ok {
		l.fail("type %d is not a function type", i)
	}
	return f
}

func (l *linker) function(s *scope, d *funcDef) *wit.FuncType {
	f := &wit.FuncType{Async: d.async, Result: l.ref(s, d.result)}
	if f.Result != nil && l.facts[f.Result].borrow {
		l.fail("a function result cannot contain a borrow type")
	}
	l.labels(d.names, "parameter")
	for i, n := range d.names {
		f.Params = append(f.Params, wit.Field{Name: n, Type: l.ref(s, d.params[i])})
	}
	return f
}

// labels checks that names differ, in more than case.
func (l *linker) labels(names []string, what string) {
	seen := make(map[string]string, len(names))
	for _, n := range names {
		key := strings.ToLower(n)
		if old, ok := seen[key]; ok {
			l.fail("%s name %q conflicts with previous name %q", what, n, old)
		}
		seen[key] = n
	}
}

// ref looks up a value type; an absent one is nil.
func (l *linker) ref(s *scope, r valRef) *wit.Type {
	switch {
	case !r.set:
		return nil
	case !r.ref:
		return l.prim(r.prim)
	}
	t, ok := at(l, s.types, r.index, "type").v.(*wit.Type)
	if !ok {
		l.fail("type index %d is not a defined type", r.index)
	}
	return t
}

func (l *linker) prim(k wit.Kind) *wit.Type {
	if l.prims[k] == nil {
		l.prims[k] = l.built(&wit.Type{Kind: k})
	}
	return l.prims[k]
}

func (l *linker) value(s *scope, d *valDef) *wit.Type {
	t := &wit.Type{Kind: d.kind, Len: d.len}
	switch d.kind {
	case wit.Own, wit.Borrow:
		t.Resource = l.resourceAt(s, d.index)
	case wit.Record, wit.Tuple, wit.Variant, wit.Enum, wit.Flags:
		l.members(s, d, t)
	case wit.Result:
		t.OK, t.Err = l.ref(s, d.parts[0]), l.ref(s, d.parts[1])
	case wit.List, wit.Option, wit.Stream, wit.Future:
		if t.Elem = l.ref(s, d.parts[0]); d.kind == wit.Stream && t.Elem != nil && t.Elem.Kind == wit.Char {
			l.fail("a stream of char is not valid at this time")
		}
	}
	return l.built(t)
}

func (l *linker) members(s *scope, d *valDef, t *wit.Type) {
	if len(d.labels) == 0 {
		l.fail("%s type must have at least one member", d.kind)
	}
	if d.kind == wit.Flags && len(d.labels) > wit.MaxFlags {
		l.fail("cannot have more than %d flags", wit.MaxFlags)
	}
	if d.kind != wit.Tuple {
		l.labels(d.labels, d.kind.String())
	}
	t.Fields = make([]wit.Field, len(d.labels))
	for i, n := range d.labels {
		t.Fields[i] = wit.Field{Name: n, Type: l.ref(s, d.parts[i])}
	}
}

// built notes the facts of a new type, and bounds it.
func (l *linker) built(t *wit.Type) *wit.Type {
	l.step()
	f := typeFacts{nodes: 1, resource: t.Resource != nil, borrow: t.Kind == wit.Borrow, async: usesAsync(t.Kind)}
	l.measure(t, &f)
	switch {
	case f.size > maxValueSize:
		l.fail("type exceeds maximum byte size %d", maxValueSize)
	case f.nodes > maxTypeNodes || f.depth > maxTypeNest:
		l.unsupported("type", "it has %d parts and is %d deep; at most %d and %d", f.nodes, f.depth, maxTypeNodes, maxTypeNest)
	}
	l.facts[t] = f
	return t
}

// hasResources reports whether a type refers to resource types.
func (l *linker) hasResources(v any) bool {
	switch t := v.(type) {
	case *wit.Resource:
		return true
	case *wit.Type:
		return l.facts[t].resource
	case *wit.FuncType:
		for _, p := range t.Params {
			if l.facts[p.Type].resource {
				return true
			}
		}
		return t.Result != nil && l.facts[t.Result].resource
	case *closureType:
		return t.free
	}
	return false
}

// rename gives an entity that is imported or exported its name. Types get a new identity with it.
func (l *linker) rename(e entity, name string) entity {
	t, ok := e.(typeEntity)
	if !ok {
		return e
	}
	switch v := t.v.(type) {
	case *wit.Resource:
		info := l.resources[v]
		if info.name.Name == "" {
			info.name.Name = name
		}
		r := &wit.Resource{Interface: v.Interface, Name: name}
		l.resources[r] = info
		return typeEntity{r, t.foreign}
	case *wit.Type:
		n := *v
		n.Name = name
		l.facts[&n] = l.facts[v]
		if origin := l.origin(v); t.foreign && origin.Name != "" {
			l.origins[&n] = origin
		}
		return typeEntity{&n, t.foreign}
	}
	return t
}

// origin is the type that the program declares, under whatever other names it goes.
func (l *linker) origin(t *wit.Type) *wit.Type {
	if o := l.origins[t]; o != nil {
		return o
	}
	return t
}
