package wasmmod

import "strings"

// Rewrite says what Apply changes. The zero Rewrite changes nothing.
type Rewrite struct {
	// Imports gives the new module and name of an import; nil keeps them.
	Imports func(Import) (module, name string)
	// Meter inserts the checks of fuel and stack, adds the import yield and the two globals, charges bulk instructions by
	// their length, and drops the custom sections other than names (their offsets would be wrong).
	Meter bool
	// TableMax, unless 0, is the most elements to which a table of the module may grow.
	TableMax uint32
}

// Apply returns a rewritten copy of a core module. The size of the result is at most a small multiple of len(b). The errors
// are those of Decode; of the instructions it reports those it cannot read, and the engine's validation finds the rest.
func Apply(b []byte, rw Rewrite) ([]byte, error) {
	m, err := Decode(b)
	if err != nil {
		return nil, err
	}
	return m.Apply(rw)
}

// Apply is the function Apply for a module that is decoded already. It takes notes in the module: one call at a time.
func (m *Module) Apply(rw Rewrite) (_ []byte, err error) {
	size := 0
	for i := range m.sections {
		size += len(m.sections[i].body)
	}
	same := func(f uint32) uint32 { return f }
	w := writer{m: m, rw: rw, out: make([]byte, 0, size+size/4+256), fn: same, ref: same}
	if rw.Meter {
		if w.meter, err = newMeter(m); err != nil {
			return nil, err
		}
		w.fn, w.ref = w.meter.outside, w.meter.reference
	}
	return w.module()
}

// writer makes the new module section by section.
type writer struct {
	m     *Module
	rw    Rewrite
	meter *meter // nil without metering
	fn    remap  // function index in exports and start
	ref   remap  // function index where an address is taken
	out   []byte
	err   error
}

// meteredSections are those that metering adds to, in their order.
const meteredSections = "\x01\x02\x03\x06\x07\x09\x0a" // type, import, function, global, export, element, code

