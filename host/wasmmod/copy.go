package wasmmod

import "math"

// instructions copies the function with its checks.
func (mt *meter) instructions(i int, x *locals) {
	r, lim := mt.m.codeReader(&mt.m.bodies[i])
	c := copier{meter: mt, r: &r, fn: &mt.fns[i], x: x, frame: mt.frame(i)}
	for _, at := range mt.marks[mt.firstMark[i]:mt.firstMark[i+1]] {
		r.off = int(at)
		r.next(&c.in, &lim)
		c.instruction()
	}
	r.off = len(r.buf)
	c.flush(r.off)
}

// copier is the state of a copy: what stands between copied and the reader's offset is not copied yet.
type copier struct {
	*meter
	x      *locals
	r      *reader
	fn     *fn
	in     insn
	frame  int32
	copied int
	loops  int    // headers seen
	inner  uint32 // labels open in a split loop, with its own; 0 outside
}

func (c *copier) flush(to int) {
	c.out = append(c.out, c.r.buf[c.copied:to]...)
	c.copied = c.r.off
}

func (c *copier) instruction() {
	switch op := c.in.op; {
	case op == opLoop:
		c.loop()
	case op == opCall || op >= opCallIndirect && op <= opReturnCallRef:
		c.flush(c.in.start)
		c.level(c.x, &c.in, c.frame)
		c.call(c.r, &c.in)
	case op == opThrow || op == opThrowRef:
		c.flat(throwCost)
	case op == opTryTable:
		c.flat(tryCost)
	case op == opRefFunc:
		c.flush(c.in.start)
		c.index(opRefFunc, c.reference(c.in.index))
	case c.in.prefix:
		c.flush(c.in.start)
		c.bulk(c.x, &c.in)
		c.out = c.in.appendTo(c.out, c.r)
	case c.inner > 0:
		c.label()
	}
}

// flat charges a fixed cost before an instruction.
func (c *copier) flat(units int32) {
	c.flush(c.in.start)
	c.i32(units)
	c.index(opCall, c.charge)
	c.out = append(c.out, c.r.buf[c.in.start:c.r.off]...)
}

func (c *copier) loop() {
	l := c.fn.loops[c.loops]
	c.loops++
	c.flush(c.r.off)
	if l.outer {
		c.loopHeader(c.x, l.weight)
		return
	}
	c.splitLoop(c.x, l.weight, c.r.buf[c.in.imm:c.r.off])
	c.inner = 1
}

// label adapts the instructions in a split loop, which has one label more than the original.
func (c *copier) label() {
	switch c.in.op {
	case opBlock, opIf:
		c.inner++
	case opEnd:
		if c.inner--; c.inner == 0 {
			c.flush(c.r.off)
			c.out = append(c.out, opEnd)
		}
	case opBr, opBrIf, opBrOnNull, opBrOnNonNull:
		c.flush(c.in.start)
		c.index(c.in.op, c.target(c.in.index))
	case opBrTable:
		c.flush(c.in.imm)
		t := reader{buf: c.r.buf[:c.r.off], off: c.in.imm}
		n := t.u32()
		for c.out = appendU32(c.out, n); t.more(); {
			c.out = appendU32(c.out, c.target(t.u32()))
		}
	}
}

// target is the new number of a label.
func (c *copier) target(label uint32) uint32 {
	if label >= c.inner && label < math.MaxUint32 {
		return label + 1
	}
	return label
}
