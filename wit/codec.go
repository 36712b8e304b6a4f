package wit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// The value encoding of the component model (Binary.md, "val"), without its type index and length prefix:
//
//	bool      1 byte, 0 or 1
//	s8 u8     1 byte
//	s16..s64  signed LEB128        u16..u64  unsigned LEB128
//	f32 f64   4 or 8 bytes, little endian; NaN is the canonical one
//	char      its UTF-8 bytes
//	string    length in bytes (u32 LEB128), UTF-8 bytes
//	list      length (u32 LEB128; absent if the type fixes it), elements
//	record    fields in order      tuple  elements in order
//	variant   case (u32 LEB128), payload if any;  enum the case alone
//	option    0, or 1 and the value
//	result    0 and the ok value, or 1 and the error value
//	flags     ceil(n/8) bytes, bit i of the little-endian number is label i
//	own, borrow   u32 LEB128, an index into the handles that go beside the bytes (Call.Handles); never leaves the host
//
// Parameters are encoded one after the other, as the fields of a record.

// ErrEncoding is the error of a Decoder whose bytes are not a value of the wanted type.
var ErrEncoding = errors.New("wit: malformed value")

// Encoder appends values to Buf. The zero Encoder is ready to use.
type Encoder struct{ Buf []byte }

// Reset empties the encoder, keeping its memory.
func (e *Encoder) Reset() { e.Buf = e.Buf[:0] }

// Bool appends a bool.
func (e *Encoder) Bool(v bool) {
	if v {
		e.Buf = append(e.Buf, 1)
	} else {
		e.Buf = append(e.Buf, 0)
	}
}

// Byte appends a u8 (or, as its two's complement, an s8).
func (e *Encoder) Byte(v byte) { e.Buf = append(e.Buf, v) }

// Uint appends a u16, u32 or u64, a case or a length.
func (e *Encoder) Uint(v uint64) { e.Buf = binary.AppendUvarint(e.Buf, v) }

// Int appends an s16, s32 or s64.
func (e *Encoder) Int(v int64) {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			e.Buf = append(e.Buf, b)
			return
		}
		e.Buf = append(e.Buf, b|0x80)
	}
}

// F32 appends an f32; every NaN becomes the canonical one.
func (e *Encoder) F32(v float32) {
	bits := math.Float32bits(v)
	if v != v {
		bits = 0x7fc00000
	}
	e.Buf = binary.LittleEndian.AppendUint32(e.Buf, bits)
}

// F64 appends an f64; every NaN becomes the canonical one.
func (e *Encoder) F64(v float64) {
	bits := math.Float64bits(v)
	if v != v {
		bits = 0x7ff8000000000000
	}
	e.Buf = binary.LittleEndian.AppendUint64(e.Buf, bits)
}

// Char appends a char; a rune that is no Unicode scalar value becomes U+FFFD.
func (e *Encoder) Char(r rune) { e.Buf = utf8.AppendRune(e.Buf, r) }

// String appends a string. It must be valid UTF-8: a Decoder refuses others.
func (e *Encoder) String(s string) {
	e.Uint(uint64(len(s)))
	e.Buf = append(e.Buf, s...)
}

// Bytes appends a list<u8>.
func (e *Encoder) Bytes(b []byte) {
	e.Uint(uint64(len(b)))
	e.Buf = append(e.Buf, b...)
}

// None, Some, OK and Err append the discriminant of an option or result; the payload, if any, is appended after it.
func (e *Encoder) None() { e.Byte(0) }

// Some see None.
func (e *Encoder) Some() { e.Byte(1) }

// OK see None.
func (e *Encoder) OK() { e.Byte(0) }

// Err see None.
func (e *Encoder) Err() { e.Byte(1) }

// Flags appends the flags value v of a type with n labels.
func (e *Encoder) Flags(v uint32, n int) {
	for ; n > 0; n -= 8 {
		e.Buf = append(e.Buf, byte(v))
		v >>= 8
	}
}

// Decoder reads values from Buf. The first error sticks: later reads give zero values, so that a caller checks
// Err once at the end. Strings and byte lists are bounded by the buffer, so no length can make it allocate.
type Decoder struct {
	Buf []byte
	off int
	err error
}

// Reset makes the decoder read b from its start.
func (d *Decoder) Reset(b []byte) { d.Buf, d.off, d.err = b, 0, nil }

// Err is the first error, if any; it wraps ErrEncoding.
func (d *Decoder) Err() error { return d.err }

// Close returns the first error, or an error if bytes are left over.
func (d *Decoder) Close() error {
	if d.err == nil && d.off != len(d.Buf) {
		d.Fail("%d bytes left over", len(d.Buf)-d.off)
	}
	return d.err
}

