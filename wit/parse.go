package wit

import (
	"slices"
	"strconv"
)

// maxNesting bounds how deep type expressions nest in the text.
const maxNesting = 100

// parser reads one file into syntax trees by recursive descent (WIT.md). The first error stops it.
type parser struct {
	lex   lexer
	tok   token // the one to look at
	depth int
	err   error
}

// parsed is what one file holds: what belongs to the package that the file names ("" if it names none) and the packages written
// out in braces.
type parsed struct {
	pkg    packageID
	main   *fileAST
	nested []*packageAST
}

func parseFile(name, src string) (*parsed, error) {
	p := &parser{lex: lexer{file: name, src: src, line: 1}}
	p.advance()
	out := &parsed{main: &fileAST{}}
	for first := true; p.err == nil && p.tok.kind != tokEOF; first = false {
		p.gates()
		if p.isWord("package") {
			p.packageDecl(out, first)
			continue
		}
		p.topItem(out.main)
	}
	return out, p.err
}

func (p *parser) advance() {
	if p.err == nil {
		p.tok, p.err = p.lex.next()
	}
	if p.err != nil {
		p.tok = token{pos: p.at()}
	}
}

func (p *parser) fail(format string, a ...any) {
	if p.err == nil {
		p.err = p.tok.pos.errorf(format, a...)
		p.tok = token{pos: p.at()}
	}
}

func (p *parser) expected(what string) { p.fail("expected %s, found %s", what, p.tok) }

// at is where the current token is. It is a function so that "{pos: p.at(), name: p.name()}" takes the place first.
func (p *parser) at() pos { return p.tok.pos }

func (p *parser) isPunct(s string) bool { return p.tok.kind == tokPunct && p.tok.text == s }
func (p *parser) isWord(s string) bool {
	return p.tok.kind == tokID && !p.tok.raw && p.tok.text == s
}

// take consumes the token if it is that punctuation.
func (p *parser) take(punct string) bool {
	if p.isPunct(punct) {
		p.advance()
		return true
	}
	return false
}

// takeWord consumes the token if it is that keyword.
func (p *parser) takeWord(word string) bool {
	if p.isWord(word) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) want(punct string) {
	if !p.take(punct) {
		p.expected(strconv.Quote(punct))
	}
}

// keywords cannot be names unless written with "%".
func isKeyword(s string) bool {
	switch s {
	case "use", "type", "resource", "func", "record", "enum", "flags", "variant", "static", "interface", "world", "import", "export",
		"package", "include", "as", "from", "with", "constructor", "async", "list", "option", "result", "tuple", "own", "borrow",
		"future", "stream", "error-context", "map", "bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64", "char", "string":
		return true
	}
	return false
}

// name reads a name. Words that only have a meaning elsewhere ("from", "with") need no "%".
func (p *parser) name(what string) string {
	t := p.tok
	if t.kind != tokID || !t.raw && isKeyword(t.text) && !slices.Contains([]string{"from", "with", "package", "map"}, t.text) {
		if t.kind == tokID {
			p.fail("expected %s, found the keyword %q; write %%%s to use it as a name", what, t.text, t.text)
		} else {
			p.expected(what)
		}
		return ""
	}
	p.advance()
	return t.text
}

// gates skips @since(…), @unstable(…) and @deprecated(…): what they guard is always there.
func (p *parser) gates() {
	for p.isPunct("@") {
		p.advance()
		if g := p.name("since, unstable or deprecated"); g != "since" && g != "unstable" && g != "deprecated" {
			p.fail("unknown gate @%s; there are @since, @unstable and @deprecated", g)
		}
		p.want("(")
		for p.err == nil {
			key := p.name("version or feature")
			if !p.isPunct("=") {
				p.expected(`"="`)
			}
			switch key {
			case "version":
				p.version()
			default:
				p.advance()
				p.name("the name of a feature")
			}
			if !p.take(",") {
				break
			}
		}
		p.want(")")
	}
}

// version reads a version; the current token is the "@" or "=" before it.
func (p *parser) version() string {
	if p.err != nil {
		return ""
	}
	v, err := p.lex.version()
	if err != nil {
		p.err = err
	}
	p.advance()
	return v
}

func (p *parser) packageID() packageID {
	id := packageID{ns: p.name("the namespace of a package")}
	p.want(":")
	id.name = p.name("the name of a package")
	if p.isPunct("@") {
		id.version = p.version()
	}
	return id
}

