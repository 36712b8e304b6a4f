package wit

import (
	"maps"
	"slices"
	"strings"
)

// scopeResolver resolves the types and functions of one interface or world.
type scopeResolver struct {
	*resolver
	it    *item
	owner string // what its types and resources say that they are from
	names map[string]entity
	defs  map[string]*typeDefAST
	folds map[string]bool // names in lower case: two may not differ in case only
	busy  map[string]bool // being resolved
}

func newScopeResolver(r *resolver, it *item, owner string) *scopeResolver {
	return &scopeResolver{r, it, owner, map[string]entity{}, map[string]*typeDefAST{}, map[string]bool{}, map[string]bool{}}
}

// claim makes sure that a name is used once.
func (s *scopeResolver) claim(at pos, name string) error {
	l := strings.ToLower(name)
	if s.folds[l] {
		return at.errorf("%q is declared twice", name)
	}
	s.folds[l] = true
	return nil
}

// declare enters used names, resources, and the declarations of types, which are resolved later.
func (s *scopeResolver) declare(b *bodyAST) error {
	for _, u := range b.uses {
		err := s.uses(s.it, u, func(n renameAST, e entity) error {
			s.names[n.as] = e
			return s.claim(n.pos, n.as)
		})
		if err != nil {
			return err
		}
	}
	for _, d := range b.types {
		if err := s.claim(d.pos, d.name); err != nil {
			return err
		}
		if d.resource {
			s.names[d.name] = entity{res: &Resource{Interface: s.owner, Name: d.name}}
		} else {
			s.defs[d.name] = d
		}
	}
	return nil
}

// define resolves the declared types and the methods of resources, in the order of the text.
func (s *scopeResolver) define(b *bodyAST, types *[]*Type, resources *[]*Resource, funcs *[]Func) error {
	for _, d := range b.types {
		e, err := s.lookup(d.pos, d.name)
		if err != nil {
			return err
		}
		if !d.resource {
			*types = append(*types, s.listed(d, e))
			continue
		}
		*resources = append(*resources, e.res)
		seen := map[string]bool{}
		for _, m := range d.methods {
			if l := strings.ToLower(m.name); seen[l] {
				return m.pos.errorf("%q is declared twice", m.name)
			} else {
				seen[l] = true
			}
			if err := s.function(m, e.res, funcs); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed is how a declaration stands in Interface.Types. Another name for a resource is listed as a named handle.
func (s *scopeResolver) listed(d *typeDefAST, e entity) *Type {
	if e.typ != nil {
		return e.typ
	}
	return &Type{Kind: Own, Name: d.name, Owner: s.owner, Resource: e.res}
}

// lookup finds what a name stands for, and resolves it first if need be.
func (s *scopeResolver) lookup(at pos, name string) (entity, error) {
	if e, ok := s.names[name]; ok {
		return e, nil
	}
	d := s.defs[name]
	if d == nil {
		known := slices.AppendSeq(slices.Sorted(maps.Keys(s.names)), maps.Keys(s.defs))
		slices.Sort(known)
		return entity{}, at.errorf("there is no type %q here%s", name, didYouMean(name, known))
	}
	if s.busy[name] {
		return entity{}, at.errorf("type %q contains itself; a value of it could never end", name)
	}
	if len(s.busy) > maxNesting {
		return entity{}, at.errorf("types refer to each other more than %d deep", maxNesting)
	}
	s.busy[name] = true
	defer delete(s.busy, name)
	e, err := s.typeDef(d)
	if err == nil {
		s.names[name] = e
	}
	return e, err
}

func (s *scopeResolver) typeDef(d *typeDefAST) (entity, error) {
	t := &Type{Kind: d.kind}
	if d.alias != nil {
		if isReference(d.alias) || d.alias.kind == Own { // own<r> and r are the same as a value
			if _, err := s.named(d.alias); err != nil {
				return entity{}, err
			}
			e, err := s.lookup(d.alias.pos, d.alias.name)
			if err != nil || e.res != nil {
				return e, err
			}
			*t = *e.typ
		} else {
			of, err := s.typ(d.alias)
			if err != nil {
				return entity{}, err
			}
			*t = *of
		}
	} else if err := s.fields(d.fields, &t.Fields); err != nil {
		return entity{}, err
	}
	t.Name, t.Owner = d.name, s.owner
	t, err := s.build(d.pos, t)
	return entity{typ: t}, err
}

// fields resolves record fields, cases, labels or parameters.
func (s *scopeResolver) fields(in []fieldAST, out *[]Field) error {
	seen := map[string]bool{}
	for _, f := range *out {
		seen[f.Name] = true // the "self" of a method
	}
	for _, f := range in {
		if l := strings.ToLower(f.name); seen[l] {
			return f.pos.errorf("%q is declared twice", f.name)
		} else {
			seen[l] = true
		}
		t, err := s.optional(f.typ)
		if err != nil {
			return err
		}
		*out = append(*out, Field{f.name, t})
	}
	return nil
}

func isReference(t *typeAST) bool { return t.name != "" && t.kind != Own && t.kind != Borrow }

// optional resolves a type that may be absent.
func (s *scopeResolver) optional(t *typeAST) (*Type, error) {
	if t == nil {
		return nil, nil
	}
	return s.typ(t)
}

// typ resolves a type expression.
func (s *scopeResolver) typ(t *typeAST) (*Type, error) {
	if t.name != "" {
		return s.named(t)
	}
	out := &Type{Kind: t.kind, Len: t.len}
	parts := make([]*Type, len(t.args))
	for i, a := range t.args {
		var err error
		if parts[i], err = s.optional(a); err != nil {
			return nil, err
		}
	}
	switch {
	case t.kind == Tuple:
		for _, p := range parts {
			out.Fields = append(out.Fields, Field{Type: p})
		}
	case t.kind == Result:
		out.OK, out.Err = parts[0], parts[1]
	case len(parts) == 1:
		out.Elem = parts[0]
	case t.kind != Stream && t.kind != Future:
		return s.prim(t.kind), nil
	}
	return s.build(t.pos, out)
}

// named resolves a reference to a declared type, or own<r> and borrow<r>. The plain name of a resource is its owned handle.
func (s *scopeResolver) named(t *typeAST) (*Type, error) {
	e, err := s.lookup(t.pos, t.name)
	switch {
	case err != nil:
		return nil, err
	case t.kind == Borrow && e.res != nil:
		return &Type{Kind: Borrow, Resource: e.res}, nil
	case e.res != nil:
		return s.own(e.res), nil
	case t.kind == Own || t.kind == Borrow:
		return nil, t.pos.errorf("%s<%s> wants a resource; %s is a %s", t.kind, t.name, t.name, e.typ.Kind)
	}
	return e.typ, nil
}

// function resolves a function; res is the resource of a method.
func (s *scopeResolver) function(f *funcAST, res *Resource, out *[]Func) error {
	name, ft := f.name, &FuncType{Async: f.async}
	switch f.kind {
	case methodFunc:
		name = "[method]" + res.Name + "." + f.name
		ft.Params = []Field{{"self", &Type{Kind: Borrow, Resource: res}}}
	case staticFunc:
		name = "[static]" + res.Name + "." + f.name
	case constructorFunc:
		name = "[constructor]" + res.Name
		ft.Result = s.own(res)
	}
	if err := s.fields(f.params, &ft.Params); err != nil {
		return err
	}
	if f.result != nil {
		t, err := s.typ(f.result)
		if err != nil {
			return err
		}
		ft.Result = t
	}
	*out = append(*out, Func{name, ft})
	return nil
}
