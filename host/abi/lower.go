package abi

import (
	"math"

	"github.com/wattle-io/wattle/wit"
)

// LowerParams writes encoded parameters into the guest, for a call of its export: the core function's parameters go to stack,
// which has room for MaxFlatParams values. It returns their number.
func (c *Context) LowerParams(f *Func, args []byte, stack []uint64) (n int, err error) {
	var d wit.Decoder
	d.Reset(args)
	c.err = nil
	if f.ParamsInMemory {
		p, ok := c.alloc(uint64(f.tuple.Size), f.tuple.Align)
		if ok {
			c.lowerMem(f.tuple, &d, p)
		}
		stack[0] = uint64(p)
	} else {
		rest := stack
		for _, p := range f.Params {
			c.lowerFlat(p, &d, rest)
			rest = rest[len(p.Flat):]
		}
	}
	return len(f.flatParams), c.finish(&d)
}

// LowerResult writes an encoded result into the guest, as the answer of an import. stack is the core function's
// parameters on entry (it has the return pointer of a result in memory) and its results on return. retptr is the value that
// ReturnPointer gave before the call.
func (c *Context) LowerResult(f *Func, result []byte, stack []uint64, retptr uint32) error {
	var d wit.Decoder
	d.Reset(result)
	c.err = nil
	switch {
	case f.Result == nil:
	case f.ResultInMemory:
		c.mem = c.Guest.Memory()
		if !c.check(retptr, uint64(f.Result.Size), f.Result.Align, "return area") {
			return c.err
		}
		c.lowerMem(f.Result, &d, retptr)
	default:
		c.lowerFlat(f.Result, &d, stack)
	}
	return c.finish(&d)
}

// ReturnPointer is where a guest wants the result of an import whose result is in memory, 0 for other functions.
func (f *Func) ReturnPointer(stack []uint64) uint32 {
	if !f.ResultInMemory {
		return 0
	}
	return uint32(stack[len(f.flatParams)])
}

// finish gives the first error: of the guest, else of the value.
func (c *Context) finish(d *wit.Decoder) error {
	if c.err != nil {
		return c.err
	}
	if err := d.Close(); err != nil {
		return &Error{Kind: ErrValue, Msg: "argument or result", Err: err}
	}
	return nil
}

// lowerMem writes a value at p, whose bytes are known to be in memory.
func (c *Context) lowerMem(t *Type, d *wit.Decoder, p uint32) {
	switch t.shape {
	case scalar:
		writeN(c.mem[p:], t.Size, lowerScalar(t, d))
	case str:
		q, n := c.lowerString(d)
		c.writePair(p, q, n)
	case list:
		q, n := c.lowerList(t.elem, d)
		c.writePair(p, q, n)
	case fixedList:
		c.lowerElems(t.elem, d, p, t.length)
	case record:
		for i := range t.fields {
			f := &t.fields[i]
			c.lowerMem(f.typ, d, p+f.offset)
		}
	case variant:
		disc := d.Case(len(t.cases))
		writeN(c.mem[p:], t.discSize, uint64(disc))
		if e := t.cases[disc]; e != nil {
			c.lowerMem(e, d, p+t.payload)
		}
	case flags:
		writeN(c.mem[p:], t.Size, uint64(d.Flags(t.labels)))
	case own, borrow:
		le.PutUint32(c.mem[p:], c.lowerHandle(t, d))
	}
}

func (c *Context) writePair(p, a, b uint32) {
	le.PutUint32(c.mem[p:], a)
	le.PutUint32(c.mem[p+4:], b)
}

