package wasmmod

// remap gives the new index of a function.
type remap func(uint32) uint32

// rewriteElements copies an element section (core spec 5.5.12) with new function indexes. Flags are 0 to 7:
// bit 0 passive or declarative, bit 1 explicit table or declarative, bit 2 expressions instead of indexes.
func (m *Module) rewriteElements(r *reader, fn remap) []byte {
	n := r.count("element segments", maxSegments)
	out := appendU32(make([]byte, 0, len(r.buf)+len(r.buf)/8), n)
	for ; n > 0 && r.err == nil; n-- {
		flags := r.u32()
		if flags > 7 {
			r.malformed("element segment with flags %d", flags)
			break
		}
		out = m.rewriteSegment(r, appendU32(out, flags), flags, fn)
	}
	return out
}

func (m *Module) rewriteSegment(r *reader, out []byte, flags uint32, fn remap) []byte {
	active := flags&1 == 0
	if active && flags&2 != 0 { // else it is the first table
		out = appendU32(out, r.index("table", uint32(len(m.Tables))))
	}
	if active {
		out = m.rewriteConst(r, out, fn)
	}
	exprs := flags&4 != 0
	if flags&3 != 0 {
		start := r.off
		if exprs {
			r.valType(uint32(len(m.types)))
		} else if kind := r.byte(); kind != 0 {
			r.malformed("element kind %d", kind)
		}
		out = append(out, r.buf[start:r.off]...)
	}
	n := r.count("elements", maxElements)
	out = appendU32(out, n)
	for ; n > 0 && r.err == nil; n-- {
		if exprs {
			out = m.rewriteConst(r, out, fn)
		} else {
			out = m.rewriteIndex(r, out, fn)
		}
	}
	return out
}

func (m *Module) rewriteIndex(r *reader, out []byte, fn remap) []byte {
	f := r.index("function", uint32(len(m.funcs)))
	if r.err != nil {
		return out
	}
	return appendU32(out, fn(f))
}

// rewriteConst copies a constant expression (core spec 3.3.11, with the extended ones) with new function indexes.
func (m *Module) rewriteConst(r *reader, out []byte, fn remap) []byte {
	lim := bounds{types: uint32(len(m.types)), funcs: uint32(len(m.funcs)), globals: uint32(len(m.globals))}
	for r.err == nil {
		var in insn
		r.next(&in, &lim)
		if !in.constant() {
			r.off = in.start
			r.malformed("instruction %#02x in a constant expression", in.op)
		}
		if r.err != nil {
			return out
		}
		if in.op == opRefFunc {
			out = appendU32(append(out, opRefFunc), fn(in.index))
			continue
		}
		out = in.appendTo(out, r)
		if in.op == opEnd {
			return out
		}
	}
	return out
}

// constant reports whether the instruction may stand in a constant expression.
func (in *insn) constant() bool {
	switch in.op {
	case opI32Const, 0x42, 0x43, 0x44, opGlobalGet, opRefNull, opRefFunc, opEnd,
		opI32Add, opI32Sub, 0x6c, 0x7c, 0x7d, 0x7e:
		return true
	}
	return in.op == opVector && in.sub == 12
}

// appendTo appends the instruction just read from r. The opcode after a prefix is written in its shortest form: the engine
// takes a longer one for another instruction.
func (in *insn) appendTo(out []byte, r *reader) []byte {
	if !in.prefix {
		return append(out, r.buf[in.start:r.off]...)
	}
	out = appendU32(append(out, in.op), in.sub)
	return append(out, r.buf[in.imm:r.off]...)
}

// rewriteTable copies a table definition, with its maximum brought down to max unless that is 0.
func (m *Module) rewriteTable(r *reader, out *[]byte, max uint32, fn remap) (Limits, byte) {
	start := r.off
	init := r.peek() == emptyType
	if init {
		r.byte()
		r.zero()
	}
	typ := r.off
	l, elem := r.tableType(uint32(len(m.types)))
	if l.Min > maxTableSize || max != 0 && l.Min > max {
		r.off = start
		r.fail(ErrTooLarge, "table of %d elements", l.Min)
	}
	if r.err != nil {
		return l, elem
	}
	var buf []byte
	if max != 0 && (!l.HasMax || l.Max > max) {
		l.HasMax, l.Max = true, max
	}
	if out != nil {
		tr := reader{buf: r.buf, off: typ}
		tr.valType(uint32(len(m.types)))
		buf = appendLimits(append(buf, r.buf[start:tr.off]...), l)
	}
	if init {
		buf = m.rewriteConst(r, buf, fn)
	}
	if out != nil {
		*out = append(*out, buf...)
	}
	return l, elem
}
