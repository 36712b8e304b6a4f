package component

// closure evaluates an instance or component type once, to check it.
func (l *linker) closure(s *scope, d *scopeDef) *closureType {
	c := &closureType{def: d, env: s}
	dry, outer := l.dry, l.at
	l.dry = true
	exported := func(s *scope, d *decl) entity { return l.declare(s, &s.exports, d, nil) }
	if d.component {
		l.componentType(c, func(s *scope, d *decl) entity { return l.declare(s, &s.imports, d, nil) }, exported)
	} else {
		l.instanceType(c, exported)
	}
	l.dry, l.at = dry, outer
	return c
}

// instanceType evaluates an instance type; exported gives the entity of each export.
func (l *linker) instanceType(c *closureType, exported func(*scope, *decl) entity) *instEntity {
	s := newScope(c.env, instanceTypeScope)
	return l.declarations(s, c, nil, exported)
}

// componentType evaluates a component type. Without exported, its exports are abstract.
func (l *linker) componentType(c *closureType, imported, exported func(*scope, *decl) entity) *instEntity {
	s := newScope(c.env, componentTypeScope)
	if exported == nil {
		s.imports.trusted, s.exports.trusted = true, true
		exported = func(s *scope, d *decl) entity { return l.declare(s, &s.exports, d, nil) }
	}
	return l.declarations(s, c, imported, exported)
}

func (l *linker) declarations(s *scope, c *closureType, imported, exported func(*scope, *decl) entity) *instEntity {
	out := newInst()
	for i := range c.def.decls {
		l.step()
		switch d := &c.def.decls[i]; d.kind {
		case typeDecl:
			s.types = append(s.types, typeEntity{v: l.typeDef(s, d.def)})
		case coreTypeDecl:
			s.coreTypes = append(s.coreTypes, l.coreType(s, d.def))
		case aliasExport, aliasOuter:
			l.alias(s, d, false)
		case importDecl:
			l.bind(s, imported(s, d))
		case exportDecl:
			e := exported(s, d)
			l.bind(s, e)
			out.add(d.name, e)
		}
	}
	c.free = c.free || s.free
	return out
}
