package wit

import (
	"fmt"
	"slices"
)

// Use is a type or resource that an interface or world takes from an interface, as in "use interface.{name as as};".
type Use struct {
	Interface string // that declares it
	Name      string
	As        string    // its name here: Name, unless that is taken
	Type      *Type     // one of Type and Resource is set
	Resource  *Resource //
}

// Uses lists what the interface takes from others, in order of first use.
func (i *Interface) Uses() []Use {
	taken := map[string]bool{}
	for _, t := range i.Types {
		taken[t.Name] = true
	}
	for _, r := range i.Resources {
		taken[r.Name] = true
	}
	for _, f := range i.Funcs {
		taken[f.Name] = true
	}
	return nameUses(i.foreign(), taken)
}

// Uses lists what the world's own types and functions take from interfaces, in order of first use.
func (w *World) Uses() []Use {
	own := &Interface{Types: w.Types, Resources: w.Resources, Funcs: slices.Concat(w.ImportFuncs, w.ExportFuncs)}
	taken := map[string]bool{}
	for _, i := range slices.Concat(w.Imports, w.Exports) {
		taken[i.Name] = true
	}
	for _, t := range own.Types {
		taken[t.Name] = true
	}
	for _, r := range own.Resources {
		taken[r.Name] = true
	}
	for _, f := range own.Funcs {
		taken[f.Name] = true
	}
	return nameUses(own.foreign(), taken)
}

// nameUses gives each entity a name that is not taken: its own, or that with the interface's in front and, if need be, a number behind.
func nameUses(es []entity, taken map[string]bool) (out []Use) {
	for _, e := range es {
		as := e.name()
		_, iface := splitName(e.owner())
		for n := 1; taken[as]; n++ {
			as = iface + "-" + e.name()
			if n > 1 {
				as = fmt.Sprintf("%s-n%d", as, n)
			}
		}
		taken[as] = true
		out = append(out, Use{e.owner(), e.name(), as, e.typ, e.res})
	}
	return out
}

// foreign lists the named types and resources of other interfaces that an interface refers to.
func (i *Interface) foreign() []entity {
	f := foreignFinder{owner: i.Name, seen: map[*Type]bool{}, seenRes: map[*Resource]bool{}}
	for _, r := range i.Resources {
		f.seenRes[r] = true
	}
	for _, t := range i.Types {
		f.parts(t)
	}
	for _, fn := range i.Funcs {
		for _, p := range fn.Type.Params {
			f.typ(p.Type)
		}
		f.typ(fn.Type.Result)
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
