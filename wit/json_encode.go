package wit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// EncodeJSON turns the arguments of a function, written as JSON, into the encoded parameters. The text is an array in the order of
// the parameters, or an object by their names. Empty text is an empty array. Errors are *JSONError.
func EncodeJSON(params []Field, text []byte) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("[]")
	}
	return encodeJSON("args", text, func(e *jsonEncoder, t json.Token) error {
		switch t {
		case json.Delim('{'):
			return e.object(params)
		case json.Delim('['):
			return e.array(params)
		}
		return e.path.errorf("want an array of arguments, or an object by parameter name, not %s", describe(t))
	})
}

// EncodeJSONValue turns one value of type t, written as JSON, into its encoding. Errors are *JSONError.
func EncodeJSONValue(t *Type, text []byte) ([]byte, error) {
	return encodeJSON("value", text, func(e *jsonEncoder, tok json.Token) error { return e.value(t, tok) })
}

func encodeJSON(root string, text []byte, read func(*jsonEncoder, json.Token) error) ([]byte, error) {
	e := &jsonEncoder{in: json.NewDecoder(bytes.NewReader(text)), path: jsonPath{{name: root}}}
	if len(text) > MaxJSONIn {
		return nil, e.path.errorf("JSON of %d bytes; at most %d", len(text), MaxJSONIn)
	}
	e.in.UseNumber()
	t, err := e.token()
	if err != nil {
		return nil, err
	}
	if err := read(e, t); err != nil {
		return nil, err
	}
	if _, err := e.in.Token(); !errors.Is(err, io.EOF) {
		return nil, e.path.errorf("there is something after the end of the JSON text")
	}
	return e.out.Buf, nil
}

// jsonEncoder reads JSON token by token, led by the types: what does not fit is refused where it stands, and nothing is built
// but the result. Nesting is bounded by that of the types.
type jsonEncoder struct {
	in   *json.Decoder
	out  Encoder
	path jsonPath
}

func (e *jsonEncoder) token() (json.Token, error) {
	t, err := e.in.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, &JSONError{e.path.String(), "no valid JSON at byte " + strconv.FormatInt(e.in.InputOffset(), 10) + ": " + err.Error(), err}
	}
	return t, nil
}

// under runs f with one more step in the path.
func (e *jsonEncoder) under(s pathStep, f func() error) error {
	if len(e.path) > MaxTypeDepth+2 {
		return e.path.errorf("nested more than %d deep", MaxTypeDepth)
	}
	e.path = append(e.path, s)
	err := f()
	e.path = e.path[:len(e.path)-1]
	return err
}

// next reads a token and a value of type t that starts with it.
func (e *jsonEncoder) next(t *Type) error {
	tok, err := e.token()
	if err != nil {
		return err
	}
	return e.value(t, tok)
}

func (e *jsonEncoder) value(t *Type, tok json.Token) error {
	switch t.Kind {
	case Bool:
		b, ok := tok.(bool)
		if !ok {
			return e.mismatch(t, tok)
		}
		e.out.Bool(b)
		return nil
	case S8, U8, S16, U16, S32, U32, S64, U64:
		return e.integer(t, tok)
	case F32, F64:
		return e.float(t, tok)
	case Char, String:
		return e.text(t, tok)
	case List:
		return e.list(t, tok)
	case Record:
		if tok != json.Delim('{') {
			return e.mismatch(t, tok)
		}
		return e.object(t.Fields)
	case Tuple:
		if tok != json.Delim('[') {
			return e.mismatch(t, tok)
		}
		return e.array(t.Fields)
	case Variant, Enum:
		return e.variant(t, tok)
	case Option:
		return e.option(t, tok)
	case Result:
		return e.result(t, tok)
	case Flags:
		return e.flags(t, tok)
	}
	return e.path.unsupported(t)
}

func (e *jsonEncoder) list(t *Type, tok json.Token) error {
	if s, ok := tok.(string); ok && t.Elem.Kind == U8 {
		return e.base64(t, s)
	}
	if tok != json.Delim('[') {
		return e.mismatch(t, tok)
	}
	start := len(e.out.Buf)
	n := 0
	for ; e.in.More(); n++ {
		if err := e.under(pathStep{index: n}, func() error { return e.next(t.Elem) }); err != nil {
			return err
		}
	}
	if _, err := e.token(); err != nil {
		return err
	}
	return e.length(t, n, start)
}

// length puts the number of elements before those that begin at start.
func (e *jsonEncoder) length(t *Type, n, start int) error {
	if t.Len > 0 {
		if uint32(n) != t.Len {
			return e.path.errorf("want %d elements for %s, not %d", t.Len, t, n)
		}
		return nil
	}
	var l Encoder
	l.Uint(uint64(n))
	e.out.Buf = append(e.out.Buf, l.Buf...)
	copy(e.out.Buf[start+len(l.Buf):], e.out.Buf[start:len(e.out.Buf)-len(l.Buf)])
	copy(e.out.Buf[start:], l.Buf)
	return nil
}

// array reads the rest of an array as a tuple or an argument list.
func (e *jsonEncoder) array(fs []Field) error {
	for i, f := range fs {
		if !e.in.More() {
			return e.path.errorf("has %d elements; want %d%s", i, len(fs), nameOf(" (missing: ", f.Name, ")"))
		}
		if err := e.under(pathStep{index: i}, func() error { return e.next(f.Type) }); err != nil {
			return err
		}
	}
	if e.in.More() {
		return e.path.errorf("has more than %d elements", len(fs))
	}
	_, err := e.token()
	return err
}

