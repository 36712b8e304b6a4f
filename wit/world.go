package wit

import "slices"

// world resolves the world of that full name.
func (r *resolver) world(at pos, name string) (*World, error) {
	if w := r.set.worlds[name]; w != nil {
		return w, nil
	}
	it := r.items[name]
	if it == nil || it.world == nil {
		return nil, r.unknown(at, "world", name)
	}
	if err := r.enter(it, at, name); err != nil {
		return nil, err
	}
	defer r.leave(it)
	b := &worldBuilder{
		scopeResolver: newScopeResolver(r, it, ""), w: &World{Name: name}, exports: map[string]bool{},
		imported: map[string]*Interface{}, exported: map[string]*Interface{},
	}
	if err := b.build(it.world); err != nil {
		return nil, err
	}
	r.set.worlds[name] = b.w
	return b.w, nil
}

// worldBuilder collects what a world says and completes it (WIT.md, "worlds"): an interface brings along the
// interfaces whose types it uses, as exports if the world exports them, else as imports.
type worldBuilder struct {
	*scopeResolver // its claimed names are those of the imports
	w              *World
	exports        map[string]bool // claimed names of exports
	imported       map[string]*Interface
	exported       map[string]*Interface
	order          []*Interface // exports as they are written
}

func (b *worldBuilder) build(w *worldAST) error {
	if err := b.declare(&w.body); err != nil {
		return err
	}
	for _, u := range w.body.uses {
		if err := b.importUsed(u.path); err != nil {
			return err
		}
	}
	if err := b.define(&w.body, &b.w.Types, &b.w.Resources, &b.w.ImportFuncs); err != nil {
		return err
	}
	for _, inc := range w.includes {
		if err := b.include(inc); err != nil {
			return err
		}
	}
	for _, item := range w.items {
		if err := b.item(item); err != nil {
			return err
		}
	}
	return b.complete(w.pos)
}

// importUsed imports an interface that the world takes types from.
func (b *worldBuilder) importUsed(p pathAST) error {
	full, err := b.fullName(b.it, p)
	if err != nil {
		return err
	}
	i, err := b.iface(p.pos, full)
	if err != nil {
		return err
	}
	return b.addImport(p.pos, i)
}

// claimExport is claim for exports.
func (b *worldBuilder) claimExport(at pos, name string) error {
	saved := b.folds
	b.folds = b.exports
	defer func() { b.folds = saved }()
	return b.claim(at, name)
}

func (b *worldBuilder) item(it *worldItemAST) error {
	if it.path == nil {
		claim := b.claim
		if it.export {
			claim = b.claimExport
		}
		if err := claim(it.pos, it.name); err != nil {
			return err
		}
	}
	switch {
	case it.fn != nil && it.export:
		return b.function(it.fn, nil, &b.w.ExportFuncs)
	case it.fn != nil:
		return b.function(it.fn, nil, &b.w.ImportFuncs)
	}
	i, err := b.itemInterface(it)
	if err != nil {
		return err
	}
	if it.export {
		b.addExport(i)
		return nil
	}
	return b.addImport(it.pos, i)
}

func (b *worldBuilder) itemInterface(it *worldItemAST) (*Interface, error) {
	if it.iface != nil {
		i, _, err := b.body(b.it, it.name, it.iface)
		return i, err
	}
	full, err := b.fullName(b.it, *it.path)
	if err != nil {
		return nil, err
	}
	return b.iface(it.path.pos, full)
}

// addImport imports an interface, after those that it depends on.
func (b *worldBuilder) addImport(at pos, i *Interface) error {
	if b.imported[i.Name] != nil {
		return nil
	}
	b.imported[i.Name] = i
	for _, d := range i.deps() {
		dep, err := b.iface(at, d)
		if err != nil {
			return err
		}
		if err := b.addImport(at, dep); err != nil {
			return err
		}
	}
	b.w.Imports = append(b.w.Imports, i)
	return nil
}

