package component

import (
	"strconv"
	"strings"

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

// parseName takes a name apart; ok is false if it is none.
func parseName(s string, attr nameAttributes) (n parsedName, ok bool) {
	if attr.implements != nil && (strings.Contains(s, ":") || !validInterface(*attr.implements)) {
		return n, false
	}
	if rest, found := strings.CutPrefix(s, "[implements=<"); found {
		iface, label, found := strings.Cut(rest, ">]")
		return parsedName{kind: implements, label: label, unique: fold(label)}, found && validInterface(iface) && wit.ValidLabel(label)
	}
	if strings.Contains(s, ":") {
		return parsedName{kind: interfaceName, unique: s}, validVersioned(s, attr.versionSuffix)
	}
	if attr.versionSuffix != nil {
		return n, false
	}
	for prefix, kind := range map[string]nameKind{"[constructor]": constructor, "[method]": method, "[static]": static} {
		if rest, found := strings.CutPrefix(s, prefix); found {
			return annotatedName(rest, kind)
		}
	}
	return parsedName{kind: plainLabel, label: s, unique: fold(s)}, wit.ValidLabel(s)
}

func annotatedName(s string, kind nameKind) (n parsedName, ok bool) {
	if kind == constructor {
		return parsedName{kind: kind, resource: s, label: s, unique: "[constructor]" + fold(s)}, wit.ValidLabel(s)
	}
	r, label, found := strings.Cut(s, ".")
	n = parsedName{kind: kind, resource: r, label: label, unique: fold(r) + "." + fold(label)}
	if fold(r) == fold(label) { // a member named like its resource would get the name of the constructor
		n.unique = fold(r)
	}
	return n, found && wit.ValidLabel(r) && wit.ValidLabel(label)
}

// fold is what two names must differ in.
func fold(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }

// validInterface reports whether s is namespace:package/interface, with or without @version.
func validInterface(s string) bool {
	if !strings.Contains(s, ":") {
		return false
	}
	return validVersioned(s, nil)
}

func validVersioned(s string, suffix *string) bool {
	base, version, versioned := strings.Cut(s, "@")
	ns, rest, ok := strings.Cut(base, ":")
	pkg, iface, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || !lowerLabel(ns) || !lowerLabel(pkg) || !wit.ValidLabel(iface) {
		return false
	}
	switch {
	case suffix == nil:
		return !versioned || validSemver(version)
	case *suffix == "":
		return versioned && canonVersion(version) && validSemver(version)
	}
	return versioned && canonVersion(version) && validSemver(version+*suffix)
}

func lowerLabel(s string) bool { return wit.ValidLabel(s) && s == strings.ToLower(s) }

// canonVersion reports whether s is the part of a version that compatible ones share: "1", "0.2", "0.0.3".
func canonVersion(s string) bool {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if !validNumber(p) {
			return false
		}
	}
	switch len(parts) {
	case 1:
		return parts[0] != "0"
	case 2:
		return parts[0] == "0" && parts[1] != "0"
	case 3:
		return parts[0] == "0" && parts[1] == "0"
	}
	return false
}

// validSemver reports whether s is a semantic version (semver.org 2.0.0).
func validSemver(s string) bool {
	s, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(s, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 || hasBuild && !validIdentifiers(build, false) || hasPre && !validIdentifiers(pre, true) {
		return false
	}
	return validNumber(parts[0]) && validNumber(parts[1]) && validNumber(parts[2])
}

func validNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// validIdentifiers reports whether s is identifiers joined by dots; numbers of a pre-release have no leading zeros.
func validIdentifiers(s string, pre bool) bool {
	for _, id := range strings.Split(s, ".") {
		if id == "" || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return false
		}
		if pre && strings.Trim(id, "0123456789") == "" && len(id) > 1 && id[0] == '0' {
			return false
		}
	}
	return true
}

// fullName is a name with the rest of its version.
func fullName(name string, attr nameAttributes) string {
	if attr.versionSuffix == nil {
		return name
	}
	return name + *attr.versionSuffix
}
