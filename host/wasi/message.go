package wasi

import (
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// The methods of the variant method, in its order; the last case is other(string).
var methods = [...]string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

func encodeMethod(e *wit.Encoder, method string) {
	for i, m := range methods {
		if m == method {
			e.Uint(uint64(i))
			return
		}
	}
	e.Uint(uint64(len(methods)))
	e.String(validText(method))
}

func decodeMethod(d *wit.Decoder) string {
	if i := d.Case(len(methods) + 1); i < len(methods) {
		return methods[i]
	}
	return cut(d.RawString(), maxPart)
}

// encodeScheme appends option<scheme>; "" is none.
func encodeScheme(e *wit.Encoder, scheme string) {
	e.Bool(scheme != "")
	switch {
	case scheme == "":
	case strings.EqualFold(scheme, "http"):
		e.Uint(0)
	case strings.EqualFold(scheme, "https"):
		e.Uint(1)
	default:
		e.Uint(2)
		e.String(validText(scheme))
	}
}

// decodeScheme reads option<scheme>; ok is false if it is no scheme.
func decodeScheme(d *wit.Decoder) (scheme string, ok bool) {
	if !d.Option() {
		return "", true
	}
	switch d.Case(3) {
	case 0:
		return "http", true
	case 1:
		return "https", true
	}
	scheme = cut(d.RawString(), maxPart)
	return scheme, isScheme(scheme)
}

// maxPart bounds a part of a request line: what is longer was cut, and is invalid by the text that cut added.
const maxPart = 64 << 10

// encodeText appends option<string>; "" is none.
func encodeText(e *wit.Encoder, s string) {
	e.Bool(s != "")
	if s != "" {
		e.String(validText(s))
	}
}

// decodeText reads option<string>; none and "" are "".
func decodeText(d *wit.Decoder) string {
	if !d.Option() {
		return ""
	}
	return cut(d.RawString(), maxPart)
}

// unitResult appends a result without payloads.
func unitResult(c *wit.Call, ok bool) { c.Result.Bool(!ok) }
