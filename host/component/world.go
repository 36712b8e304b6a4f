package component

import "github.com/wattle-io/wattle/wit"

const (
	maxWorld = 1 << 20 // bytes of an encoded world; the one of wasi:cli/command has 30 KB
	maxDefs  = 1 << 18 // definitions evaluated: an instance type is evaluated each time it is imported or exported
	magic    = "\x00asm\x0d\x00\x01\x00"
)

// encodingSection is the custom section that toolchains put into an encoded world: a format version and a string encoding.
const encodingSection = "wit-component-encoding"

// DecodeWorld decodes the payload of a "component-type…" custom section: the world that a core module was compiled against, as
// wit-component writes it. It is a component binary with nothing but types:
//
//	(component
//	  (@custom "wit-component-encoding" "\04\00")
//	  (type (component                                        ; a package, written as a type
//	    (type (component … imports and exports of the world …))
//	    (export "ns:pkg/world@1.0.0" (component (type 0)))))
//	  (export "world" (type 0)))
//
// The older form, in which the exported type is the world itself, is read too. Interfaces, types and resources are shared as in
// a world that package wit resolved: a type that an interface takes from another one is the same pointer. Strings must be UTF-8.
// Errors are *DecodeError.
func DecodeWorld(section []byte) (*wit.World, error) {
	r := &reader{b: section}
	if len(section) > maxWorld {
		r.fail("encoded world of %d bytes; at most %d", len(section), maxWorld)
	}
	if string(r.take(8)) != magic {
		r.fail("not a component (want version 0d, layer 1)")
	}
	root := &scopeDef{component: true}
	for !r.done() {
		worldSection(r, root)
	}
	if r.err != nil {
		return nil, r.err
	}
	e := &evaluator{prims: map[wit.Kind]*wit.Type{}, owns: map[*wit.Resource]*wit.Type{}}
	w := e.root(root)
	if e.err != nil {
		return nil, e.err
	}
	return w, nil
}

// worldSection reads one section of the outermost component into declarations.
func worldSection(r *reader, to *scopeDef) {
	id := r.byte()
	s := r.sub()
	switch id {
	case 0:
		if s.name() == encodingSection {
			checkEncoding(s)
		}
		s.off = len(s.b)
	case 7:
		for n := s.count(); n > 0 && s.err == nil; n-- {
			to.decls = append(to.decls, decl{kind: typeDecl, def: s.definition(0)})
		}
	case 11:
		for n := s.count(); n > 0 && s.err == nil; n-- {
			to.decls = append(to.decls, s.typeExport())
		}
	default:
		s.fail("section %d has no place in an encoded world", id)
	}
	r.close(s)
}

func checkEncoding(s *reader) {
	if v := s.byte(); v != 4 {
		s.fail("encoded world has format version %d; want 4, as wit-component writes it since 2023", v)
	}
	if enc := s.byte(); enc != 0 {
		s.fail("module's string encoding is %d; only UTF-8 (0) is supported", enc)
	}
}

// typeExport reads an export of the outermost component, which can only be a type.
func (r *reader) typeExport() decl {
	d := decl{kind: exportDecl, desc: externDesc{sort: sortType}}
	d.name, d.attr = r.externName()
	r.expect(sortType, "sort of an export")
	d.desc.index = r.u32()
	if r.byte() == 1 {
		r.externDesc()
	}
	return d
}
