package wit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// describe names a token for messages.
func describe(tok json.Token) string {
	switch v := tok.(type) {
	case nil:
		return "null"
	case json.Delim:
		return map[json.Delim]string{'{': "an object", '[': "an array", '}': `"}"`, ']': `"]"`}[v]
	case json.Number:
		return clip(v.String())
	case string:
		return clip(strconv.Quote(v))
	}
	if tok == true {
		return "true"
	}
	return "false"
}

// clip shortens what a message quotes.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:57], "") + "..."
	}
	return s
}

func (e *jsonEncoder) mismatch(t *Type, tok json.Token) error {
	want := map[Kind]string{Bool: "true or false", Char: "a string of one character", String: "a string", List: "an array", Record: "an object",
		Tuple: "an array", Flags: "an array of labels", Enum: "a label as string", Variant: `"case" or {"case": payload}`,
		Result: `{"ok": …} or {"error": …}`, F32: "a number", F64: "a number"}[t.Kind]
	switch {
	case t.Kind == List && t.Elem.Kind == U8:
		want = "base64 or an array of numbers"
	case want == "":
		want = "a whole number"
	}
	return e.path.errorf("want %s for %s, not %s", want, t, describe(tok))
}

func (e *jsonEncoder) integer(t *Type, tok json.Token) error {
	n, ok := tok.(json.Number)
	if s, isString := tok.(string); isString && t.Kind.bits() == 64 {
		n, ok = json.Number(s), true
	}
	if !ok {
		return e.mismatch(t, tok)
	}
	var err error
	switch t.Kind {
	case U8, U16, U32, U64:
		err = e.unsigned(n.String(), t.Kind)
	default:
		err = e.signed(n.String(), t.Kind)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, strconv.ErrRange) || isInteger(n.String()):
		return e.path.errorf("%s does not fit in %s", clip(n.String()), t.Kind)
	}
	return e.mismatch(t, tok)
}

func (e *jsonEncoder) unsigned(s string, k Kind) error {
	v, err := strconv.ParseUint(s, 10, int(k.bits()))
	if k == U8 {
		e.out.Byte(byte(v))
	} else {
		e.out.Uint(v)
	}
	return err
}

func (e *jsonEncoder) signed(s string, k Kind) error {
	v, err := strconv.ParseInt(s, 10, int(k.bits()))
	if k == S8 {
		e.out.Byte(byte(v))
	} else {
		e.out.Int(v)
	}
	return err
}

// isInteger tells "-1" for an unsigned type, which is out of range, from "1.5".
func isInteger(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

func (e *jsonEncoder) float(t *Type, tok json.Token) error {
	var v float64
	var err error
	switch n := tok.(type) {
	case json.Number:
		if v, err = strconv.ParseFloat(n.String(), int(t.Kind.bits())); err != nil {
			return e.path.errorf("%s does not fit in %s", clip(n.String()), t.Kind)
		}
	case string:
		switch n {
		case "NaN":
			v = math.NaN()
		case "Infinity":
			v = math.Inf(1)
		case "-Infinity":
			v = math.Inf(-1)
		default:
			return e.path.errorf(`want a number, "NaN", "Infinity" or "-Infinity", not %s`, describe(tok))
		}
	default:
		return e.mismatch(t, tok)
	}
	if t.Kind == F32 {
		e.out.F32(float32(v))
	} else {
		e.out.F64(v)
	}
	return nil
}

func (e *jsonEncoder) text(t *Type, tok json.Token) error {
	s, ok := tok.(string)
	if !ok || t.Kind == Char && utf8.RuneCountInString(s) != 1 {
		return e.mismatch(t, tok)
	}
	if t.Kind == Char {
		r, _ := utf8.DecodeRuneInString(s)
		e.out.Char(r)
	} else {
		e.out.String(s)
	}
	return nil
}

func (e *jsonEncoder) base64(t *Type, s string) error {
	enc := base64.StdEncoding
	if len(s)%4 != 0 {
		enc = base64.RawStdEncoding
	}
	b, err := enc.DecodeString(s)
	if err != nil {
		return e.path.errorf("%s is no base64; want base64 or an array of numbers for %s", describe(s), t)
	}
	start := len(e.out.Buf)
	e.out.Buf = append(e.out.Buf, b...)
	return e.length(t, len(b), start)
}

func (e *jsonEncoder) flags(t *Type, tok json.Token) error {
	if tok != json.Delim('[') {
		return e.mismatch(t, tok)
	}
	var v uint32
	for e.in.More() {
		tok, err := e.token()
		if err != nil {
			return err
		}
		name, ok := tok.(string)
		if !ok {
			return e.mismatch(t, tok)
		}
		i, err := e.caseOf(t, name)
		if err != nil {
			return err
		}
		v |= 1 << i
	}
	e.out.Flags(v, len(t.Fields))
	_, err := e.token()
	return err
}