// packageDecl reads "package a:b@1.0.0;", which must come first, or "package a:b { … }".
func (p *parser) packageDecl(out *parsed, first bool) {
	at := p.tok.pos
	p.advance()
	id := p.packageID()
	if p.take("{") {
		f := &fileAST{}
		for p.err == nil && !p.isPunct("}") {
			p.gates()
			p.topItem(f)
		}
		p.want("}")
		out.nested = append(out.nested, &packageAST{id: id, files: []*fileAST{f}})
		return
	}
	if !first && p.err == nil {
		p.err = at.errorf("the package must be named before anything else in the file")
	}
	p.want(";")
	out.pkg = id
}

func (p *parser) topItem(f *fileAST) {
	switch {
	case p.takeWord("use"):
		u := useAliasAST{path: p.path()}
		u.name = u.path.name
		if p.takeWord("as") {
			u.name = p.name("a name")
		}
		p.want(";")
		f.uses = append(f.uses, u)
	case p.takeWord("interface"):
		i := &interfaceAST{pos: p.at(), name: p.name("the name of an interface")}
		i.body = p.interfaceBody()
		f.ifaces = append(f.ifaces, i)
	case p.takeWord("world"):
		f.worlds = append(f.worlds, p.world())
	default:
		p.expected("interface, world or use")
	}
}

// path reads "name" or "ns:pkg/name@version".
func (p *parser) path() pathAST {
	out := pathAST{pos: p.at(), name: p.name("the name of an interface")}
	if p.take(":") {
		p.pathTail(&out)
	}
	return out
}

// pathTail reads what follows the "ns:" of a path, whose namespace stands in out.name.
func (p *parser) pathTail(out *pathAST) {
	out.pkg = packageID{ns: out.name, name: p.name("func, interface or the name of a package")}
	p.want("/")
	out.name = p.name("the name of an interface")
	if p.isPunct("@") {
		out.pkg.version = p.version()
	}
}

// renames reads "{a, b as c}".
func (p *parser) renames() (out []renameAST) {
	p.want("{")
	for p.err == nil && !p.isPunct("}") {
		r := renameAST{pos: p.at(), name: p.name("a name")}
		r.as = r.name
		if p.takeWord("as") {
			r.as = p.name("a name")
		}
		out = append(out, r)
		if !p.take(",") {
			break
		}
	}
	p.want("}")
	return out
}

func (p *parser) use() useAST {
	u := useAST{path: p.path()}
	p.want(".")
	u.names = p.renames()
	p.want(";")
	return u
}

func (p *parser) interfaceBody() (b bodyAST) {
	p.want("{")
	for p.err == nil && !p.isPunct("}") {
		p.gates()
		switch {
		case p.takeWord("use"):
			b.uses = append(b.uses, p.use())
		case p.atTypeDef():
			b.types = append(b.types, p.typeDef())
		default:
			f := &funcAST{pos: p.at(), name: p.name("a type, a use or the name of a function")}
			p.want(":")
			p.function(f)
			p.want(";")
			b.funcs = append(b.funcs, f)
		}
	}
	p.want("}")
	return b
}

func (p *parser) world() *worldAST {
	w := &worldAST{pos: p.at(), name: p.name("the name of a world")}
	p.want("{")
	for p.err == nil && !p.isPunct("}") {
		p.gates()
		switch {
		case p.takeWord("use"):
			w.body.uses = append(w.body.uses, p.use())
		case p.takeWord("include"):
			i := includeAST{path: p.path()}
			if p.takeWord("with") {
				i.names = p.renames()
				p.take(";")
			} else {
				p.want(";")
			}
			w.includes = append(w.includes, i)
		case p.isWord("import"), p.isWord("export"):
			w.items = append(w.items, p.worldItem())
		case p.atTypeDef():
			w.body.types = append(w.body.types, p.typeDef())
		default:
			p.expected("import, export, include, use or a type")
		}
	}
	p.want("}")
	return w
}

// worldItem reads an import or export: "name: func(…);", "name: interface { … }" or the path of an interface.
func (p *parser) worldItem() *worldItemAST {
	it := &worldItemAST{pos: p.at(), export: p.isWord("export")}
	p.advance()
	path := pathAST{pos: p.at(), name: p.name("a name")}
	if p.take(":") {
		switch {
		case p.isWord("func"), p.isWord("async"):
			it.name, it.fn = path.name, &funcAST{pos: path.pos, name: path.name}
			p.function(it.fn)
			p.want(";")
			return it
		case p.takeWord("interface"):
			b := p.interfaceBody()
			it.name, it.iface = path.name, &b
			return it
		}
		p.pathTail(&path)
	}
	it.path = &path
	p.want(";")
	return it
}
