package component

// alias brings an entity of an instance or of an outer scope into this one.
func (l *linker) alias(s *scope, d *decl, core bool) {
	switch {
	case core:
		l.coreAlias(s, d)
	case d.kind == aliasExport:
		l.exportAlias(s, d)
	default:
		l.outerAlias(s, d)
	}
}

func (l *linker) exportAlias(s *scope, d *decl) {
	e, ok := at(l, s.insts, d.a, "instance").exports[d.name]
	if !ok {
		l.fail("instance %d has no export named %q", d.a, d.name)
	}
	ok = false
	switch v := e.(type) {
	case *funcEntity:
		ok = d.sort == sortFunc
	case *instEntity:
		ok = d.sort == sortInstance
	case *compEntity:
		ok = d.sort == sortComponent
	case *moduleEntity:
		ok = d.sort == sortCoreModule
	case typeEntity:
		ok = d.sort == sortType
		v.foreign = true
		e = v
	}
	if !ok {
		l.fail("export %q of instance %d is a %s, the alias asks for another sort", d.name, d.a, sortOf(e))
	}
	l.bind(s, e)
}

func (l *linker) outerAlias(s *scope, d *decl) {
	outer, crossed := s, false
	for n := d.a; n > 0; n-- {
		crossed = crossed || outer.kind == componentScope
		if outer = outer.parent; outer == nil {
			l.fail("invalid outer alias count %d", d.a)
		}
	}
	switch d.sort {
	case sortType:
		t := at(l, outer.types, d.b, "type")
		if outer != s && l.hasResources(t.v) {
			if crossed {
				l.fail("type %d of an outer component transitively refers to resources not defined in the current component", d.b)
			}
			for in := s; in != outer; in = in.parent {
				in.free = true
			}
		}
		t.foreign = t.foreign || outer != s
		s.types = append(s.types, t)
	case sortComponent:
		s.comps = append(s.comps, at(l, outer.comps, d.b, "component"))
	case sortCoreModule:
		s.modules = append(s.modules, at(l, outer.modules, d.b, "module"))
	case sortCoreType:
		s.coreTypes = append(s.coreTypes, at(l, outer.coreTypes, d.b, "core type"))
	default:
		l.fail("an outer alias of sort %#02x: only types, modules and components can be aliased", d.sort)
	}
}
