package component

import "github.com/wattle-io/wattle/wit"

// sameShape reports whether function types of different origins are the same: value types by structure, resource types by the
// names of their interfaces and their own.
func sameShape(a, b *wit.FuncType) bool {
	if len(a.Params) != len(b.Params) || a.Async != b.Async {
		return false
	}
	s := shapes{}
	for i := range a.Params {
		if a.Params[i].Name != b.Params[i].Name || !s.same(a.Params[i].Type, b.Params[i].Type) {
			return false
		}
	}
	return s.same(a.Result, b.Result)
}

// shapes are pairs of types that are known to be the same: types share parts.
type shapes map[[2]*wit.Type]bool

func (s shapes) same(a, b *wit.Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	pair := [2]*wit.Type{a, b}
	if s[pair] {
		return true
	}
	if a.Kind != b.Kind || a.Len != b.Len || len(a.Fields) != len(b.Fields) || !sameResource(a.Resource, b.Resource) {
		return false
	}
	for i := range a.Fields {
		if a.Kind != wit.Tuple && a.Fields[i].Name != b.Fields[i].Name || !s.same(a.Fields[i].Type, b.Fields[i].Type) {
			return false
		}
	}
	ok := s.same(a.Elem, b.Elem) && s.same(a.OK, b.OK) && s.same(a.Err, b.Err)
	s[pair] = ok
	return ok
}

func sameResource(a, b *wit.Resource) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Name == b.Name && wit.CompatibleName(a.Interface) == wit.CompatibleName(b.Interface)
}
