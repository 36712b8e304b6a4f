package wit

import "slices"

// foreign lists what an interface takes from others, in order of first use: named types and resources that it does not declare.
func (i *Interface) foreign() []entity {
	f := foreignFinder{owner: i.Name, seen: map[*Type]bool{}, seenRes: map[*Resource]bool{}}
	for _, r := range i.Resources {
		f.seenRes[r] = true
	}
	for _, t := range i.Types {
		f.parts(t)
	}
	for _, fn := range i.Funcs {
		f.function(fn.Type)
	}
	return f.found
}

// deps names the interfaces that an interface takes types from.
func (i *Interface) deps() (names []string) {
	for _, e := range i.foreign() {
		if n := e.owner(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func (e entity) owner() string {
	if e.res != nil {
		return e.res.Interface
	}
	return e.typ.Owner
}

func (e entity) name() string {
	if e.res != nil {
		return e.res.Name
	}
	return e.typ.Name
}

type foreignFinder struct {
	owner   string
	seen    map[*Type]bool
	seenRes map[*Resource]bool
	found   []entity
}

func (f *foreignFinder) function(t *FuncType) {
	for _, p := range t.Params {
		f.typ(p.Type)
	}
	f.typ(t.Result)
}

func (f *foreignFinder) typ(t *Type) {
	if t == nil || f.seen[t] {
		return
	}
	f.seen[t] = true
	if t.Name != "" && t.Owner != f.owner {
		if t.Owner != "" {
			f.found = append(f.found, entity{typ: t})
		}
		return
	}
	f.parts(t)
}

func (f *foreignFinder) parts(t *Type) {
	for _, field := range t.Fields {
		f.typ(field.Type)
	}
	for _, p := range []*Type{t.Elem, t.OK, t.Err} {
		f.typ(p)
	}
	if r := t.Resource; r != nil && !f.seenRes[r] {
		f.seenRes[r] = true
		if r.Interface != "" {
			f.found = append(f.found, entity{res: r})
		}
	}
}