func nameOf(before, name, after string) string {
	if name == "" {
		return ""
	}
	return before + name + after
}

// object reads the rest of an object as a record or as arguments by name. Fields may come in any order; they are encoded as they come and
// then put in order.
func (e *jsonEncoder) object(fs []Field) error {
	start := len(e.out.Buf)
	spans := make([]span, len(fs))
	for e.in.More() {
		tok, err := e.token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		i := fieldIndex(fs, name)
		switch {
		case i < 0:
			return e.path.errorf("there is no %q here%s", clip(name), didYouMean(name, fieldNames(fs)))
		case spans[i].seen:
			return e.path.errorf("%q occurs twice", name)
		}
		from := len(e.out.Buf)
		if err := e.under(pathStep{name: name}, func() error { return e.next(fs[i].Type) }); err != nil {
			return err
		}
		spans[i] = span{true, from, len(e.out.Buf)}
	}
	if _, err := e.token(); err != nil {
		return err
	}
	return e.order(fs, spans, start)
}

// span is where a field is encoded.
type span struct {
	seen     bool
	from, to int
}

// order puts the encoded fields, which begin at start, in the order of the type. Options that were left out are none.
func (e *jsonEncoder) order(fs []Field, spans []span, start int) error {
	var sorted Encoder
	for i, f := range fs {
		switch {
		case spans[i].seen:
			sorted.Buf = append(sorted.Buf, e.out.Buf[spans[i].from:spans[i].to]...)
		case f.Type.Kind == Option:
			sorted.None()
		default:
			return e.path.errorf("%q is missing; it is a %s", f.Name, f.Type)
		}
	}
	e.out.Buf = append(e.out.Buf[:start], sorted.Buf...)
	return nil
}

// variant reads "case" or {"case": payload}.
func (e *jsonEncoder) variant(t *Type, tok json.Token) error {
	if name, ok := tok.(string); ok {
		i, err := e.caseOf(t, name)
		if err != nil {
			return err
		}
		if t.Fields[i].Type != nil {
			return e.path.errorf(`case %q has a payload: want {%q: …} with a %s`, name, name, t.Fields[i].Type)
		}
		e.out.Uint(uint64(i))
		return nil
	}
	if t.Kind == Enum || tok != json.Delim('{') {
		return e.mismatch(t, tok)
	}
	return e.single(t, func(name string) error {
		i, err := e.caseOf(t, name)
		if err != nil {
			return err
		}
		if t.Fields[i].Type == nil {
			return e.path.errorf("case %q has no payload: want %q", name, name)
		}
		e.out.Uint(uint64(i))
		return e.under(pathStep{name: name}, func() error { return e.next(t.Fields[i].Type) })
	})
}

func (e *jsonEncoder) caseOf(t *Type, name string) (int, error) {
	i := fieldIndex(t.Fields, name)
	if i < 0 {
		what := "case"
		if t.Kind != Variant {
			what = "label"
		}
		return 0, e.path.errorf("%s has no %s %q%s", t, what, clip(name), didYouMean(name, fieldNames(t.Fields)))
	}
	return i, nil
}

// single reads the rest of an object with one key; read gets the key and reads the value.
func (e *jsonEncoder) single(t *Type, read func(name string) error) error {
	if !e.in.More() {
		return e.mismatch(t, json.Delim('{'))
	}
	tok, err := e.token()
	if err != nil {
		return err
	}
	name, _ := tok.(string)
	if err := read(name); err != nil {
		return err
	}
	if e.in.More() {
		return e.path.errorf("want an object with one key for %s; there is another after %q", t, name)
	}
	_, err = e.token()
	return err
}

func (e *jsonEncoder) option(t *Type, tok json.Token) error {
	if tok == nil {
		e.out.None()
		return nil
	}
	e.out.Some()
	if t.Elem.Kind != Option {
		return e.value(t.Elem, tok)
	}
	if tok != json.Delim('{') {
		return e.path.errorf(`want null or {"some": …} for %s, not %s`, t, describe(tok))
	}
	return e.single(t, func(name string) error {
		if name != "some" {
			return e.path.errorf(`want null or {"some": …} for %s, not %q`, t, clip(name))
		}
		return e.under(pathStep{name: name}, func() error { return e.next(t.Elem) })
	})
}

func (e *jsonEncoder) result(t *Type, tok json.Token) error {
	if tok != json.Delim('{') {
		return e.mismatch(t, tok)
	}
	return e.single(t, func(name string) error {
		payload := t.OK
		switch name {
		case "ok":
			e.out.OK()
		case "error":
			e.out.Err()
			payload = t.Err
		default:
			return e.path.errorf(`want {"ok": …} or {"error": …} for %s, not %q`, t, clip(name))
		}
		return e.under(pathStep{name: name}, func() error { return e.payload(payload) })
	})
}

// payload reads the value of a result; no value is null.
func (e *jsonEncoder) payload(t *Type) error {
	if t != nil {
		return e.next(t)
	}
	tok, err := e.token()
	if err == nil && tok != nil {
		err = e.path.errorf("there is no value here: want null, not %s", describe(tok))
	}
	return err
}
