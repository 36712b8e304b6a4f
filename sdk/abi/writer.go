package abi

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// Writer lays out values one after the other: the result of an export that is more than one flat value, or a list or
// record that an import takes. Every value is aligned to its own size. It refers to the strings and slices that it is
// given and keeps them alive: a slice must not be changed while the writer is in use.
//
// The zero Writer is ready to use. Record, variant, option and result are written by hand: Align to the largest alignment
// of the fields or cases, the discriminant with U8, Align again to that of the payload, then the payload; and Skip to fill up a
// short case.
type Writer struct {
	buf  []byte
	refs []unsafe.Pointer // keeps what buf's addresses point at alive
}

// result is what the last export returned.
var result Writer

// Reset empties the writer, keeping its memory.
func (w *Writer) Reset() {
	clear(w.refs)
	w.buf, w.refs = w.buf[:0], w.refs[:0]
}

// Align fills up to a multiple of n (1, 2, 4 or 8).
func (w *Writer) Align(n int) { w.Skip(-len(w.buf) & (n - 1)) }

// Skip writes n bytes of zeros.
func (w *Writer) Skip(n int) {
	if w.buf == nil {
		w.buf = make([]byte, 0, 64) // large enough to be 8-aligned
	}
	for range n {
		w.buf = append(w.buf, 0)
	}
}

// U8 writes a u8, s8, enum or discriminant.
func (w *Writer) U8(v uint8) {
	w.Align(1)
	w.buf = append(w.buf, v)
}

// Bool writes a bool.
func (w *Writer) Bool(v bool) {
	if v {
		w.U8(1)
	} else {
		w.U8(0)
	}
}

// U16 writes a u16 or s16.
func (w *Writer) U16(v uint16) {
	w.Align(2)
	w.buf = binary.LittleEndian.AppendUint16(w.buf, v)
}

// U32 writes a u32, s32, char or handle.
func (w *Writer) U32(v uint32) {
	w.Align(4)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, v)
}

// U64 writes a u64 or s64.
func (w *Writer) U64(v uint64) {
	w.Align(8)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, v)
}

// F32 writes an f32.
func (w *Writer) F32(v float32) { w.U32(math.Float32bits(v)) }

// F64 writes an f64.
func (w *Writer) F64(v float64) { w.U64(math.Float64bits(v)) }

// String writes a string.
func (w *Writer) String(s string) { w.ref(unsafe.Pointer(unsafe.StringData(s)), len(s)) }

// Bytes writes a list<u8>.
func (w *Writer) Bytes(b []byte) { w.ref(unsafe.Pointer(unsafe.SliceData(b)), len(b)) }

// List writes a list of n elements that e holds. e must not be written to any more.
func (w *Writer) List(e *Writer, n int) {
	w.ref(unsafe.Pointer(unsafe.SliceData(e.buf)), n)
	w.refs = append(w.refs, unsafe.Pointer(e))
}

func (w *Writer) ref(p unsafe.Pointer, n int) {
	if n == 0 {
		w.U32(8) // any aligned address
		w.U32(0)
		return
	}
	w.refs = append(w.refs, p)
	w.U32(uint32(uintptr(p)))
	w.U32(uint32(n))
}

// Pointer is the address of what was written, to pass to an import. Writing more moves it.
func (w *Writer) Pointer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(w.buf)) }

// Return gives the address of what was written as the result of an export, and keeps it alive until the next Return. The
// writer starts anew.
func (w *Writer) Return() uint32 {
	result = *w
	*w = Writer{}
	return uint32(uintptr(result.Pointer()))
}

// ReturnString is the result of an export that returns a string.
func ReturnString(s string) uint32 {
	var w Writer
	w.String(s)
	return w.Return()
}

// ReturnBytes is the result of an export that returns a list<u8>.
func ReturnBytes(b []byte) uint32 {
	var w Writer
	w.Bytes(b)
	return w.Return()
}
