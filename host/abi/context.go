package abi

import (
	"encoding/binary"

	"github.com/wattle-io/wattle/wit"
)

var le = binary.LittleEndian

// Guest is the instance that values are lifted from and lowered into.
type Guest interface {
	// Memory is the linear memory as it is now. It is asked for again after each Realloc. It may be nil for functions
	// that need none.
	Memory() []byte
	// Realloc calls the guest's realloc for a new block. Its result is checked by the caller. An error ends the lowering.
	Realloc(align, size uint32) (uint32, error)
}

// Context is one side of one call: it lifts from or lowers into one guest. It may be reused after Reset, and must not be
// used by two goroutines at a time.
type Context struct {
	Guest    Guest
	Encoding Encoding
	Handles  *Table // of the guest's component instance; nil refuses handles
	MaxBytes int    // bound of the encoding of lifted values; 0 = DefaultMaxBytes

	// Objects are the objects behind the handles of the value: lifting appends to them, lowering takes from them.
	Objects []any

	mem      []byte
	enc      wit.Encoder
	limit    int
	lent     []uint32 // handles lent by LiftParams, until EndBorrows
	taken    []int    // indexes in Objects of own handles lifted so far
	borrowed int      // borrow handles lowered into the guest that it has not dropped yet
	called   bool
	err      *Error // the first error; what follows it is skipped or of no account
}

// Reset prepares the context for another call. Lent handles and borrows of the last one are forgotten.
func (c *Context) Reset() {
	if len(c.Objects)+len(c.taken) > 0 {
		clear(c.Objects)
		c.Objects, c.taken = c.Objects[:0], c.taken[:0]
	}
	c.lent = c.lent[:0]
	c.borrowed, c.called, c.err = 0, false, nil
}

// Called reports whether lowering has called the guest's realloc since Reset.
func (c *Context) Called() bool { return c.called }

// EndBorrows ends the loan of the handles that LiftParams has lent to the host.
func (c *Context) EndBorrows() {
	for _, i := range c.lent {
		c.Handles.endLoan(i)
	}
	c.lent = c.lent[:0]
}

// Borrows is the number of borrow handles lowered into the guest that it still holds. At the end of a call it must be 0.
func (c *Context) Borrows() int { return c.borrowed }

// DropTaken drops the objects of own handles that a failed lift has taken from the guest.
func (c *Context) DropTaken() { c.DropTakenIn(c.Objects) }

// DropTakenIn drops the objects of own handles that a lift has taken from the guest and that are still in rest: what is left of
// Objects after another context has failed to lower them.
func (c *Context) DropTakenIn(rest []any) {
	for _, i := range c.taken {
		if d, ok := rest[i].(wit.Dropper); ok {
			d.Drop()
		}
	}
	c.taken = c.taken[:0]
}

// DropObjects drops the objects of own handles that a failed lowering has not given to the guest.
func (c *Context) DropObjects() {
	for _, o := range c.Objects {
		if d, ok := o.(wit.Dropper); ok {
			d.Drop()
		}
	}
	clear(c.Objects)
}

// fail records the first error.
func (c *Context) fail(kind error, format string, a ...any) {
	if c.err == nil {
		c.err = errorf(kind, format, a...)
	}
}

// failed gives the first error. It is here because a nil *Error in an error would not be nil.
func (c *Context) failed() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

// check fails, and is false, unless size bytes at p are in memory and aligned.
func (c *Context) check(p uint32, size uint64, align uint32, what string) bool {
	if p&(align-1) == 0 && uint64(p)+size <= uint64(len(c.mem)) {
		return true
	}
	c.checkFailed(p, size, align, what)
	return false
}

func (c *Context) checkFailed(p uint32, size uint64, align uint32, what string) {
	if p&(align-1) != 0 {
		c.fail(ErrGuest, "%s at %#x is not aligned to %d", what, p, align)
	}
	c.fail(ErrGuest, "%s at %#x of %d bytes is outside of memory (%d bytes)", what, p, size, len(c.mem))
}

// alloc has the guest allocate a block and makes sure that it is one. It is false if there is none.
func (c *Context) alloc(size uint64, align uint32) (uint32, bool) {
	if size > 1<<32-1 {
		c.fail(ErrGuest, "value of %d bytes does not fit a 32-bit memory", size)
	}
	if c.err != nil {
		return 0, false
	}
	c.called = true
	p, err := c.Guest.Realloc(align, uint32(size))
	if err != nil {
		c.err = &Error{Kind: ErrCalled, Msg: "realloc", Err: err}
		return 0, false
	}
	c.mem = c.Guest.Memory()
	return p, c.check(p, size, align, "block from realloc")
}

func readN(b []byte, n uint32) uint64 {
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(le.Uint16(b))
	case 4:
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}

func writeN(b []byte, n uint32, v uint64) {
	switch n {
	case 1:
		b[0] = byte(v)
	case 2:
		le.PutUint16(b, uint16(v))
	case 4:
		le.PutUint32(b, uint32(v))
	default:
		le.PutUint64(b, v)
	}
}
