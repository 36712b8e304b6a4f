package wit

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"
)

// DecodeJSON writes an encoded value of type t as JSON. A nil type, that of a function without result, gives null. The
// error is a *JSONError, or wraps ErrEncoding if the bytes are no value of the type.
func DecodeJSON(t *Type, value []byte) ([]byte, error) {
	d := jsonDecoder{path: jsonPath{{name: "result"}}}
	d.in.Reset(value)
	if t == nil {
		d.out = append(d.out, "null"...)
	} else if err := d.value(t); err != nil {
		return nil, err
	}
	if err := d.in.Close(); err != nil {
		return nil, err
	}
	return d.out, nil
}

type jsonDecoder struct {
	in   Decoder
	out  []byte
	path jsonPath
}

func (d *jsonDecoder) put(s string) { d.out = append(d.out, s...) }

// value writes a value. The path serves to bound the depth, and to name a type that has no JSON form.
func (d *jsonDecoder) value(t *Type) error {
	if len(d.path) > MaxTypeDepth+1 {
		return d.path.errorf("nested more than %d deep", MaxTypeDepth)
	}
	if len(d.out) > MaxJSONOut {
		return d.path.errorf("result has more than %d bytes as JSON", MaxJSONOut)
	}
	switch t.Kind {
	case List:
		return d.list(t)
	case Record:
		return d.record(t)
	case Tuple:
		return d.tuple(t)
	case Variant, Enum:
		if i := d.in.Case(len(t.Fields)); d.in.err == nil {
			return d.variantCase(t.Fields[i])
		}
	case Option:
		return d.option(t)
	case Result:
		if d.in.Result() {
			return d.wrap("ok", t.OK)
		}
		return d.wrap("error", t.Err)
	case Flags:
		d.flags(t)
	case Own, Borrow, Stream, Future, ErrorContext:
		return d.path.unsupported(t)
	default:
		d.scalar(t)
	}
	return d.in.err
}

// under writes a value one step deeper.
func (d *jsonDecoder) under(s pathStep, t *Type) error {
	d.path = append(d.path, s)
	err := d.value(t)
	d.path = d.path[:len(d.path)-1]
	return err
}

func (d *jsonDecoder) scalar(t *Type) {
	switch t.Kind {
	case Bool:
		d.out = strconv.AppendBool(d.out, d.in.Bool())
	case U8:
		d.out = strconv.AppendUint(d.out, uint64(d.in.Byte()), 10)
	case S8:
		d.out = strconv.AppendInt(d.out, int64(int8(d.in.Byte())), 10)
	case U16, U32, U64:
		d.out = strconv.AppendUint(d.out, d.in.Uint(t.Kind.bits()), 10)
	case S16, S32, S64:
		d.out = strconv.AppendInt(d.out, d.in.Int(t.Kind.bits()), 10)
	case F32:
		d.float(float64(d.in.F32()), 32)
	case F64:
		d.float(d.in.F64(), 64)
	case Char:
		d.quote(string(d.in.Char()))
	case String:
		d.quote(string(d.in.RawString()))
	}
}

func (d *jsonDecoder) float(v float64, bits int) {
	switch {
	case v != v:
		d.put(`"NaN"`)
	case math.IsInf(v, 1):
		d.put(`"Infinity"`)
	case math.IsInf(v, -1):
		d.put(`"-Infinity"`)
	default:
		d.out = strconv.AppendFloat(d.out, v, 'g', -1, bits)
	}
}

// quote writes a JSON string (RFC 8259, section 7).
func (d *jsonDecoder) quote(s string) {
	d.put(`"`)
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			d.out = append(d.out, '\\', byte(r))
		case r == '\n':
			d.put(`\n`)
		case r == '\t':
			d.put(`\t`)
		case r < 0x20 || r == 0x7f || r == '\u2028' || r == '\u2029':
			const hex = "0123456789abcdef"
			d.out = append(d.out, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			d.out = utf8.AppendRune(d.out, r)
		}
	}
	d.put(`"`)
}

func (d *jsonDecoder) list(t *Type) error {
	n := uint64(t.Len)
	if n == 0 {
		n = d.in.Uint(32)
	}
	if t.Elem.Kind == U8 {
		d.put(`"`)
		d.out = base64.StdEncoding.AppendEncode(d.out, d.in.Take(n))
		d.put(`"`)
		return d.in.err
	}
	d.put("[")
	for i := uint64(0); i < n && d.in.err == nil; i++ {
		if i > 0 {
			d.put(",")
		}
		if err := d.under(pathStep{index: int(i)}, t.Elem); err != nil {
			return err
		}
	}
	d.put("]")
	return d.in.err
}

func (d *jsonDecoder) record(t *Type) error {
	d.put("{")
	for i, f := range t.Fields {
		if i > 0 {
			d.put(",")
		}
		d.quote(f.Name)
		d.put(":")
		if err := d.under(pathStep{name: f.Name}, f.Type); err != nil {
			return err
		}
	}
	d.put("}")
	return nil
}

func (d *jsonDecoder) tuple(t *Type) error {
	d.put("[")
	for i, f := range t.Fields {
		if i > 0 {
			d.put(",")
		}
		if err := d.under(pathStep{index: i}, f.Type); err != nil {
			return err
		}
	}
	d.put("]")
	return nil
}

func (d *jsonDecoder) variantCase(f Field) error {
	if f.Type != nil {
		return d.wrap(f.Name, f.Type)
	}
	d.quote(f.Name)
	return nil
}

func (d *jsonDecoder) option(t *Type) error {
	switch {
	case !d.in.Option():
		d.put("null")
		return d.in.err
	case t.Elem.Kind == Option:
		return d.wrap("some", t.Elem)
	}
	return d.under(pathStep{name: "some"}, t.Elem)
}

// wrap writes {"name": value}; no type is null.
func (d *jsonDecoder) wrap(name string, t *Type) error {
	d.put("{")
	d.quote(name)
	d.put(":")
	if t == nil {
		d.put("null")
	} else if err := d.under(pathStep{name: name}, t); err != nil {
		return err
	}
	d.put("}")
	return d.in.err
}

func (d *jsonDecoder) flags(t *Type) {
	v, n := d.in.Flags(len(t.Fields)), 0
	d.put("[")
	for i, f := range t.Fields {
		if v>>i&1 == 0 {
			continue
		}
		if n++; n > 1 {
			d.put(",")
		}
		d.quote(f.Name)
	}
	d.put("]")
}
