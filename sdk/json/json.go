// Package json writes small JSON texts (RFC 8259) without reflection, for actors that answer with a handful of fields: it costs a
// few kilobytes where encoding/json costs one megabyte. It does not read JSON; encoding/json works in an actor as anywhere.
//
//	var o json.Object
//	o.String("name", name)
//	o.Int("count", n)
//	http.JSON(w, http.StatusOK, o.Bytes())
package json

import (
	"strconv"
	"unicode/utf8"
)

// Object is a JSON object under construction. The zero Object is ready to use. A name given twice appears twice.
type Object struct{ buf []byte }

// String adds a string.
func (o *Object) String(name, v string) { o.buf = AppendString(o.name(name), v) }

// Int adds an integer.
func (o *Object) Int(name string, v int64) { o.buf = strconv.AppendInt(o.name(name), v, 10) }

// Float adds a number; NaN and the infinities, which JSON lacks, become null.
func (o *Object) Float(name string, v float64) {
	if v-v != 0 {
		o.Null(name)
		return
	}
	o.buf = strconv.AppendFloat(o.name(name), v, 'g', -1, 64)
}

// Bool adds true or false.
func (o *Object) Bool(name string, v bool) { o.buf = strconv.AppendBool(o.name(name), v) }

// Null adds null.
func (o *Object) Null(name string) { o.buf = append(o.name(name), "null"...) }

// Strings adds an array of strings.
func (o *Object) Strings(name string, vs []string) {
	b := append(o.name(name), '[')
	for i, v := range vs {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, v)
	}
	o.buf = append(b, ']')
}

// Raw adds a value that is JSON already, for example another Object's Bytes.
func (o *Object) Raw(name string, v []byte) { o.buf = append(o.name(name), v...) }

// Bytes is the object's text, valid until something is added.
func (o *Object) Bytes() []byte {
	if len(o.buf) == 0 {
		return []byte("{}")
	}
	return append(o.buf, '}')
}

func (o *Object) name(name string) []byte {
	if len(o.buf) == 0 {
		o.buf = append(make([]byte, 0, 64), '{')
	} else {
		o.buf = append(o.buf, ',')
	}
	return append(AppendString(o.buf, name), ':')
}

const hex = "0123456789abcdef"

// AppendString appends a string in quotes. Bytes that are no UTF-8 become U+FFFD.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	if plain(s) {
		b = append(b, s...)
	} else {
		b = appendEscaped(b, s)
	}
	return append(b, '"')
}

// plain reports whether s needs no escapes; most names and values do not.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func appendEscaped(b []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
