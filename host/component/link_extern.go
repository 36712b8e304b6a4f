package component

import "github.com/wattle-io/wattle/wit"

// origin says where the host finds what the program imports.
type hostOrigin struct {
	iface string // "" for the program itself
	deep  bool   // an instance inside of an instance: no host has that
}

// declare makes the abstract entity that a declaration describes, and gives it its name. With from, it is an import of the program.
func (l *linker) declare(s *scope, ns *nameSpace, d *decl, from *hostOrigin) entity {
	e := l.describe(s, d, from)
	l.name(ns, d.name, d.attr, e)
	return e
}

func (l *linker) describe(s *scope, d *decl, from *hostOrigin) entity {
	switch desc := d.desc; desc.sort {
	case sortFunc:
		f := &funcEntity{typ: l.funcType(s, desc.index), lift: -1}
		if from != nil && !from.deep {
			f.host = &hostImport{iface: from.iface, name: d.name, index: -1}
		}
		return f
	case sortType:
		if !desc.sub {
			return l.rename(at(l, s.types, desc.index, "type"), d.name)
		}
		iface := ""
		if from != nil {
			iface = from.iface
		}
		return typeEntity{v: l.abstract(iface, d.name, nil)}
	case sortInstance:
		return l.describeInstance(s, d, from)
	case sortComponent:
		return &compEntity{typ: l.closureAt(s, desc.index, true)}
	case sortCoreModule:
		return &moduleEntity{l.moduleTypeAt(s, desc.index), -1}
	}
	l.fail("import or export of sort %#02x", d.desc.sort)
	return nil
}

func (l *linker) describeInstance(s *scope, d *decl, from *hostOrigin) entity {
	c := l.closureAt(s, d.desc.index, false)
	if from != nil {
		from = &hostOrigin{iface: fullName(d.name, d.attr), deep: from.deep || from.iface != ""}
	}
	return l.instanceType(c, func(s *scope, d *decl) entity {
		s.exports.trusted = true
		e := l.describe(s, d, from)
		if t, ok := e.(typeEntity); ok && from != nil {
			l.own(t, from.iface)
		}
		return e
	})
}

// own notes the interface that declares a type, unless it is known.
func (l *linker) own(e typeEntity, iface string) {
	switch t := e.v.(type) {
	case *wit.Type:
		if t.Owner == "" && l.origin(t) == t {
			t.Owner = iface
		}
	case *wit.Resource:
		if n := l.resources[t].name; n.Interface == "" {
			n.Interface = iface
		}
	}
}

func (l *linker) closureAt(s *scope, i uint32, component bool) *closureType {
	c, ok := at(l, s.types, i, "type").v.(*closureType)
	if !ok || c.def.component != component {
		l.fail("type index %d is not %s type", i, map[bool]string{false: "an instance", true: "a component"}[component])
	}
	return c
}

func (l *linker) moduleTypeAt(s *scope, i uint32) *moduleType {
	t, ok := at(l, s.coreTypes, i, "core type").(*moduleType)
	if !ok {
		l.fail("core type index %d is not a module type", i)
	}
	return t
}

// export evaluates an export of a component. What is exported gets a new index.
func (l *linker) export(s *scope, d *exportDef) entity {
	e := l.lookup(s, d.ref)
	if d.desc != nil {
		e = l.ascribe(s, *d.desc, e, true, d.name)
	} else {
		e = l.rename(e, d.name)
	}
	l.name(&s.exports, d.name, d.attr, e)
	l.bind(s, e)
	return e
}

// ascribe checks that an entity fits a type, and gives it as seen through that type. With seal, for exports, an abstract
// resource type hides which one it is; without, for the arguments of an instantiation, it is replaced by that one.
func (l *linker) ascribe(s *scope, desc externDesc, e entity, seal bool, name string) entity {
	l.step()
	switch v := e.(type) {
	case *funcEntity:
		if desc.sort == sortFunc {
			want := l.funcType(s, desc.index)
			l.sameFunc(v.typ, want, name)
			return &funcEntity{want, v.lift, v.host}
		}
	case typeEntity:
		if desc.sort == sortType {
			return l.ascribeType(s, desc, v, seal, name)
		}
	case *instEntity:
		if desc.sort == sortInstance {
			return l.ascribeInstance(l.closureAt(s, desc.index, false), v, seal)
		}
	case *compEntity:
		if desc.sort == sortComponent {
			l.componentFits(v, l.closureAt(s, desc.index, true))
			return v
		}
	case *moduleEntity:
		if desc.sort == sortCoreModule {
			want := l.moduleTypeAt(s, desc.index)
			l.moduleFits(v.typ, want)
			return &moduleEntity{want, v.index}
		}
	}
	l.fail("%q: expected %s, found %s", name, sortName(desc.sort), sortOf(e))
	return nil
}

func sortName(sort byte) string {
	switch sort {
	case sortFunc:
		return "func"
	case sortType:
		return "type"
	case sortInstance:
		return "instance"
	case sortComponent:
		return "component"
	case sortCoreModule:
		return "module"
	}
	return "something else"
}

func (l *linker) ascribeType(s *scope, desc externDesc, e typeEntity, seal bool, name string) entity {
	if desc.sub {
		r, ok := e.v.(*wit.Resource)
		switch {
		case !ok:
			l.fail("%q: expected resource, found %s", name, sortOf(e))
		case seal:
			return typeEntity{v: l.abstract("", name, l.resources[r])}
		}
		return typeEntity{r, true}
	}
	want := at(l, s.types, desc.index, "type")
	l.sameEntity(e.v, want.v, name)
	if seal {
		return l.rename(want, name)
	}
	return typeEntity{e.v, true}
}

func (l *linker) ascribeInstance(c *closureType, e *instEntity, seal bool) entity {
	return l.instanceType(c, func(s *scope, d *decl) entity {
		s.exports.trusted = true
		x, ok := e.exports[d.name]
		if !ok {
			l.fail("missing expected export %q of an instance", d.name)
		}
		return l.ascribe(s, d.desc, x, seal, d.name)
	})
}

// componentFits checks that a component can stand for a component type: instantiated with what the type promises to give, it exports
// what the type promises.
func (l *linker) componentFits(c *compEntity, want *closureType) {
	dry := l.dry
	l.dry = true
	args := map[string]entity{}
	var have *instEntity
	instantiated := func() *instEntity {
		if have == nil {
			have = l.apply(c, args)
		}
		return have
	}
	l.componentType(want, func(s *scope, d *decl) entity {
		s.imports.trusted, s.exports.trusted = true, true
		e := l.declare(s, &s.imports, d, nil)
		args[d.name] = e
		return e
	}, func(s *scope, d *decl) entity {
		s.imports.trusted, s.exports.trusted = true, true
		x, ok := instantiated().exports[d.name]
		if !ok {
			l.fail("missing expected export %q of a component", d.name)
		}
		return l.ascribe(s, d.desc, x, false, d.name)
	})
	instantiated()
	l.dry = dry
}
