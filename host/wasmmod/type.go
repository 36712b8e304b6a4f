package wasmmod

// Kind is the kind of an import or export (core spec 5.5.5, importdesc).
type Kind uint8

// The kinds, with their binary values.
const (
	Func Kind = iota
	Table
	Memory
	Global
	Tag
)

// String gives the keyword of the text format.
func (k Kind) String() string {
	switch k {
	case Func:
		return "func"
	case Table:
		return "table"
	case Memory:
		return "memory"
	case Global:
		return "global"
	case Tag:
		return "tag"
	}
	return "invalid"
}

// FuncSig is the type of a function: one byte per value, the core value type (0x7f i32, 0x7e i64, 0x7d f32, 0x7c f64, 0x7b v128,
// 0x70 funcref, 0x6f externref, 0x69 exnref). A typed reference is 0x63 (nullable) or 0x64, without its heap type.
type FuncSig struct{ Params, Results []byte }

// String gives the text format: "(i32 i64) -> (f32)".
func (s FuncSig) String() string { return valTypes(s.Params) + " -> " + valTypes(s.Results) }

func valTypes(types []byte) string {
	s := "("
	for i, t := range types {
		if i > 0 {
			s += " "
		}
		s += valTypeName(t)
	}
	return s + ")"
}

func valTypeName(t byte) string {
	switch t {
	case i32Type:
		return "i32"
	case 0x7e:
		return "i64"
	case 0x7d:
		return "f32"
	case 0x7c:
		return "f64"
	case 0x7b:
		return "v128"
	case funcref:
		return "funcref"
	case externref:
		return "externref"
	case exnref:
		return "exnref"
	}
	return "ref"
}

// isFuncRef reports whether a value of the type may hold a function.
func isFuncRef(t byte) bool { return t == funcref || t == 0x63 || t == 0x64 }

// Limits are the bounds of a memory, in pages of 64 KiB, or of a table, in elements.
type Limits struct {
	Min    uint32
	Max    uint32 // meaningful if HasMax
	HasMax bool
	Shared bool
}

// limits reads a limits type. 64-bit memories and tables are refused.
func (r *reader) limits() Limits {
	flags := r.byte()
	if flags > 3 {
		r.fail(ErrUnsupported, "limits with flags %#x; only 32-bit memories and tables with the default page size are taken", flags)
	}
	l := Limits{HasMax: flags&1 != 0, Shared: flags&2 != 0, Min: r.u32()}
	if l.HasMax {
		if l.Max = r.u32(); l.Max < l.Min {
			r.malformed("maximum %d is below minimum %d", l.Max, l.Min)
		}
	}
	return l
}

func appendLimits(b []byte, l Limits) []byte {
	var flags byte
	if l.HasMax {
		flags |= 1
	}
	if l.Shared {
		flags |= 2
	}
	b = appendU32(append(b, flags), l.Min)
	if l.HasMax {
		b = appendU32(b, l.Max)
	}
	return b
}

// valType reads a value type and gives its byte as in FuncSig.
func (r *reader) valType(types uint32) byte {
	switch t := r.byte(); t {
	case i32Type, 0x7e, 0x7d, 0x7c, 0x7b, funcref, externref, exnref:
		return t
	case 0x63, 0x64:
		r.heapType(types)
		return t
	default:
		if r.err == nil {
			r.off--
			r.fail(ErrUnsupported, "value type %#x", t)
		}
		return 0
	}
}

// heapType reads func, extern, exn or a type index.
func (r *reader) heapType(types uint32) {
	start := r.off
	switch v := r.signed(33); {
	case v >= int64(types):
		r.malformed("type %d of %d", v, types)
	case v < 0 && (r.off != start+1 || v != funcref-0x80 && v != externref-0x80 && v != exnref-0x80):
		r.fail(ErrUnsupported, "heap type %d", v)
	}
}

// globalType reads a global type and gives its value type.
func (r *reader) globalType(types uint32) byte {
	t := r.valType(types)
	if m := r.byte(); m > 1 {
		r.malformed("mutability %d", m)
	}
	return t
}

// tableType reads a table type and gives its limits and the type of its elements.
func (r *reader) tableType(types uint32) (Limits, byte) {
	t := r.valType(types)
	if r.err == nil && !isFuncRef(t) && t != externref && t != exnref {
		r.malformed("table of %s", valTypeName(t))
	}
	l := r.limits()
	if l.Shared {
		r.malformed("shared table")
	}
	return l, t
}

// funcType reads one function type.
func (r *reader) funcType(types uint32) FuncSig {
	if form := r.byte(); form != 0x60 && r.err == nil {
		r.off--
		r.fail(ErrUnsupported, "type of form %#x; only function types are taken", form)
	}
	return FuncSig{Params: r.valTypeVec("parameters", types), Results: r.valTypeVec("results", types)}
}

func (r *reader) valTypeVec(what string, types uint32) []byte {
	n := r.count(what, maxValues)
	if n == 0 {
		return nil
	}
	v := make([]byte, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		v = append(v, r.valType(types))
	}
	return v
}
