package wasmmod

import "slices"

// The ids of sections (core spec 5.5.2).
const (
	secCustom    = 0
	secType      = 1
	secImport    = 2
	secFunction  = 3
	secTable     = 4
	secMemory    = 5
	secGlobal    = 6
	secExport    = 7
	secStart     = 8
	secElement   = 9
	secCode      = 10
	secData      = 11
	secDataCount = 12
	secTag       = 13
)

// sectionOrder is the order in which the sections other than custom ones must stand, each at most once.
const sectionOrder = "\x01\x02\x03\x04\x05\x0d\x06\x07\x08\x09\x0c\x0a\x0b"

// rank is the position of a section in that order, 0 for an unknown id.
func rank(id byte) int { return slices.Index([]byte(sectionOrder), id) + 1 }

// section is one section as it stands in the module.
type section struct {
	id    byte
	body  []byte
	start int // offset of the id
	base  int // offset of the body
}

func (s *section) reader() reader { return reader{buf: s.body, base: s.base} }

// split finds the sections.
func (m *Module) split(b []byte) error {
	r := reader{buf: b, off: len(coreHeader)}
	last := 0
	for r.more() {
		s := section{start: r.off}
		s.id = r.byte()
		if k := rank(s.id); s.id != secCustom && r.err == nil {
			if k == 0 {
				r.fail(ErrUnsupported, "section %d", s.id)
			} else if k <= last {
				r.malformed("section %d is out of order or repeated", s.id)
			}
			last = k
		}
		body := r.sub(r.u32())
		s.body, s.base = body.buf, body.base
		m.sections = append(m.sections, s)
	}
	return r.err
}

func (m *Module) decodeSection(s *section) error {
	r := s.reader()
	switch s.id {
	case secCustom:
		c := CustomSection{Name: r.name(), Offset: s.start}
		c.Data = r.take(uint32(len(r.buf) - r.off))
		m.Custom = append(m.Custom, c)
	case secType:
		m.decodeTypes(&r)
	case secImport:
		m.decodeImports(&r)
	case secFunction:
		m.decodeFuncs(&r)
	case secTable:
		m.decodeTables(&r)
	case secMemory:
		for n := r.count("memories", maxTables); n > 0 && r.err == nil; n-- {
			m.Memories = append(m.Memories, r.limits())
		}
	case secTag:
		for n := r.count("tags", maxTags); n > 0 && r.err == nil; n-- {
			m.decodeTag(&r)
		}
	case secGlobal:
		m.decodeGlobals(&r)
	case secExport:
		m.decodeExports(&r)
	case secStart:
		m.HasStart, m.start = true, r.index("function", uint32(len(m.funcs)))
	case secElement:
		m.rewriteElements(&r, m.take)
	case secDataCount:
		r.u32()
	case secCode:
		m.decodeBodies(&r)
	case secData:
		m.decodeData(&r)
	}
	return r.close("the section")
}

func (m *Module) decodeTypes(r *reader) {
	n := r.count("types", maxTypes)
	m.types = make([]FuncSig, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		m.types = append(m.types, r.funcType(uint32(len(m.types))))
	}
}

func (m *Module) decodeImports(r *reader) {
	n := r.count("imports", maxImports)
	m.Imports = make([]Import, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		im := Import{Module: r.name(), Name: r.name()}
		start := r.off
		im.Kind = Kind(r.byte())
		m.decodeImportDesc(r, &im)
		if r.err == nil {
			im.desc = r.buf[start:r.off]
			m.Imports = append(m.Imports, im)
		}
	}
	m.importedFuncs, m.importedTables = uint32(len(m.funcs)), uint32(len(m.Tables))
	m.taken = make([]bool, len(m.funcs))
}

func (m *Module) decodeImportDesc(r *reader, im *Import) {
	types := uint32(len(m.types))
	switch im.Kind {
	case Func:
		im.TypeIndex = r.index("type", types)
		m.funcs = append(m.funcs, im.TypeIndex)
		if r.err == nil {
			im.Sig = m.types[im.TypeIndex]
			m.sharesTable = m.sharesTable || im.Sig.hasFuncRef()
		}
	case Table:
		im.Limits, im.Type = r.tableType(types)
		m.Tables, m.elems, m.sharesTable = append(m.Tables, im.Limits), append(m.elems, im.Type), true
	case Memory:
		im.Limits = r.limits()
		m.Memories = append(m.Memories, im.Limits)
	case Global:
		im.Type = r.globalType(types)
		im.Mutable = r.off > 0 && r.err == nil && r.buf[r.off-1] == 1
		m.globals, m.mutable = append(m.globals, im.Type), append(m.mutable, im.Mutable)
		m.sharesTable = m.sharesTable || isFuncRef(im.Type)
	case Tag:
		m.decodeTag(r)
	default:
		r.malformed("import of kind %d", im.Kind)
	}
}

func (s FuncSig) hasFuncRef() bool {
	return slices.ContainsFunc(s.Params, isFuncRef) || slices.ContainsFunc(s.Results, isFuncRef)
}