// lowerFlat writes a value's flat form at the start of stack.
func (c *Context) lowerFlat(t *Type, d *wit.Decoder, stack []uint64) {
	switch t.shape {
	case scalar:
		stack[0] = lowerScalar(t, d)
	case str:
		p, n := c.lowerString(d)
		stack[0], stack[1] = uint64(p), uint64(n)
	case list:
		p, n := c.lowerList(t.elem, d)
		stack[0], stack[1] = uint64(p), uint64(n)
	case fixedList:
		for i := range int(t.length) {
			c.lowerFlat(t.elem, d, stack[i*len(t.elem.Flat):])
		}
	case record:
		for i := range t.fields {
			e := t.fields[i].typ
			c.lowerFlat(e, d, stack)
			stack = stack[len(e.Flat):]
		}
	case variant:
		disc := d.Case(len(t.cases))
		clear(stack[:len(t.Flat)])
		stack[0] = uint64(disc)
		if e := t.cases[disc]; e != nil {
			c.lowerFlat(e, d, stack[1:])
		}
	case flags:
		stack[0] = uint64(d.Flags(t.labels))
	case own, borrow:
		stack[0] = uint64(c.lowerHandle(t, d))
	}
}

// lowerScalar gives the bits of a scalar, sign-extended to 32 bits and zero-extended from there.
func lowerScalar(t *Type, d *wit.Decoder) uint64 {
	switch t.WIT.Kind {
	case wit.Bool:
		if d.Bool() {
			return 1
		}
		return 0
	case wit.S8:
		return uint64(uint32(int8(d.Byte())))
	case wit.U8:
		return uint64(d.Byte())
	case wit.S16:
		return uint64(uint32(d.Int(16)))
	case wit.U16:
		return d.Uint(16)
	case wit.S32:
		return uint64(uint32(d.Int(32)))
	case wit.U32:
		return d.Uint(32)
	case wit.S64:
		return uint64(d.Int(64))
	case wit.U64:
		return d.Uint(64)
	case wit.F32:
		return canonical32(d.F32())
	case wit.F64:
		return canonical64(d.F64())
	case wit.Char:
		return uint64(d.Char())
	}
	return 0
}

func canonical32(f float32) uint64 {
	if f != f {
		return 0x7fc00000
	}
	return uint64(math.Float32bits(f))
}

func canonical64(f float64) uint64 {
	if f != f {
		return 0x7ff8000000000000
	}
	return math.Float64bits(f)
}

func (c *Context) lowerList(e *Type, d *wit.Decoder) (p, n uint32) {
	n = d.U32()
	if int64(n) > int64(d.Len()) { // an element takes a byte at least: no count can cost more than the caller sent
		d.Fail("list of %d elements in %d bytes", n, d.Len())
		return 0, 0
	}
	p, ok := c.alloc(uint64(n)*uint64(e.Size), e.Align)
	if ok {
		c.lowerElems(e, d, p, n)
	}
	return p, n
}

func (c *Context) lowerElems(e *Type, d *wit.Decoder, p, n uint32) {
	if e.WIT.Kind == wit.U8 {
		copy(c.mem[p:], d.Take(uint64(n)))
		return
	}
	for range n {
		if d.Err() != nil || c.err != nil {
			return
		}
		c.lowerMem(e, d, p)
		p += e.Size
	}
}

func (c *Context) lowerHandle(t *Type, d *wit.Decoder) uint32 {
	i := d.U32()
	switch {
	case d.Err() != nil:
		return 0
	case int64(i) >= int64(len(c.Objects)):
		d.Fail("handle %d of %d", i, len(c.Objects))
		return 0
	case c.Objects[i] == nil:
		d.Fail("the object of handle %d is nil or was given away already", i)
		return 0
	case c.Handles == nil:
		c.fail(ErrHandle, "handles cannot be passed here")
		return 0
	}
	if t.shape == own {
		h := c.addHandle(entry{object: c.Objects[i], resource: t.resource, own: true})
		if h != 0 {
			c.Objects[i] = nil // the guest's now
		}
		return h
	}
	if r, ok := c.Objects[i].(Rep); ok && r.Resource == t.resource && c.Handles.owns(t.resource) {
		return r.Rep // the guest's own resource: it is given its representation
	}
	h := c.addHandle(entry{object: c.Objects[i], resource: t.resource, scope: c})
	if h != 0 {
		c.borrowed++
	}
	return h
}

// addHandle gives 0, which is no handle, if the table is full.
func (c *Context) addHandle(e entry) uint32 {
	h, err := c.Handles.add(e)
	if err != nil && c.err == nil {
		c.err = err
	}
	return h
}