func (w *writer) module() ([]byte, error) {
	w.out = append(w.out, coreHeader...)
	next := 0 // in meteredSections
	for i := range w.m.sections {
		s := &w.m.sections[i]
		for w.meter != nil && s.id != secCustom && next < len(meteredSections) && rank(meteredSections[next]) <= rank(s.id) {
			if meteredSections[next] != s.id {
				w.section(&section{id: meteredSections[next], body: []byte{0}})
			}
			next++
		}
		w.section(s)
	}
	for ; w.meter != nil && next < len(meteredSections); next++ {
		w.section(&section{id: meteredSections[next], body: []byte{0}})
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.out, nil
}

func (w *writer) section(s *section) {
	if w.err != nil {
		return
	}
	r := s.reader()
	body, keep := w.rewrite(s, &r)
	if w.err == nil {
		w.err = r.err
	}
	if !keep {
		return
	}
	w.out = appendU32(append(w.out, s.id), uint32(len(body)))
	w.out = append(w.out, body...)
}

// rewrite gives the new content of a section, and whether there is to be one.
func (w *writer) rewrite(s *section, r *reader) ([]byte, bool) {
	switch s.id {
	case secImport:
		return w.imports(), true
	case secTable:
		return w.tables(r), true
	}
	if w.meter == nil {
		return s.body, true
	}
	switch s.id {
	case secCustom:
		return w.names(r)
	case secType:
		return w.types(r), true
	case secFunction:
		return w.functions(r), true
	case secGlobal:
		return w.globals(r), true
	case secExport:
		return w.exports(), true
	case secStart:
		return appendU32(nil, w.fn(w.m.start)), true
	case secElement:
		return w.elements(r), true
	case secCode:
		return w.code(), true
	}
	return s.body, true
}

// types appends the types of yield and of the helpers.
func (w *writer) types(r *reader) []byte {
	body := appendU32(nil, r.u32()+2)
	body = append(body, r.buf[r.off:]...)
	return append(body, 0x60, 1, i32Type, 1, i32Type, 0x60, 1, i32Type, 0)
}

func (w *writer) imports() []byte {
	n := len(w.m.Imports)
	if w.meter != nil {
		n++
	}
	body := appendU32(nil, uint32(n))
	for i := range w.m.Imports {
		im := &w.m.Imports[i]
		module, name := im.Module, im.Name
		if w.rw.Imports != nil {
			module, name = w.rw.Imports(*im)
		}
		w.reserved(im.Name)
		w.reserved(name)
		if w.meter != nil && module == YieldModule && name == YieldName {
			w.refuse("the import %q %q is the host's own", module, name)
		}
		body = append(appendName(appendName(body, module), name), im.desc...)
	}
	if w.meter != nil {
		body = appendName(appendName(body, YieldModule), YieldName)
		body = appendU32(append(body, byte(Func)), uint32(len(w.m.types)))
	}
	return body
}

// reserved refuses a name with which a module could reach the counters.
func (w *writer) reserved(name string) {
	if w.meter != nil && strings.HasPrefix(name, "__wattle_") {
		w.refuse("the name %q is the host's own; choose one that does not begin with __wattle_", name)
	}
}

func (w *writer) refuse(format string, a ...any) {
	r := reader{err: w.err}
	r.fail(ErrUnsupported, format, a...)
	w.err = r.err
}

func (w *writer) functions(r *reader) []byte {
	extra := 2 + uint32(len(w.meter.wrapped))
	body := appendU32(nil, r.u32()+extra)
	body = append(body, r.buf[r.off:]...)
	helper := uint32(len(w.m.types)) + 1
	body = appendU32(appendU32(body, helper), helper)
	for _, f := range w.meter.wrapped {
		body = appendU32(body, w.m.funcs[f])
	}
	return body
}

func (w *writer) tables(r *reader) []byte {
	n := r.count("tables", maxTables)
	body := appendU32(nil, n)
	for ; n > 0 && r.err == nil; n-- {
		w.m.rewriteTable(r, &body, w.rw.TableMax, w.ref)
	}
	return body
}

func (w *writer) globals(r *reader) []byte {
	n := r.u32()
	body := appendU32(nil, n+2)
	for ; n > 0 && r.err == nil; n-- {
		start := r.off
		r.globalType(uint32(len(w.m.types)))
		body = append(body, r.buf[start:r.off]...)
		body = w.m.rewriteConst(r, body, w.ref)
	}
	body = append(body, i32Type, 1, opI32Const, 0, opEnd)
	return append(appendS32(append(body, i32Type, 1, opI32Const), DefaultStack), opEnd)
}

func (w *writer) exports() []byte {
	body := appendU32(nil, uint32(len(w.m.Exports))+2)
	for _, e := range w.m.Exports {
		w.reserved(e.Name)
		index := e.Index
		if e.Kind == Func {
			index = w.fn(index)
		}
		body = appendU32(append(appendName(body, e.Name), byte(e.Kind)), index)
	}
	body = appendU32(append(appendName(body, FuelGlobal), byte(Global)), w.meter.fuel)
	return appendU32(append(appendName(body, StackGlobal), byte(Global)), w.meter.stack)
}

// elements adds a segment that declares what the code refers to: an export does not declare it any more if it now names
// the wrapper.
func (w *writer) elements(r *reader) []byte {
	refs := w.meter.refs
	if len(refs) == 0 {
		return w.m.rewriteElements(r, w.ref)
	}
	n := r.peekU32()
	body := appendU32(nil, n+1)
	body = append(body, w.m.rewriteElements(r, w.ref)[sizeU32(n):]...)
	body = appendU32(append(body, 3, 0), uint32(len(refs)))
	for _, f := range refs {
		body = appendU32(body, w.ref(f))
	}
	return body
}

func (w *writer) code() []byte {
	mt := w.meter
	size := 0
	for i := range w.m.bodies {
		size += len(w.m.bodies[i].code)
	}
	body := appendU32(make([]byte, 0, size+size/4), uint32(len(w.m.bodies)+2+len(mt.wrapped)))
	for i := range w.m.bodies {
		body = appendBytes(body, mt.function(i))
	}
	body = appendBytes(body, mt.chargeBody())
	body = appendBytes(body, mt.enterBody())
	for _, f := range mt.wrapped {
		body = appendBytes(body, mt.wrapperBody(f))
	}
	return body
}

// appendBytes appends b after its length.
func appendBytes(to, b []byte) []byte { return append(appendU32(to, uint32(len(b))), b...) }