func (m *Module) decodeTag(r *reader) {
	if attr := r.byte(); attr != 0 {
		r.malformed("tag attribute %d", attr)
	}
	r.index("type", uint32(len(m.types)))
	m.tags++
}

func (m *Module) decodeFuncs(r *reader) {
	n := r.count("functions", maxFuncs)
	m.Funcs = int(n)
	for ; n > 0 && r.err == nil; n-- {
		m.funcs = append(m.funcs, r.index("type", uint32(len(m.types))))
	}
	m.taken = make([]bool, len(m.funcs))
}

func (m *Module) decodeTables(r *reader) {
	for n := r.count("tables", maxTables); n > 0 && r.err == nil; n-- {
		l, elem := m.rewriteTable(r, nil, 0, m.take)
		m.Tables, m.elems = append(m.Tables, l), append(m.elems, elem)
	}
}

// take notes that the address of a function is taken, so that an indirect call may reach it.
func (m *Module) take(f uint32) uint32 {
	m.taken[f] = true
	return f
}

func (m *Module) decodeGlobals(r *reader) {
	n := r.count("globals", maxGlobals)
	for ; n > 0 && r.err == nil; n-- {
		t := r.globalType(uint32(len(m.types)))
		mutable := r.off > 0 && r.err == nil && r.buf[r.off-1] == 1
		m.rewriteConst(r, nil, m.take)
		m.globals, m.mutable = append(m.globals, t), append(m.mutable, mutable)
	}
}

func (m *Module) decodeExports(r *reader) {
	n := r.count("exports", maxExports)
	m.Exports = make([]Export, 0, n)
	seen := make(map[string]struct{}, n)
	for ; n > 0 && r.err == nil; n-- {
		e := Export{Name: r.name(), Kind: Kind(r.byte())}
		e.Index = r.index(e.Kind.String(), m.indexSpace(e.Kind))
		if _, ok := seen[e.Name]; ok {
			r.malformed("two exports named %q", e.Name)
		}
		if r.err != nil {
			return
		}
		seen[e.Name] = struct{}{}
		m.noteExport(&e)
		m.Exports = append(m.Exports, e)
	}
}

func (m *Module) noteExport(e *Export) {
	switch e.Kind {
	case Func:
		e.Sig = m.types[m.funcs[e.Index]]
		m.sharesTable = m.sharesTable || e.Sig.hasFuncRef()
	case Table:
		m.sharesTable = true
	case Global:
		m.sharesTable = m.sharesTable || isFuncRef(m.globals[e.Index])
	}
}

// indexSpace is the number of items of a kind.
func (m *Module) indexSpace(k Kind) uint32 {
	switch k {
	case Func:
		return uint32(len(m.funcs))
	case Table:
		return uint32(len(m.Tables))
	case Memory:
		return uint32(len(m.Memories))
	case Global:
		return uint32(len(m.globals))
	case Tag:
		return m.tags
	}
	return 0
}

func (m *Module) decodeData(r *reader) {
	for n := r.count("data segments", maxSegments); n > 0 && r.err == nil; n-- {
		switch flags := r.u32(); flags {
		case 0:
			m.rewriteConst(r, nil, m.take)
		case 1:
		case 2:
			r.u32()
			m.rewriteConst(r, nil, m.take)
		default:
			r.malformed("data segment with flags %d", flags)
		}
		r.take(r.u32())
	}
}

// decodeBodies frames the functions; their instructions are read by Apply.
func (m *Module) decodeBodies(r *reader) {
	n := r.count("bodies", maxFuncs)
	if int(n) != m.Funcs && r.err == nil {
		r.malformed("%d functions and %d bodies", m.Funcs, n)
	}
	m.bodies = make([]body, 0, n)
	all := uint64(0)
	for i := uint32(0); i < n && r.err == nil; i++ {
		size := r.u32()
		if size > maxBody {
			r.fail(ErrTooLarge, "function of %d bytes, at most %d are accepted", size, maxBody)
		}
		code := r.sub(size)
		b := decodeBody(&code, m.params(m.importedFuncs+i), uint32(len(m.types)))
		if r.err = code.err; r.err != nil {
			return
		}
		if all += uint64(b.locals); all > maxAllLocals {
			r.fail(ErrTooLarge, "the functions have more than %d locals together", maxAllLocals)
		}
		m.bodies = append(m.bodies, b)
	}
}

// params is the number of parameters of a function.
func (m *Module) params(f uint32) uint32 { return uint32(len(m.types[m.funcs[f]].Params)) }

// decodeBody reads the declaration of locals.
func decodeBody(r *reader, params, types uint32) body {
	b := body{groups: r.count("groups of locals", maxLocals), locals: params}
	start := r.off
	for i := uint32(0); i < b.groups && r.err == nil; i++ {
		n := r.u32()
		if n > maxLocals || b.locals+n > maxLocals {
			r.fail(ErrTooLarge, "function with more than %d parameters and locals", maxLocals)
			return b
		}
		b.locals += n
		r.valType(types)
	}
	if r.err == nil {
		b.decl, b.code, b.offset = r.buf[start:r.off], r.buf[r.off:], r.base+r.off
	}
	return b
}
