package abi

import (
	"math"

	"github.com/wattle-io/wattle/wit"
)

// LiftParams appends to out the encoding of the parameters that a guest passes to an import. stack is the core function's
// parameters. The return pointer of a function whose result goes to memory is for LowerResult.
func (c *Context) LiftParams(f *Func, stack []uint64, out []byte) ([]byte, error) {
	c.begin(out, f.paramsNeedMemory)
	if f.ParamsInMemory {
		c.liftBlock(f.tuple, uint32(stack[0]), "parameter block")
		return c.enc.Buf, c.failed()
	}
	for _, p := range f.Params {
		c.liftFlat(p, stack)
		stack = stack[len(p.Flat):]
	}
	return c.enc.Buf, c.failed()
}

// LiftResult appends to out the encoding of the result of a guest's export. stack is the core function's results.
func (c *Context) LiftResult(f *Func, stack []uint64, out []byte) ([]byte, error) {
	if f.Result == nil {
		return out, nil
	}
	c.begin(out, f.ResultInMemory)
	if f.ResultInMemory {
		c.liftBlock(f.Result, uint32(stack[0]), "result")
	} else {
		c.liftFlat(f.Result, stack)
	}
	return c.enc.Buf, c.failed()
}

func (c *Context) begin(out []byte, memory bool) {
	if memory {
		c.mem = c.Guest.Memory()
	}
	c.enc.Buf, c.err = out, nil
	c.limit = len(out) + DefaultMaxBytes
	if c.MaxBytes > 0 {
		c.limit = len(out) + c.MaxBytes
	}
}

// room fails, and is false, if n more bytes would exceed the bound, or something has failed already.
func (c *Context) room(n uint64) bool {
	if uint64(len(c.enc.Buf))+n > uint64(c.limit) {
		c.fail(ErrSize, "its encoding would take more than the %d bytes that are allowed", c.limit)
	}
	return c.err == nil
}

func (c *Context) liftBlock(t *Type, p uint32, what string) {
	if c.check(p, uint64(t.Size), t.Align, what) {
		c.liftMem(t, p)
	}
}

// liftMem lifts a value whose own bytes at p are known to be in memory.
func (c *Context) liftMem(t *Type, p uint32) {
	b := c.mem[p:]
	switch t.shape {
	case scalar:
		c.liftScalar(t, readN(b, t.Size))
	case str:
		c.liftString(le.Uint32(b), le.Uint32(b[4:]))
	case list:
		c.liftList(t.elem, le.Uint32(b), le.Uint32(b[4:]))
	case fixedList:
		c.liftElems(t.elem, p, t.length)
	case record:
		for i := range t.fields {
			f := &t.fields[i]
			c.liftMem(f.typ, p+f.offset)
		}
	case variant:
		if e := c.liftCase(t, uint32(readN(b, t.discSize))); e != nil {
			c.liftMem(e, p+t.payload)
		}
	case flags:
		c.enc.Flags(uint32(readN(b, t.Size))&labelMask(t.labels), t.labels)
	case own, borrow:
		c.liftHandle(t, le.Uint32(b))
	}
}

// liftFlat lifts a value from its flat form at the start of stack.
func (c *Context) liftFlat(t *Type, stack []uint64) {
	switch t.shape {
	case scalar:
		c.liftScalar(t, stack[0])
	case str:
		c.liftString(uint32(stack[0]), uint32(stack[1]))
	case list:
		c.liftList(t.elem, uint32(stack[0]), uint32(stack[1]))
	case fixedList:
		for i := range int(t.length) {
			c.liftFlat(t.elem, stack[i*len(t.elem.Flat):])
		}
	case record:
		for i := range t.fields {
			e := t.fields[i].typ
			c.liftFlat(e, stack)
			stack = stack[len(e.Flat):]
		}
	case variant:
		// Values of a joined type need no conversion: a core stack slot holds the bits of any of them.
		if e := c.liftCase(t, uint32(stack[0])); e != nil {
			c.liftFlat(e, stack[1:])
		}
	case flags:
		c.enc.Flags(uint32(stack[0])&labelMask(t.labels), t.labels)
	case own, borrow:
		c.liftHandle(t, uint32(stack[0]))
	}
}

func (c *Context) liftCase(t *Type, disc uint32) *Type {
	if uint64(disc) >= uint64(len(t.cases)) {
		c.fail(ErrGuest, "discriminant %d of %s, which has %d cases", disc, t.WIT, len(t.cases))
		return nil
	}
	c.enc.Uint(uint64(disc))
	return t.cases[disc]
}

// liftScalar encodes a scalar; bits above its size are ignored.
func (c *Context) liftScalar(t *Type, v uint64) {
	switch t.WIT.Kind {
	case wit.Bool:
		c.enc.Bool(uint32(v) != 0)
	case wit.S8, wit.U8:
		c.enc.Byte(byte(v))
	case wit.S16:
		c.enc.Int(int64(int16(v)))
	case wit.U16:
		c.enc.Uint(uint64(uint16(v)))
	case wit.S32:
		c.enc.Int(int64(int32(v)))
	case wit.U32:
		c.enc.Uint(uint64(uint32(v)))
	case wit.S64:
		c.enc.Int(int64(v))
	case wit.U64:
		c.enc.Uint(v)
	case wit.F32:
		c.enc.F32(math.Float32frombits(uint32(v)))
	case wit.F64:
		c.enc.F64(math.Float64frombits(v))
	case wit.Char:
		c.liftChar(uint32(v))
	}
}

func (c *Context) liftChar(v uint32) {
	if v >= 0x110000 || v >= 0xd800 && v < 0xe000 {
		c.fail(ErrGuest, "char %#x is not a Unicode scalar value", v)
		return
	}
	c.enc.Char(rune(v))
}

func labelMask(n int) uint32 { return uint32(1<<n - 1) }

func (c *Context) liftList(e *Type, p, n uint32) {
	if !c.check(p, uint64(n)*uint64(e.Size), e.Align, "list") || !c.room(uint64(n)) {
		return
	}
	c.enc.Uint(uint64(n))
	c.liftElems(e, p, n)
}

func (c *Context) liftElems(e *Type, p, n uint32) {
	if e.WIT.Kind == wit.U8 {
		if c.room(uint64(n)) {
			c.enc.Buf = append(c.enc.Buf, c.mem[p:uint64(p)+uint64(n)]...)
		}
		return
	}
	for range n {
		if !c.room(1) {
			return
		}
		c.liftMem(e, p)
		p += e.Size
	}
}

func (c *Context) liftHandle(t *Type, i uint32) {
	if c.Handles == nil {
		c.fail(ErrHandle, "handles cannot be passed here")
		return
	}
	var object any
	var err *Error
	if t.shape == own {
		object, err = c.Handles.take(i, t.resource)
		c.taken = append(c.taken, len(c.Objects))
	} else {
		if object, err = c.Handles.lend(i, t.resource); err == nil {
			c.lent = append(c.lent, i)
		}
	}
	if err != nil && c.err == nil {
		c.err = err
	}
	c.enc.Uint(uint64(len(c.Objects)))
	c.Objects = append(c.Objects, object)
}
