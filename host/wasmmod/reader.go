package wasmmod

import (
	"fmt"
	"unicode/utf8"
)

// reader reads the primitives of the binary format (core spec 5.2). The first error sticks: later reads give zero
// values and the reader is at its end, so that loops over it stop and a caller checks err once.
type reader struct {
	buf  []byte
	off  int
	base int // offset of buf in the module, for errors
	err  error
}

func (r *reader) fail(kind error, format string, a ...any) {
	if r.err == nil {
		r.err = &Error{Kind: kind, Offset: r.base + r.off, Msg: fmt.Sprintf(format, a...)}
		r.off = len(r.buf)
	}
}

func (r *reader) malformed(format string, a ...any) { r.fail(ErrMalformed, format, a...) }

func (r *reader) more() bool { return r.off < len(r.buf) && r.err == nil }

// close returns the first error, or an error if bytes are left over.
func (r *reader) close(what string) error {
	if r.err == nil && r.off != len(r.buf) {
		r.malformed("%d bytes left over after %s", len(r.buf)-r.off, what)
	}
	return r.err
}

func (r *reader) byte() byte {
	if r.off < len(r.buf) {
		r.off++
		return r.buf[r.off-1]
	}
	r.malformed("unexpected end")
	return 0
}

// peek is the next byte, 0 at the end.
func (r *reader) peek() byte {
	if r.off < len(r.buf) {
		return r.buf[r.off]
	}
	return 0
}

// take returns the next n bytes, which alias the module.
func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.buf)-r.off) {
		r.malformed("want %d bytes, %d are left", n, len(r.buf)-r.off)
		return nil
	}
	r.off += int(n)
	return r.buf[r.off-int(n) : r.off]
}

// sub gives a reader of the next n bytes.
func (r *reader) sub(n uint32) reader {
	s := reader{base: r.base + r.off}
	s.buf = r.take(n)
	s.err = r.err
	return s
}

// u32 reads an unsigned LEB128 number of 32 bits. It need not be the shortest form (spec 5.2.2).
func (r *reader) u32() uint32 {
	if r.off < len(r.buf) && r.buf[r.off] < 0x80 {
		r.off++
		return uint32(r.buf[r.off-1])
	}
	var v uint32
	for s := uint(0); s < 35; s += 7 {
		b := r.byte()
		if s == 28 && b > 0x0f {
			break
		}
		v |= uint32(b&0x7f) << s
		if b < 0x80 {
			return v
		}
	}
	r.malformed("number does not fit in 32 bits")
	return 0
}

// signed reads a signed LEB128 number of the given number of bits, 32, 33 or 64.
func (r *reader) signed(bits uint) int64 {
	var v int64
	for s := uint(0); s < bits; s += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << s
		if b >= 0x80 {
			continue
		}
		if left := bits - s; left < 7 {
			// The unused bits of the last byte must repeat the sign bit.
			if top := int8(b<<1) >> left; top != 0 && top != -1 {
				break
			}
		}
		if s+7 < 64 && b&0x40 != 0 {
			v |= -1 << (s + 7)
		}
		return v
	}
	r.malformed("number does not fit in %d bits", bits)
	return 0
}

// peekU32 reads a number and leaves it.
func (r *reader) peekU32() uint32 {
	p := *r
	return p.u32()
}

// count reads the length of a vector. Each element takes at least one byte, so a length beyond what is left is
// refused before anything is allocated for it.
func (r *reader) count(what string, limit uint32) uint32 {
	n := r.u32()
	if n > limit {
		r.fail(ErrTooLarge, "%d %s, at most %d are accepted", n, what, limit)
		return 0
	}
	if uint64(n) > uint64(len(r.buf)-r.off) {
		r.malformed("%d %s in %d bytes", n, what, len(r.buf)-r.off)
		return 0
	}
	return n
}

func (r *reader) name() string {
	b := r.take(r.u32())
	if !utf8.Valid(b) {
		r.malformed("name is not UTF-8")
	}
	return string(b)
}

// index reads an index that must be below n.
func (r *reader) index(what string, n uint32) uint32 {
	i := r.u32()
	if i >= n && r.err == nil {
		r.malformed("%s %d of %d", what, i, n)
	}
	return i
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS32(b []byte, v int32) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s string) []byte { return append(appendU32(b, uint32(len(s))), s...) }

// sizeU32 is the number of bytes of the shortest form of v.
func sizeU32(v uint32) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
