package wit

import (
	"fmt"
	"math"

	"pgregory.net/rapid"
)

// genType draws a value type without handles, up to depth levels of parts.
func genType(t *rapid.T, depth int) *Type {
	kinds := []Kind{Bool, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, Char, String, Enum, Flags}
	if depth > 0 {
		kinds = append(kinds, List, Record, Tuple, Variant, Option, Result)
	}
	out := &Type{Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
	optional := func() *Type {
		if rapid.Bool().Draw(t, "absent") {
			return nil
		}
		return genType(t, depth-1)
	}
	switch out.Kind {
	case List:
		out.Elem, out.Len = genType(t, depth-1), uint32(rapid.IntRange(0, 3).Draw(t, "len"))
	case Option:
		out.Elem = genType(t, depth-1)
	case Result:
		out.OK, out.Err = optional(), optional()
	case Record, Tuple, Variant, Enum, Flags:
		most := 4
		if out.Kind == Flags {
			most = MaxFlags
		}
		for i := range rapid.IntRange(1, most).Draw(t, "members") {
			f := Field{Name: fmt.Sprintf("f-%d", i)}
			switch out.Kind {
			case Record, Tuple:
				f.Type = genType(t, depth-1)
			case Variant:
				f.Type = optional()
			}
			if out.Kind == Tuple {
				f.Name = ""
			}
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

// genValue draws a value and appends its encoding.
func genValue(t *rapid.T, ty *Type, e *Encoder) {
	if ty == nil {
		return
	}
	switch ty.Kind {
	case List:
		n := int(ty.Len)
		if n == 0 {
			n = rapid.IntRange(0, 4).Draw(t, "n")
			e.Uint(uint64(n))
		}
		for range n {
			genValue(t, ty.Elem, e)
		}
	case Record, Tuple:
		for _, f := range ty.Fields {
			genValue(t, f.Type, e)
		}
	case Variant, Enum, Option, Result:
		cases := ty.Cases()
		c := rapid.IntRange(0, len(cases)-1).Draw(t, "case")
		e.Uint(uint64(c))
		genValue(t, cases[c].Type, e)
	case Flags:
		v := rapid.Uint32().Draw(t, "flags")
		e.Flags(uint32(uint64(v)&(1<<len(ty.Fields)-1)), len(ty.Fields))
	default:
		genScalar(t, ty.Kind, e)
	}
}

func genScalar(t *rapid.T, k Kind, e *Encoder) {
	switch k {
	case Bool:
		e.Bool(rapid.Bool().Draw(t, "bool"))
	case U8, S8:
		e.Byte(rapid.Byte().Draw(t, "byte"))
	case U16:
		e.Uint(uint64(rapid.Uint16().Draw(t, "u16")))
	case U32:
		e.Uint(uint64(rapid.Uint32().Draw(t, "u32")))
	case U64:
		e.Uint(rapid.Uint64().Draw(t, "u64"))
	case S16:
		e.Int(int64(rapid.Int16().Draw(t, "s16")))
	case S32:
		e.Int(int64(rapid.Int32().Draw(t, "s32")))
	case S64:
		e.Int(rapid.Int64().Draw(t, "s64"))
	case F32:
		e.F32(rapid.OneOf(rapid.Float32(), rapid.SampledFrom([]float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))})).Draw(t, "f32"))
	case F64:
		e.F64(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)})).Draw(t, "f64"))
	case Char:
		e.Char(rapid.Rune().Draw(t, "char"))
	case String:
		e.String(rapid.String().Draw(t, "string"))
	}
}
