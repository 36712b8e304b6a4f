package wit

// Check reads one value of type t from d and reports through d.Err whether it is well formed. It is for values that come from
// elsewhere and are passed on without being looked at. Handles are refused: they never leave their host. A nil type has no value.
func Check(t *Type, d *Decoder) { check(t, d, 0) }

func check(t *Type, d *Decoder, depth int) {
	if t == nil {
		return
	}
	if depth > MaxTypeDepth {
		d.Fail("types nest more than %d deep", MaxTypeDepth)
		return
	}
	switch t.Kind {
	case List:
		checkList(t, d, depth)
	case Record, Tuple:
		for i := 0; i < len(t.Fields) && d.err == nil; i++ {
			check(t.Fields[i].Type, d, depth+1)
		}
	case Variant, Enum:
		if c := d.Case(len(t.Fields)); d.err == nil {
			check(t.Fields[c].Type, d, depth+1)
		}
	case Option:
		if d.Option() {
			check(t.Elem, d, depth+1)
		}
	case Result:
		if d.Result() {
			check(t.OK, d, depth+1)
		} else {
			check(t.Err, d, depth+1)
		}
	default:
		checkScalar(t, d)
	}
}

func checkList(t *Type, d *Decoder, depth int) {
	n := uint64(t.Len)
	if n == 0 {
		n = d.Uint(32)
	}
	if t.Elem.Kind == U8 || t.Elem.Kind == S8 {
		d.Take(n)
		return
	}
	for ; n > 0 && d.err == nil; n-- {
		check(t.Elem, d, depth+1)
	}
}

func checkScalar(t *Type, d *Decoder) {
	switch t.Kind {
	case Bool:
		d.Bool()
	case S8, U8:
		d.Byte()
	case U16, U32, U64:
		d.Uint(t.Kind.bits())
	case S16, S32, S64:
		d.Int(t.Kind.bits())
	case F32:
		d.F32()
	case F64:
		d.F64()
	case Char:
		d.Char()
	case String:
		d.RawString()
	case Flags:
		d.Flags(len(t.Fields))
	default:
		d.Fail("a value of type %s cannot be passed on", t)
	}
}

// bits is the width of an integer or float kind.
func (k Kind) bits() uint {
	switch k {
	case S8, U8:
		return 8
	case S16, U16:
		return 16
	case S32, U32, F32:
		return 32
	}
	return 64
}
