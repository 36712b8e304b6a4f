package component

import "github.com/wattle-io/wattle/wit"

func (l *linker) sameFunc(have, want *wit.FuncType, name string) {
	switch {
	case len(have.Params) != len(want.Params):
		l.fail("function %q: expected %d parameters, found %d", name, len(want.Params), len(have.Params))
	case have.Async != want.Async:
		l.fail("function %q: one is async, the other is not", name)
	case (have.Result == nil) != (want.Result == nil) || have.Result != nil && !l.same(have.Result, want.Result):
		l.fail("function %q: type mismatch with result type: expected %s, found %s", name, typeText(want.Result), typeText(have.Result))
	}
	for i, p := range have.Params {
		w := want.Params[i]
		if p.Name != w.Name {
			l.fail("function %q: expected parameter named %q, found %q", name, w.Name, p.Name)
		}
		if !l.same(p.Type, w.Type) {
			l.fail("function %q: type mismatch in parameter %q: expected %s, found %s", name, p.Name, typeText(w.Type), typeText(p.Type))
		}
	}
}

// typeText is a type for messages: types can be long.
func typeText(t *wit.Type) string {
	s := t.String()
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return s
}

func (l *linker) sameEntity(have, want any, name string) {
	ok := false
	switch h := have.(type) {
	case *wit.Type:
		w, is := want.(*wit.Type)
		ok = is && l.same(h, w)
	case *wit.Resource:
		w, is := want.(*wit.Resource)
		if ok = is && l.resources[h] == l.resources[w]; is && !ok {
			l.fail("%q: resource types are not the same", name)
		}
	case *wit.FuncType:
		if w, is := want.(*wit.FuncType); is {
			l.sameFunc(h, w, name)
			ok = true
		}
	case *closureType:
		w, is := want.(*closureType)
		ok = is && (h.def == w.def && h.env == w.env || l.sameClosure(h, w))
	}
	if !ok {
		l.fail("%q: expected %s, found %s of another kind or with other parts", name,
			sortOf(typeEntity{v: want}), sortOf(typeEntity{v: have}))
	}
}

// sameClosure checks that an instance or component type can stand for another one.
func (l *linker) sameClosure(have, want *closureType) bool {
	if have.def.component != want.def.component {
		return false
	}
	if have.def.component {
		l.componentFits(&compEntity{typ: have}, want)
		return true
	}
	abstract := l.instanceType(have, func(s *scope, d *decl) entity {
		s.exports.trusted = true
		return l.declare(s, &s.exports, d, nil)
	})
	l.ascribeInstance(want, abstract, false)
	return true
}

// same reports whether value types are equal: they are compared by structure, resource types by identity.
func (l *linker) same(a, b *wit.Type) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Len != b.Len || len(a.Fields) != len(b.Fields) {
		return false
	}
	l.step()
	if a.Resource != nil && l.resources[a.Resource] != l.resources[b.Resource] {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !l.same(a.Fields[i].Type, b.Fields[i].Type) {
			return false
		}
	}
	return l.same(a.Elem, b.Elem) && l.same(a.OK, b.OK) && l.same(a.Err, b.Err)
}
