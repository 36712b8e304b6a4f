package wit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// resolver turns syntax trees into a Set: it finds what names stand for and builds each type once. Interfaces and worlds are
// resolved when first asked for, so their order in the files does not matter; cycles are refused.
type resolver struct {
	set   *Set
	pkgs  map[packageID]*packageAST
	order []*packageAST
	items map[string]*item // by full name
	meter Meter
	prims map[Kind]*Type      // one type for each kind without parts
	owns  map[*Resource]*Type // one own type for each resource
	depth int
}

// item is an interface or a world of the packages that are being resolved.
type item struct {
	pkg   packageID
	file  *fileAST
	iface *interfaceAST
	world *worldAST
	busy  bool // being resolved
}

func newResolver(base *Set, pkgs []*packageAST) *resolver {
	r := &resolver{
		set:   &Set{map[string]*Interface{}, map[string]*scope{}, map[string]*World{}},
		pkgs:  map[packageID]*packageAST{},
		order: pkgs,
		items: map[string]*item{},
		prims: map[Kind]*Type{},
		owns:  map[*Resource]*Type{},
	}
	if base != nil {
		maps.Copy(r.set.ifaces, base.ifaces)
		maps.Copy(r.set.scopes, base.scopes)
		maps.Copy(r.set.worlds, base.worlds)
	}
	return r
}

func (r *resolver) run() error {
	for _, p := range r.order {
		r.pkgs[p.id] = p
		for _, f := range p.files {
			if err := r.index(p, f); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.items)) {
		it := r.items[name]
		var err error
		if it.iface != nil {
			_, err = r.iface(it.iface.pos, name)
		} else {
			_, err = r.world(it.world.pos, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// index enters the interfaces and worlds of a file, but for those that the base set has: projects often carry copies of standard
// packages, and two interfaces of one name would have different types.
func (r *resolver) index(p *packageAST, f *fileAST) error {
	enter := func(at pos, name string, it *item) error {
		full := p.id.join(name)
		if r.set.ifaces[full] != nil || r.set.worlds[full] != nil {
			return nil
		}
		if r.items[full] != nil {
			return at.errorf("%s is declared twice", full)
		}
		it.pkg, it.file = p.id, f
		r.items[full] = it
		return nil
	}
	for _, i := range f.ifaces {
		if err := enter(i.pos, i.name, &item{iface: i}); err != nil {
			return err
		}
	}
	for _, w := range f.worlds {
		if err := enter(w.pos, w.name, &item{world: w}); err != nil {
			return err
		}
	}
	return nil
}

// fullName is the full name of what a path in a file means: an alias of the file, something of its package, or a path with a package,
// whose version may be left out or be a compatible one.
func (r *resolver) fullName(it *item, p pathAST) (string, error) {
	if p.pkg == (packageID{}) {
		for _, u := range it.file.uses {
			if u.name == p.name && u.path.pkg != (packageID{}) {
				return r.fullName(it, u.path)
			}
		}
		for _, u := range it.file.uses {
			if u.name == p.name {
				return it.pkg.join(u.path.name), nil
			}
		}
		return it.pkg.join(p.name), nil
	}
	want := p.pkg.join(p.name)
	if r.known(want) {
		return want, nil
	}
	if best := bestMatch(r.names, want); best != "" {
		return best, nil
	}
	return "", r.unknown(p.pos, "interface or world", want)
}

func (r *resolver) known(name string) bool {
	return r.items[name] != nil || r.set.ifaces[name] != nil || r.set.worlds[name] != nil
}

// names yields every full name there is.
func (r *resolver) names(yield func(string) bool) {
	for n := range r.items {
		yield(n)
	}
	for n := range r.set.ifaces {
		yield(n)
	}
	for n := range r.set.worlds {
		yield(n)
	}
}

func (r *resolver) unknown(at pos, what, name string) error {
	candidates := slices.DeleteFunc(slices.Sorted(r.names), func(n string) bool {
		isWorld := r.set.worlds[n] != nil || r.items[n] != nil && r.items[n].world != nil
		return what == "interface" && isWorld || what == "world" && !isWorld
	})
	return at.errorf("there is no %s %q%s", what, name, didYouMean(name, candidates))
}

// iface resolves the interface of that full name.
func (r *resolver) iface(at pos, name string) (*Interface, error) {
	if i := r.set.ifaces[name]; i != nil {
		return i, nil
	}
	it := r.items[name]
	if it == nil || it.iface == nil {
		return nil, r.unknown(at, "interface", name)
	}
	if err := r.enter(it, at, name); err != nil {
		return nil, err
	}
	defer r.leave(it)
	i, sc, err := r.body(it, name, &it.iface.body)
	if err != nil {
		return nil, err
	}
	r.set.ifaces[name], r.set.scopes[name] = i, sc
	return i, nil
}

// enter guards against cycles and against chains that would use up the stack.
func (r *resolver) enter(it *item, at pos, name string) error {
	if it.busy {
		return at.errorf("%s depends on itself", name)
	}
	if r.depth++; r.depth > 10*maxNesting {
		return at.errorf("interfaces use each other more than %d deep", 10*maxNesting)
	}
	it.busy = true
	return nil
}

func (r *resolver) leave(it *item) { it.busy, r.depth = false, r.depth-1 }

// body resolves what an interface declares. The name is what its types and resources say that they are from.
func (r *resolver) body(it *item, name string, b *bodyAST) (*Interface, *scope, error) {
	s := newScopeResolver(r, it, name)
	if err := s.declare(b); err != nil {
		return nil, nil, err
	}
	i := &Interface{Name: name}
	if err := s.define(b, &i.Types, &i.Resources, &i.Funcs); err != nil {
		return nil, nil, err
	}
	for _, f := range b.funcs {
		if err := s.claim(f.pos, f.name); err != nil {
			return nil, nil, err
		}
		if err := s.function(f, nil, &i.Funcs); err != nil {
			return nil, nil, err
		}
	}
	return i, &scope{s.names}, nil
}

// uses finds the entities that a "use" takes from an interface.
func (r *resolver) uses(it *item, u useAST, to func(renameAST, entity) error) error {
	full, err := r.fullName(it, u.path)
	if err != nil {
		return err
	}
	if _, err := r.iface(u.path.pos, full); err != nil {
		return err
	}
	names := r.set.scopes[full].names
	for _, n := range u.names {
		e, ok := names[n.name]
		if !ok {
			return n.pos.errorf("%s has no type %q%s", full, n.name, didYouMean(n.name, slices.Sorted(maps.Keys(names))))
		}
		if err := to(n, e); err != nil {
			return err
		}
	}
	return nil
}

// prim is the type of a kind without parts.
func (r *resolver) prim(k Kind) *Type {
	if r.prims[k] == nil {
		r.prims[k] = &Type{Kind: k}
	}
	return r.prims[k]
}

// own is the type of an owned handle.
func (r *resolver) own(res *Resource) *Type {
	if r.owns[res] == nil {
		r.owns[res] = &Type{Kind: Own, Resource: res}
	}
	return r.owns[res]
}

// build checks a new type.
func (r *resolver) build(at pos, t *Type) (*Type, error) {
	if err := r.meter.Add(t); err != nil {
		return nil, at.errorf("%s", strings.TrimPrefix(fmt.Sprint(err), "wit: "))
	}
	return t, nil
}
