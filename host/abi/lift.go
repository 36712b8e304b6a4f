package abi

import (
	"math"

	"github.com/wattle-io/wattle/wit"
)

// LiftParams appends to out the encoding of the parameters that a guest passes to an import. stack is the core function's
// parameters. The return pointer of a function whose result goes to memory is for LowerResult.
func (c *Context) LiftParams(f *Func, stack []uint64, out []byte) (_ []byte, err error) {
	defer catch(&err)
	c.begin(out, f.paramsNeedMemory)
	if f.ParamsInMemory {
		c.liftBlock(f.tuple, uint32(stack[0]), "parameter block")
		return c.enc.Buf, nil
	}
	for _, p := range f.Params {
		c.liftFlat(p, stack)
		stack = stack[len(p.Flat):]
	}
	return c.enc.Buf, nil
}

// LiftResult appends to out the encoding of the result of a guest's export. stack is the core function's results.
func (c *Context) LiftResult(f *Func, stack []uint64, out []byte) (_ []byte, err error) {
	defer catch(&err)
	if f.Result == nil {
		return out, nil
	}
	c.begin(out, f.ResultInMemory)
	if f.ResultInMemory {
		c.liftBlock(f.Result, uint32(stack[0]), "result")
	} else {
		c.liftFlat(f.Result, stack)
	}
	return c.enc.Buf, nil
}

func (c *Context) begin(out []byte, memory bool) {
	if memory {
		c.mem = c.Guest.Memory()
	}
	c.enc.Buf = out
	c.limit = len(out) + DefaultMaxBytes
	if c.MaxBytes > 0 {
		c.limit = len(out) + c.MaxBytes
	}
}

// room fails if n more bytes would exceed the bound.
func (c *Context) room(n uint64) {
	if uint64(len(c.enc.Buf))+n > uint64(c.limit) {
		fail(ErrSize, "the encoding would take more than the allowed bytes")
	}
}

func (c *Context) liftBlock(t *Type, p uint32, what string) {
	c.check(p, uint64(t.Size), t.Align, what)
	c.liftMem(t, p)
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
		fail(ErrGuest, "discriminant %d of %s, which has %d cases", disc, t.WIT, len(t.cases))
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
		c.enc.Char(charOf(uint32(v)))
	}
}

func charOf(v uint32) rune {
	if v >= 0x110000 || v >= 0xd800 && v < 0xe000 {
		fail(ErrGuest, "char %#x is not a Unicode scalar value", v)
	}
	return rune(v)
}

func labelMask(n int) uint32 { return uint32(1<<n - 1) }

func (c *Context) liftList(e *Type, p, n uint32) {
	c.check(p, uint64(n)*uint64(e.Size), e.Align, "list")
	c.room(uint64(n))
	c.enc.Uint(uint64(n))
	c.liftElems(e, p, n)
}

func (c *Context) liftElems(e *Type, p, n uint32) {
	if e.WIT.Kind == wit.U8 {
		c.room(uint64(n))
		c.enc.Buf = append(c.enc.Buf, c.mem[p:uint64(p)+uint64(n)]...)
		return
	}
	for range n {
		c.room(1)
		c.liftMem(e, p)
		p += e.Size
	}
}

func (c *Context) liftHandle(t *Type, i uint32) {
	if c.Handles == nil {
		fail(ErrHandle, "handles cannot be passed here")
	}
	var object any
	if t.shape == own {
		object = c.Handles.take(i, t.resource)
		c.taken = append(c.taken, object)
	} else if object = c.Handles.lend(i, t.resource); c.Handles.entries[i].own {
		c.lent = append(c.lent, i)
	}
	c.enc.Uint(uint64(len(c.Objects)))
	c.Objects = append(c.Objects, object)
}
