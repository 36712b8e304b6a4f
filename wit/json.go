package wit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The JSON form of values, as people write and read them:
//
//	bool                 true, false
//	s8 … u64             a number, exact; 64-bit ones also as a string, for writers whose numbers are floats
//	f32 f64              a number, or "NaN", "Infinity", "-Infinity"
//	char, string         a string; that of a char has one character
//	list                 an array
//	list<u8>             base64 (RFC 4648, with or without padding), or an array of numbers; written as base64
//	record               an object; a field of type option may be left out
//	tuple                an array
//	variant              "case", or {"case": payload}
//	enum                 "label"
//	option               null, or the value; {"some": value} if the value is an option itself
//	result               {"ok": value} or {"error": value}, with null for no value
//	flags                an array of labels
//
// Handles, streams and futures have none. Strings that are not valid UTF-8 get U+FFFD where they are not.

// Bounds of the JSON form, in bytes.
const (
	MaxJSONIn  = 16 << 20
	MaxJSONOut = 64 << 20
)

// ErrHandle is the cause of a *JSONError for a type with a resource handle: such values exist only inside a host.
var ErrHandle = errors.New("a resource handle has no JSON form")

// JSONError says which part of a JSON text, or of a value, is wrong.
type JSONError struct {
	Path string // "args[0].items[2].count"
	Msg  string // why, and what would be right
	Err  error  // the cause, if any
}

// Error gives "path: message".
func (e *JSONError) Error() string { return e.Path + ": " + e.Msg }

// Unwrap gives the cause.
func (e *JSONError) Unwrap() error { return e.Err }

// jsonPath is where in a value the codec is. It turns into text only when something is wrong.
type jsonPath []pathStep

type pathStep struct {
	name  string
	index int // if name is ""
}

func (p jsonPath) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.name == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

func (p jsonPath) errorf(format string, a ...any) error {
	return &JSONError{Path: p.String(), Msg: fmt.Sprintf(format, a...)}
}

// unsupported is the error for a type whose values have no JSON form.
func (p jsonPath) unsupported(t *Type) error {
	if t.Kind == Own || t.Kind == Borrow {
		return &JSONError{p.String(), fmt.Sprintf("%s: %v; only another actor on the same host can pass one", t, ErrHandle), ErrHandle}
	}
	return p.errorf("values of type %s have no JSON form", t)
}

// fieldNames lists names for messages.
func fieldNames(fs []Field) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.Name
	}
	return out
}

func fieldIndex(fs []Field, name string) int {
	for i, f := range fs {
		if f.Name == name {
			return i
		}
	}
	return -1
}