func (b *worldBuilder) addExport(i *Interface) {
	if b.exported[i.Name] == nil {
		b.exported[i.Name] = i
		b.order = append(b.order, i)
	}
}

// include adds everything of another world, some of it under other names.
func (b *worldBuilder) include(inc includeAST) error {
	full, err := b.fullName(b.it, inc.path)
	if err != nil {
		return err
	}
	w, err := b.world(inc.path.pos, full)
	if err != nil {
		return err
	}
	if err := checkRenames(w, inc.names); err != nil {
		return err
	}
	for _, i := range w.Imports {
		if err := b.addImport(inc.path.pos, b.original(i, inc.names)); err != nil {
			return err
		}
	}
	for _, i := range w.Exports {
		b.addExport(b.original(i, inc.names))
	}
	for _, t := range w.Types {
		if err := b.claim(inc.path.pos, t.Name); err != nil {
			return err
		}
		b.w.Types = append(b.w.Types, t)
	}
	b.w.Resources = append(b.w.Resources, w.Resources...)
	if err := b.includeFuncs(inc, w.ImportFuncs, b.claim, &b.w.ImportFuncs); err != nil {
		return err
	}
	return b.includeFuncs(inc, w.ExportFuncs, b.claimExport, &b.w.ExportFuncs)
}

func (b *worldBuilder) includeFuncs(inc includeAST, fs []Func, claim func(pos, string) error, to *[]Func) error {
	for _, f := range fs {
		f.Name = renamed(f.Name, inc.names)
		if err := claim(inc.path.pos, f.Name); err != nil {
			return err
		}
		*to = append(*to, f)
	}
	return nil
}

// original is the interface as its package declares it: an included world may hold a copy (see complete). One that is written inside
// the world has no package and can be renamed.
func (b *worldBuilder) original(i *Interface, names []renameAST) *Interface {
	if o := b.set.ifaces[i.Name]; o != nil {
		return o
	}
	if n := renamed(i.Name, names); n != i.Name {
		c := newCloner()
		c.rename = map[string]string{i.Name: n}
		return c.iface(i)
	}
	return i
}

func renamed(name string, names []renameAST) string {
	for _, n := range names {
		if n.name == name {
			return n.as
		}
	}
	return name
}

func checkRenames(w *World, names []renameAST) error {
	has := func(name string) bool {
		is := func(i *Interface) bool { return i.Name == name }
		isFunc := func(f Func) bool { return f.Name == name }
		return slices.ContainsFunc(w.Imports, is) || slices.ContainsFunc(w.Exports, is) ||
			slices.ContainsFunc(w.ImportFuncs, isFunc) || slices.ContainsFunc(w.ExportFuncs, isFunc)
	}
	for _, n := range names {
		if !has(n.name) {
			return n.pos.errorf("world %s has no import or export %q", w.Name, n.name)
		}
	}
	return nil
}

// complete adds the interfaces that exports depend on. Resources of an interface that is imported and exported are two: the host's and
// the guest's; the exported interface, and exports that use it, become copies with resources of their own.
func (b *worldBuilder) complete(at pos) error {
	c := newCloner()
	done := map[string]bool{}
	var visit func(*Interface) error
	visit = func(i *Interface) error {
		if done[i.Name] {
			return nil
		}
		done[i.Name] = true
		for _, d := range i.deps() {
			if e := b.exported[d]; e != nil {
				if err := visit(e); err != nil {
					return err
				}
				continue
			}
			dep, err := b.iface(at, d)
			if err != nil {
				return err
			}
			if err := b.addImport(at, dep); err != nil {
				return err
			}
		}
		b.w.Exports = append(b.w.Exports, i)
		return nil
	}
	for _, i := range b.order {
		if err := visit(i); err != nil {
			return err
		}
	}
	for n, i := range b.w.Exports {
		if b.imported[i.Name] == i {
			c.fresh(i)
		}
		b.w.Exports[n] = c.iface(i)
	}
	return nil
}
