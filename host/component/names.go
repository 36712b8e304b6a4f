package component

import (
	"strconv"

	"github.com/wattle-io/wattle/wit"
)

// nameSpace is the names of the imports or of the exports of a component, with the types that have a name there. Rules: Binary.md,
// "Import and Export Definitions"; Explainer.md, "External visibility of types".
type nameSpace struct {
	what    string            // "import" or "export", for messages
	seen    map[string]string // names by what makes them unique
	named   map[any]bool      // *wit.Type and *wit.Resource that have a name
	labels  map[*wit.Resource]string
	also    *nameSpace // where the types are named as well
	trusted bool       // was checked before
	open    bool       // types need no names: instance types
}

func newNameSpace(what string) nameSpace {
	return nameSpace{what: what, seen: map[string]string{}, named: map[any]bool{}, labels: map[*wit.Resource]string{}}
}

// parsedName is a name of an import or export, taken apart.
type parsedName struct {
	kind     nameKind
	resource string // annotated names
	label    string // plain names: the last part
	unique   string // what must differ from other names
}

type nameKind uint8

const (
	plainLabel nameKind = iota
	constructor
	method
	static
	implements
	interfaceName
)

// name checks the name of an import or export and what it may stand for, and registers it.
func (l *linker) name(ns *nameSpace, name string, attr nameAttributes, e entity) {
	if ns.trusted {
		return
	}
	n, ok := parseName(name, attr)
	if !ok {
		l.fail("%s name %q is not a valid extern name (want kebab case, or namespace:package/interface@version)", ns.what, name)
	}
	if old, ok := ns.seen[n.unique]; ok {
		l.fail("%s name %q conflicts with previous name %q", ns.what, name, old)
	}
	ns.seen[n.unique] = name
	l.nameFits(ns, name, n, attr, e)
	if !l.visible(ns, e) {
		l.fail("%s %q: %s not valid to be used as %s: it refers to a type that has no name here", ns.what, name, sortOf(e), ns.what)
	}
	if t, ok := e.(typeEntity); ok {
		if r, ok := t.v.(*wit.Resource); ok {
			ns.labels[r] = name
		}
	}
}

func (l *linker) nameFits(ns *nameSpace, name string, n parsedName, attr nameAttributes, e entity) {
	if _, instance := e.(*instEntity); n.kind == implements && !instance || attr.implements != nil && !instance {
		l.fail("%s name %q: only instances can implement an interface", ns.what, name)
	}
	if n.kind != constructor && n.kind != method && n.kind != static {
		return
	}
	f, ok := e.(*funcEntity)
	if !ok {
		l.fail("%s name %q is not valid: it is not a func", ns.what, name)
	}
	if why := l.annotationFits(ns, n, f.typ); why != "" {
		l.fail("%s name %q is not valid: %s", ns.what, name, why)
	}
}

func (l *linker) annotationFits(ns *nameSpace, n parsedName, f *wit.FuncType) string {
	var r *wit.Resource
	switch n.kind {
	case static:
		for _, label := range ns.labels {
			if label == n.resource {
				return ""
			}
		}
		return "static resource name is not known in this context"
	case constructor:
		t := f.Result
		if t != nil && t.Kind == wit.Result {
			t = t.OK
		}
		if t == nil || t.Kind != wit.Own {
			return "the function should return (own T) or (result (own T))"
		}
		r = t.Resource
	case method:
		if len(f.Params) == 0 || f.Params[0].Name != "self" || f.Params[0].Type.Kind != wit.Borrow {
			return "the function should take a first argument self of (borrow T)"
		}
		r = f.Params[0].Type.Resource
	}
	label, ok := ns.labels[r]
	switch {
	case !ok:
		return "resource used in function does not have a name in this context"
	case label != n.resource:
		return "function does not match expected resource name " + strconv.Quote(label)
	}
	return ""
}

// visible reports whether all types that an entity refers to have a name, and names those that come with it.
func (l *linker) visible(ns *nameSpace, e entity) bool {
	if ns.open {
		return true
	}
	l.step()
	switch v := e.(type) {
	case *funcEntity:
		return l.funcNamed(ns, v.typ)
	case *instEntity:
		for _, n := range v.names {
			if !l.visible(ns, v.exports[n]) {
				return false
			}
		}
	case typeEntity:
		ok := true
		switch t := v.v.(type) {
		case *wit.Type:
			ok = l.partsNamed(ns, t)
		case *wit.FuncType:
			ok = l.funcNamed(ns, t)
		}
		if ok {
			ns.named[v.v] = true
			if ns.also != nil {
				ns.also.named[v.v] = true
			}
		}
		return ok
	}
	return true
}

func (l *linker) funcNamed(ns *nameSpace, f *wit.FuncType) bool {
	for _, p := range f.Params {
		if !l.typeNamed(ns, p.Type) {
			return false
		}
	}
	return l.typeNamed(ns, f.Result)
}

// typeNamed reports whether a type has a name, or needs none and neither do its parts. Types that have labels need one.
func (l *linker) typeNamed(ns *nameSpace, t *wit.Type) bool {
	if t == nil || ns.named[t] {
		return true
	}
	switch t.Kind {
	case wit.Record, wit.Variant, wit.Enum, wit.Flags:
		return false
	}
	return l.partsNamed(ns, t)
}

func (l *linker) partsNamed(ns *nameSpace, t *wit.Type) bool {
	l.step()
	if t.Resource != nil && !ns.named[t.Resource] {
		return false
	}
	for i := range t.Fields {
		if !l.typeNamed(ns, t.Fields[i].Type) {
			return false
		}
	}
	return l.typeNamed(ns, t.Elem) && l.typeNamed(ns, t.OK) && l.typeNamed(ns, t.Err)
}
