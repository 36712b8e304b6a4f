package component

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/wattle-io/wattle/host/wasmmod"
)

// The kinds of *DecodeError.
var (
	ErrMalformed = errors.New("malformed component binary") // the bytes do not follow the format
	ErrInvalid   = errors.New("invalid component")          // the bytes are in order, but what they say breaks a rule of the component model
)

// DecodeError says where a binary is wrong.
type DecodeError struct {
	Offset int // in bytes, from the start of what was decoded; -1 if unknown
	Msg    string

	invalid bool
}

// Error gives "component: malformed component binary at byte 12: message".
func (e *DecodeError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("component: %v: %s", e.Unwrap(), e.Msg)
	}
	return fmt.Sprintf("component: %v at byte %d: %s", e.Unwrap(), e.Offset, e.Msg)
}

// Unwrap gives ErrMalformed or ErrInvalid.
func (e *DecodeError) Unwrap() error {
	if e.invalid {
		return ErrInvalid
	}
	return ErrMalformed
}

const (
	maxName     = 1024    // bytes of a name in an encoded world; the longest in WASI have about 70
	maxFileName = 100_000 // the same in a component, for the names of core exports that languages mangle
)

// reader reads the primitives of the binary format. The first error sticks: from then on there is nothing left to read, counts are
// 0 and loops over them end, so callers check err once.
type reader struct {
	b    []byte
	off  int
	base int // offset of b in the whole, for messages
	err  error
	file *fileLimits // of a component; nil for an encoded world, which has types only
}

// fileLimits is what the readers of all parts of a component share.
type fileLimits struct {
	elements int               // of vectors that may still come: each costs memory many times its bytes
	modules  []*wasmmod.Module // core modules so far
	code     [][]byte          // their bytes
	async    *PlanError        // the first thing found that this host does not run yet
}

func (r *reader) fail(format string, a ...any) {
	if r.err == nil {
		r.err = &DecodeError{Offset: r.base + r.off, Msg: fmt.Sprintf(format, a...)}
		r.b, r.off, r.base = nil, 0, 0
	}
}

func (r *reader) done() bool { return r.off >= len(r.b) }

func (r *reader) byte() byte {
	if r.off >= len(r.b) {
		r.fail("unexpected end")
		return 0
	}
	r.off++
	return r.b[r.off-1]
}

// expect reads one byte that can only have one value.
func (r *reader) expect(want byte, what string) {
	if got := r.byte(); got != want {
		r.fail("%s is %#02x, want %#02x", what, got, want)
	}
}

// take reads n bytes, which alias the input.
func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)-r.off) {
		r.fail("want %d bytes, have %d", n, len(r.b)-r.off)
		return nil
	}
	b := r.b[r.off : r.off+int(n)]
	r.off += int(n)
	return b
}

// sub reads a length and gives a reader of that many bytes.
func (r *reader) sub() *reader {
	n := r.u32()
	base := r.base + r.off
	return &reader{b: r.take(n), base: base, err: r.err, file: r.file}
}

// close makes an error of a sub-reader that of r, and bytes left over in it an error.
func (r *reader) close(sub *reader) {
	if !sub.done() {
		sub.fail("%d bytes left over", len(sub.b)-sub.off)
	}
	if r.err == nil && sub.err != nil {
		r.b, r.off, r.err = nil, 0, sub.err
	}
}

// u32 reads an unsigned LEB128 number.
func (r *reader) u32() uint32 {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.fail("number does not fit in 32 bits")
	return 0
}

// s33 reads a signed LEB128 number of 33 bits: a type index, or negative, an opcode.
func (r *reader) s33() int64 {
	var v int64
	for shift := 0; shift < 35; {
		c := r.byte()
		v |= int64(c&0x7f) << shift
		shift += 7
		if c < 0x80 {
			if c&0x40 != 0 {
				v |= -1 << shift
			}
			if v < -1<<32 || v > 1<<32-1 {
				break
			}
			return v
		}
	}
	r.fail("number does not fit in 33 bits")
	return 0
}

// count reads the length of a vector. Every element takes a byte or more, so a length beyond the rest of the input is refused
// before anything is allocated.
func (r *reader) count() int {
	n := r.u32()
	if uint64(n) > uint64(len(r.b)-r.off) {
		r.fail("vector of %d elements in %d bytes", n, len(r.b)-r.off)
		return 0
	}
	if r.file != nil {
		if r.file.elements -= int(n); r.file.elements < 0 {
			r.fail("more than %d definitions, fields and names", maxElements)
			return 0
		}
	}
	return int(n)
}

// name reads a string.
func (r *reader) name() string {
	n, most := r.u32(), uint32(maxName)
	if r.file != nil {
		most = maxFileName
	}
	if n > most {
		r.fail("name of %d bytes; at most %d", n, most)
		return ""
	}
	b := r.take(n)
	if !utf8.Valid(b) {
		r.fail("name is not UTF-8")
		return ""
	}
	return string(b)
}
