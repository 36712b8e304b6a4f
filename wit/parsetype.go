package wit

import "strconv"

func (p *parser) atTypeDef() bool {
	for _, w := range []string{"type", "record", "variant", "enum", "flags", "resource"} {
		if p.isWord(w) {
			return true
		}
	}
	return false
}

// typeDef reads a declaration of a type or resource.
func (p *parser) typeDef() *typeDefAST {
	word := p.tok.text
	p.advance()
	d := &typeDefAST{pos: p.at(), name: p.name("the name of a type")}
	switch word {
	case "type":
		p.want("=")
		d.alias = p.typ()
		p.want(";")
	case "record":
		d.kind, d.fields = Record, p.fields("{", "}", typeRequired)
	case "variant":
		d.kind, d.fields = Variant, p.fields("{", "}", typePayload)
	case "enum":
		d.kind, d.fields = Enum, p.fields("{", "}", typeNone)
	case "flags":
		d.kind, d.fields = Flags, p.fields("{", "}", typeNone)
	case "resource":
		d.resource = true
		if !p.take(";") {
			d.methods = p.methods()
		}
	}
	return d
}

type fieldForm uint8

const (
	typeRequired fieldForm = iota // name: type
	typePayload                   // name or name(type)
	typeNone                      // name
)

// fields reads a list of names, with types as the form has them, separated by commas.
func (p *parser) fields(open, shut string, form fieldForm) (out []fieldAST) {
	p.want(open)
	for p.err == nil && !p.isPunct(shut) {
		p.gates()
		f := fieldAST{pos: p.at(), name: p.name("a name")}
		switch {
		case form == typeRequired:
			p.want(":")
			f.typ = p.typ()
		case form == typePayload && p.take("("):
			f.typ = p.typ()
			p.want(")")
		}
		out = append(out, f)
		if !p.take(",") {
			break
		}
	}
	p.want(shut)
	return out
}

func (p *parser) methods() (out []*funcAST) {
	p.want("{")
	for p.err == nil && !p.isPunct("}") {
		p.gates()
		f := &funcAST{pos: p.at(), kind: methodFunc}
		if p.takeWord("constructor") {
			f.kind = constructorFunc
			p.signature(f)
		} else {
			f.name = p.name("constructor or the name of a method")
			p.want(":")
			if p.takeWord("static") {
				f.kind = staticFunc
			}
			p.function(f)
		}
		p.want(";")
		out = append(out, f)
	}
	p.want("}")
	return out
}

// function reads "func(a: t) -> t" or "async func(…)".
func (p *parser) function(f *funcAST) {
	f.async = p.takeWord("async")
	if !p.takeWord("func") {
		p.expected("func")
	}
	p.signature(f)
}

func (p *parser) signature(f *funcAST) {
	f.params = p.fields("(", ")", typeRequired)
	if p.take("->") {
		f.result = p.typ()
	}
}

// typ reads a type expression.
func (p *parser) typ() *typeAST {
	t := &typeAST{pos: p.at()}
	if p.depth++; p.depth > maxNesting {
		p.fail("types nest more than %d deep", maxNesting)
	}
	defer func() { p.depth-- }()
	if p.tok.kind != tokID {
		p.expected("a type")
		return t
	}
	kind, builtin := builtinKind(p.tok)
	if !builtin {
		t.name = p.name("a type")
		return t
	}
	t.kind = kind
	p.advance()
	p.typeArgs(t)
	return t
}

// builtinKind is the kind that a word names where a type may stand.
func builtinKind(t token) (Kind, bool) {
	if t.raw {
		return 0, false
	}
	for k, name := range kindNames {
		switch k := Kind(k); k {
		case Record, Variant, Enum, Flags:
		default:
			if name == t.text {
				return k, true
			}
		}
	}
	return 0, false
}

func (p *parser) typeArgs(t *typeAST) {
	switch t.kind {
	case List:
		p.want("<")
		t.args = []*typeAST{p.typ()}
		if p.take(",") {
			t.len = p.length()
		}
		p.want(">")
	case Option:
		p.want("<")
		t.args = []*typeAST{p.typ()}
		p.want(">")
	case Tuple:
		p.want("<")
		for p.err == nil && !p.isPunct(">") {
			t.args = append(t.args, p.typ())
			if !p.take(",") {
				break
			}
		}
		p.want(">")
	case Result:
		p.resultArgs(t)
	case Own, Borrow:
		p.want("<")
		t.name = p.name("the name of a resource")
		p.want(">")
	case Stream, Future:
		if p.take("<") {
			t.args = []*typeAST{p.typ()}
			p.want(">")
		}
	}
}

// resultArgs reads nothing, "<ok>", "<ok, error>" or "<_, error>".
func (p *parser) resultArgs(t *typeAST) {
	t.args = []*typeAST{nil, nil}
	if !p.take("<") {
		return
	}
	if p.take("_") {
		p.want(",")
		t.args[1] = p.typ()
	} else {
		t.args[0] = p.typ()
		if p.take(",") {
			t.args[1] = p.typ()
		}
	}
	p.want(">")
}

func (p *parser) length() uint32 {
	n, err := strconv.ParseUint(p.tok.text, 10, 32)
	if p.tok.kind != tokNumber || err != nil || n == 0 {
		p.expected("a length from 1 to 4294967295")
		return 0
	}
	p.advance()
	return uint32(n)
}
