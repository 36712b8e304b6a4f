package wasmmod

import "unicode/utf8"

// names rewrites the name section (core spec, appendix "Name Section") with the new function indexes. It keeps the names of
// the module and of functions, which stand in stack traces. A malformed one, and any other custom section, is dropped:
// the spec asks to ignore the first, and the offsets of the others do not hold any more.
func (w *writer) names(r *reader) ([]byte, bool) {
	if r.name() != "name" {
		return nil, false
	}
	body := appendName(nil, "name")
	for r.more() {
		id := r.byte()
		sub := r.sub(r.u32())
		switch id {
		case 0:
			start := sub.off
			sub.name()
			body = appendBytes(append(body, id), sub.buf[start:sub.off])
		case 1:
			body = appendBytes(append(body, id), w.functionNames(&sub))
		default:
			continue
		}
		if r.err == nil {
			r.err = sub.close("the names")
		}
	}
	bad := r.err != nil
	r.err = nil // names are never a reason to refuse a module
	return body, !bad
}

func (w *writer) functionNames(r *reader) []byte {
	n := r.count("names", maxFuncs)
	body := appendU32(make([]byte, 0, len(r.buf)+16), n)
	next := uint32(0)
	for ; n > 0 && r.err == nil; n-- {
		f := r.index("function", uint32(len(w.m.funcs)))
		name := r.take(r.u32())
		if f < next || !utf8.Valid(name) {
			r.malformed("names out of order or not UTF-8")
		}
		next = f + 1
		if r.err == nil {
			body = appendBytes(appendU32(body, w.meter.shift(f)), name)
		}
	}
	return body
}
