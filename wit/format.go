package wit

import (
	"fmt"
	"strings"
)

// Format gives an interface as WIT text: its package, what it uses from others, and all that it declares. Parse reads it back,
// given the packages that it uses.
func Format(i *Interface) string {
	var p printer
	name := p.packageLine(i.Name)
	p.iface("interface "+escape(name), i)
	return p.b.String()
}

// FormatWorld gives a world as WIT text. Interfaces of packages are named, not written out.
func FormatWorld(w *World) string {
	var p printer
	name := p.packageLine(w.Name)
	p.line("world %s {", escape(name))
	p.indent++
	p.names = map[any]string{}
	p.uses(w.Uses())
	p.decls(w.Types, w.Resources, w.ImportFuncs, "import ")
	for _, i := range w.Imports {
		p.worldInterface("import ", i)
	}
	for _, i := range w.Exports {
		p.worldInterface("export ", i)
	}
	p.funcs(w.ExportFuncs, "export ")
	p.indent--
	p.line("}")
	return p.b.String()
}

// printer writes WIT text. names says what foreign types and resources are called in the current scope.
type printer struct {
	b      strings.Builder
	indent int
	names  map[any]string
}

func (p *printer) line(format string, a ...any) {
	p.b.WriteString(strings.Repeat("  ", p.indent))
	fmt.Fprintf(&p.b, format, a...)
	p.b.WriteByte('\n')
}

// splitName cuts "ns:pkg/name@1.0.0" into "ns:pkg@1.0.0" and "name". The package is "" for a plain name.
func splitName(full string) (pkg, name string) {
	base, version, versioned := strings.Cut(full, "@")
	pkg, name, ok := strings.Cut(base, "/")
	if !ok {
		return "", full
	}
	if versioned {
		pkg += "@" + version
	}
	return pkg, name
}

// packageLine writes the package of a full name and gives the rest.
func (p *printer) packageLine(full string) string {
	pkg, name := splitName(full)
	if pkg != "" {
		p.line("package %s;\n", pkg)
	}
	return name
}

// escape marks a name that is a keyword.
func escape(name string) string {
	if isKeyword(name) {
		return "%" + name
	}
	return name
}

func (p *printer) iface(head string, i *Interface) {
	outer := p.names
	p.names = map[any]string{}
	p.line("%s {", head)
	p.indent++
	p.uses(i.Uses())
	p.decls(i.Types, i.Resources, i.Funcs, "")
	p.indent--
	p.line("}")
	p.names = outer
}

func (p *printer) worldInterface(word string, i *Interface) {
	if pkg, _ := splitName(i.Name); pkg != "" {
		p.line("%s%s;", word, i.Name)
	} else {
		p.iface(word+escape(i.Name)+": interface", i)
	}
}

// uses writes the use lines of a scope and notes the local names.
func (p *printer) uses(us []Use) {
	var owners []string
	items := map[string][]string{}
	for _, u := range us {
		text := escape(u.Name)
		if u.As != u.Name {
			text += " as " + escape(u.As)
		}
		if u.Resource != nil {
			p.names[u.Resource] = u.As
		} else {
			p.names[u.Type] = u.As
		}
		if items[u.Interface] == nil {
			owners = append(owners, u.Interface)
		}
		items[u.Interface] = append(items[u.Interface], text)
	}
	for _, o := range owners {
		p.line("use %s.{%s};", o, strings.Join(items[o], ", "))
	}
}

// decls writes types, resources with their methods, and functions.
func (p *printer) decls(ts []*Type, rs []*Resource, fs []Func, word string) {
	for _, t := range ts {
		p.typeDecl(t)
	}
	for _, r := range rs {
		p.resource(r, fs)
	}
	p.funcs(fs, word)
}

func (p *printer) typeDecl(t *Type) {
	switch t.Kind {
	case Record, Variant, Enum, Flags:
		p.line("%s %s {", t.Kind, escape(t.Name))
		for _, f := range t.Fields {
			switch {
			case f.Type == nil:
				p.line("  %s,", escape(f.Name))
			case t.Kind == Record:
				p.line("  %s: %s,", escape(f.Name), p.typ(f.Type))
			default:
				p.line("  %s(%s),", escape(f.Name), p.typ(f.Type))
			}
		}
		p.line("}")
	default:
		anonymous := *t
		anonymous.Name = ""
		p.line("type %s = %s;", escape(t.Name), p.typ(&anonymous))
	}
}

func (p *printer) resource(r *Resource, fs []Func) {
	var members []string
	for _, f := range fs {
		if res, text := p.member(f); res == r.Name {
			members = append(members, text)
		}
	}
	if len(members) == 0 {
		p.line("resource %s;", escape(r.Name))
		return
	}
	p.line("resource %s {", escape(r.Name))
	for _, m := range members {
		p.line("  %s;", m)
	}
	p.line("}")
}

// member gives the resource that a function belongs to and its text inside the resource; "" for a free function.
func (p *printer) member(f Func) (resource, text string) {
	kind, rest, ok := strings.Cut(f.Name, "]")
	if !ok {
		return "", ""
	}
	resource, name, _ := strings.Cut(rest, ".")
	t := *f.Type
	switch kind {
	case "[method":
		if len(t.Params) > 0 {
			t.Params = t.Params[1:]
		}
		return resource, escape(name) + ": " + p.function(&t)
	case "[static":
		return resource, escape(name) + ": static " + p.function(&t)
	}
	if t.Result != nil && t.Result.Kind == Own && t.Result.Resource.Name == resource {
		t.Result = nil
	}
	return resource, "constructor" + strings.TrimPrefix(p.function(&t), "func")
}

func (p *printer) funcs(fs []Func, word string) {
	for _, f := range fs {
		if r, _ := p.member(f); r == "" {
			p.line("%s%s: %s;", word, escape(f.Name), p.function(f.Type))
		}
	}
}

func (p *printer) function(f *FuncType) string {
	params := make([]string, len(f.Params))
	for i, a := range f.Params {
		params[i] = escape(a.Name) + ": " + p.typ(a.Type)
	}
	s := "func(" + strings.Join(params, ", ") + ")"
	if f.Async {
		s = "async " + s
	}
	if f.Result != nil {
		s += " -> " + p.typ(f.Result)
	}
	return s
}

// typ gives a type expression.
func (p *printer) typ(t *Type) string {
	switch {
	case t == nil:
		return "_"
	case t.Name != "":
		if local := p.names[t]; local != "" {
			return escape(local)
		}
		return escape(t.Name)
	}
	switch t.Kind {
	case Own, Borrow:
		name := p.names[t.Resource]
		if name == "" {
			name = t.Resource.Name
		}
		if t.Kind == Borrow {
			return "borrow<" + escape(name) + ">"
		}
		return escape(name)
	case List, Option, Stream, Future, Tuple, Result:
		return p.compound(t)
	}
	return t.Kind.String()
}

func (p *printer) compound(t *Type) string {
	var parts []string
	switch {
	case t.Kind == Tuple:
		for _, f := range t.Fields {
			parts = append(parts, p.typ(f.Type))
		}
	case t.Kind == Result && t.Err != nil:
		parts = []string{p.typ(t.OK), p.typ(t.Err)}
	case t.Kind == Result && t.OK != nil:
		parts = []string{p.typ(t.OK)}
	case t.Elem != nil:
		parts = []string{p.typ(t.Elem)}
	}
	if t.Len > 0 {
		parts = append(parts, fmt.Sprint(t.Len))
	}
	if parts == nil {
		return t.Kind.String()
	}
	return t.Kind.String() + "<" + strings.Join(parts, ", ") + ">"
}