// Len is the number of bytes not read yet.
func (d *Decoder) Len() int { return len(d.Buf) - d.off }

// Rest returns the bytes not read yet.
func (d *Decoder) Rest() []byte { return d.Buf[d.off:] }

// Fail records an error, unless there is one already.
func (d *Decoder) Fail(format string, a ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w at byte %d: %s", ErrEncoding, d.off, fmt.Sprintf(format, a...))
		d.off = len(d.Buf)
	}
}

// Take returns the next n bytes, which alias the buffer.
func (d *Decoder) Take(n uint64) []byte {
	if n > uint64(len(d.Buf)-d.off) {
		d.Fail("want %d bytes, have %d", n, len(d.Buf)-d.off)
		return nil
	}
	b := d.Buf[d.off : d.off+int(n)]
	d.off += int(n)
	return b
}

// Byte reads a u8.
func (d *Decoder) Byte() byte {
	if d.off < len(d.Buf) {
		d.off++
		return d.Buf[d.off-1]
	}
	d.Fail("unexpected end")
	return 0
}

// Bool reads a bool; a byte other than 0 and 1 is an error.
func (d *Decoder) Bool() bool {
	b := d.Byte()
	if b > 1 {
		d.Fail("bool is %d", b)
	}
	return b == 1
}

// Uint reads an unsigned number of at most bits bits.
func (d *Decoder) Uint(bits uint) uint64 {
	if d.off < len(d.Buf) && d.Buf[d.off] < 0x80 && bits >= 7 { // most lengths and cases take one byte
		d.off++
		return uint64(d.Buf[d.off-1])
	}
	var v uint64
	for s := uint(0); s < bits; s += 7 {
		b := d.Byte()
		if left := bits - s; left < 7 && b>>left != 0 {
			d.Fail("number does not fit in %d bits", bits)
			return 0
		}
		v |= uint64(b&0x7f) << s
		if b < 0x80 {
			return v
		}
	}
	d.Fail("number does not fit in %d bits", bits)
	return 0
}

// Int reads a signed number of at most bits bits.
func (d *Decoder) Int(bits uint) int64 {
	var v int64
	for s := uint(0); s < bits; {
		b := d.Byte()
		v |= int64(b&0x7f) << s
		s += 7
		if b >= 0x80 {
			continue
		}
		if s < 64 && b&0x40 != 0 {
			v |= -1 << s
		}
		if min, max := int64(-1)<<(bits-1), int64(1)<<(bits-1)-1; v < min || v > max || s > 63 && b != 0 && b != 0x7f {
			d.Fail("number does not fit in %d bits", bits)
			return 0
		}
		return v
	}
	d.Fail("number does not fit in %d bits", bits)
	return 0
}

// U32 reads a u32.
func (d *Decoder) U32() uint32 { return uint32(d.Uint(32)) }

// F32 reads an f32.
func (d *Decoder) F32() float32 {
	if b := d.Take(4); b != nil {
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	}
	return 0
}

// F64 reads an f64.
func (d *Decoder) F64() float64 {
	if b := d.Take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// Char reads a char.
func (d *Decoder) Char() rune {
	r, n := utf8.DecodeRune(d.Buf[d.off:])
	if r == utf8.RuneError && n <= 1 {
		d.Fail("not a char")
		return 0
	}
	d.off += n
	return r
}

// Bytes reads a list<u8>; the result aliases the buffer.
func (d *Decoder) Bytes() []byte { return d.Take(d.Uint(32)) }

// RawString reads a string as bytes that alias the buffer.
func (d *Decoder) RawString() []byte {
	b := d.Bytes()
	if !utf8.Valid(b) {
		d.Fail("string is not UTF-8")
		return nil
	}
	return b
}

// String reads a string.
func (d *Decoder) String() string { return string(d.RawString()) }

// Option reads the discriminant of an option: true means that a value follows.
func (d *Decoder) Option() bool { return d.Case(2) == 1 }

// Result reads the discriminant of a result: true means that it is the ok case.
func (d *Decoder) Result() bool { return d.Case(2) == 0 }

// Case reads the case number of a variant or enum with n cases.
func (d *Decoder) Case(n int) int {
	c := d.Uint(32)
	if c >= uint64(n) {
		d.Fail("case %d of %d", c, n)
		return 0
	}
	return int(c)
}

// Flags reads the flags of a type with n labels; bits above n are an error.
func (d *Decoder) Flags(n int) uint32 {
	var v uint64
	for i := 0; i < (n+7)/8; i++ {
		v |= uint64(d.Byte()) << (8 * i)
	}
	if v>>n != 0 {
		d.Fail("flags %#x of %d labels", v, n)
		return 0
	}
	return uint32(v)
}
