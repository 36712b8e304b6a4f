package abi

import (
	"encoding/binary"
	"math"
)

// Reader reads values one after the other, as they lie in memory: the elements of a list, the fields of a record. Every
// value is aligned to its own size. Past the end it reads zero values.
type Reader struct {
	buf []byte
	off int
}

// Align skips to a multiple of n (1, 2, 4 or 8): before and after a record, variant, option or result, whose alignment is
// the largest of its fields' or cases'.
func (r *Reader) Align(n int) { r.off = (r.off + n - 1) &^ (n - 1) }

// Skip passes over n bytes, for example the absent payload of an option.
func (r *Reader) Skip(n int) { r.off += n }

// Len is the number of bytes left.
func (r *Reader) Len() int { return max(0, len(r.buf)-r.off) }

func (r *Reader) take(n int) []byte {
	r.Align(n)
	r.off += n
	if r.off > len(r.buf) {
		return make([]byte, 8)
	}
	return r.buf[r.off-n : r.off]
}

// U8 reads a u8, s8, bool, enum or discriminant.
func (r *Reader) U8() uint8 { return r.take(1)[0] }

// Bool reads a bool.
func (r *Reader) Bool() bool { return r.U8() != 0 }

// U16 reads a u16 or s16.
func (r *Reader) U16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }

// U32 reads a u32, s32, char or handle.
func (r *Reader) U32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

// U64 reads a u64 or s64.
func (r *Reader) U64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// F32 reads an f32.
func (r *Reader) F32() float32 { return math.Float32frombits(r.U32()) }

// F64 reads an f64.
func (r *Reader) F64() float64 { return math.Float64frombits(r.U64()) }

// String reads a string and copies it.
func (r *Reader) String() string {
	ptr := r.U32()
	return string(memory.find(ptr, r.U32()))
}

// Bytes reads a list<u8> and copies it; the result is never nil.
func (r *Reader) Bytes() []byte {
	ptr := r.U32()
	return clone(memory.find(ptr, r.U32()))
}

// List reads a list of elements of size bytes.
func (r *Reader) List(size uint32) (Reader, int) {
	ptr, n := r.U32(), r.U32()
	return Reader{buf: memory.list(ptr, n, size)}, int(n)
}
