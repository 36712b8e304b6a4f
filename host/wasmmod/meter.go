package wasmmod

// The names by which the host meets a metered module.
const (
	// YieldModule and YieldName are the module and name of the import that Apply adds: yield(reason i32) -> i32.
	YieldModule = "wattle"
	YieldName   = "yield"
	// FuelGlobal is the export of the mutable i32 with the fuel that is left, at first 0.
	FuelGlobal = "__wattle_fuel"
	// StackGlobal is the export of the mutable i32 with the stack budget that is left, at first DefaultStack.
	StackGlobal = "__wattle_stack"
)

// The reasons of a yield.
const (
	// YieldFuel: the fuel is used up. The answer is added to it, and yield is called again until there is some.
	YieldFuel = 0
	// YieldStack: the stack budget is exceeded. The host should panic; if it returns, the guest traps.
	YieldStack = 1
)

// DefaultStack is the stack budget of a new instance. A frame takes frameCost and localCost for each of its parameters
// and locals, which is about the number of bytes of the engine's own frame.
const DefaultStack = 1 << 20

const (
	frameCost = 64
	localCost = 8

	// batch is how much fuel a loop may use before it touches the global: up to that, the count is in a local.
	batch = 64

	// The fuel of an exception and of a block that catches: the engine unwinds in Go, which takes 5 µs and more, and
	// copies the whole stack at each try_table.
	throwCost = 1000
	tryCost   = 500
)

// meter rewrites the functions of a module.
type meter struct {
	*scanner
	yield, charge, enter uint32 // functions: the import and the two helpers
	wrapper              []uint32
	wrapped              []uint32 // the functions that have a wrapper, in the order of the wrappers
	wrapTaken            bool
	fuel, stack          uint32 // globals
	out                  []byte // the body being made
}

// locals are the extra locals of a function, all i32, after its own.
type locals struct {
	count    uint32 // how many there are
	scratch  uint32 // the fuel after the entry's charge; the length operand of a bulk instruction
	loop     uint32 // fuel that the loops used and that is not charged yet
	level    uint32 // the stack budget left below this frame
	hasLevel bool
}

// newMeter scans the module and decides what each function needs.
func newMeter(m *Module) (*meter, error) {
	s, err := m.scan()
	if err != nil {
		return nil, err
	}
	n := uint32(len(m.funcs))
	mt := &meter{scanner: s, yield: m.importedFuncs, charge: n + 1, enter: n + 2,
		fuel: uint32(len(m.globals)), stack: uint32(len(m.globals)) + 1}
	mt.wrap()
	return mt, nil
}

// wrap decides which functions get a wrapper that puts the stack budget back: those that can be called from outside the
// module's own functions and change it. Functions in a table count only if another module can reach the table; not in a module
// with indirect tail calls, because a wrapper in between would make those grow the stack.
func (mt *meter) wrap() {
	m := mt.m
	mt.wrapTaken = m.sharesTable
	for i := range mt.fns {
		mt.wrapTaken = mt.wrapTaken && !mt.fns[i].tailCall
	}
	mt.wrapper = make([]uint32, len(m.bodies))
	for _, e := range m.Exports {
		if e.Kind == Func {
			mt.addWrapper(e.Index)
		}
	}
	if m.HasStart {
		mt.addWrapper(m.start)
	}
	for f := range m.taken {
		if mt.wrapTaken && m.taken[f] {
			mt.addWrapper(uint32(f))
		}
	}
}

func (mt *meter) addWrapper(f uint32) {
	m := mt.m
	if f < m.importedFuncs || !mt.fns[f-m.importedFuncs].deep || mt.wrapper[f-m.importedFuncs] != 0 {
		return
	}
	mt.wrapper[f-m.importedFuncs] = uint32(len(m.funcs)) + 3 + uint32(len(mt.wrapped))
	mt.wrapped = append(mt.wrapped, f)
}

// shift is the new index of a function: the yield import stands before the module's own functions.
func (mt *meter) shift(f uint32) uint32 {
	if f < mt.m.importedFuncs {
		return f
	}
	return f + 1
}

// outside is the new index by which others than the module's own calls know a function.
func (mt *meter) outside(f uint32) uint32 {
	if f >= mt.m.importedFuncs {
		if w := mt.wrapper[f-mt.m.importedFuncs]; w != 0 {
			return w
		}
	}
	return mt.shift(f)
}

// reference is the new index of a function whose address is taken.
func (mt *meter) reference(f uint32) uint32 {
	if mt.wrapTaken {
		return mt.outside(f)
	}
	return mt.shift(f)
}

// function gives the new body of function i, valid until the next call.
func (mt *meter) function(i int) []byte {
	b, f := &mt.m.bodies[i], &mt.fns[i]
	x := mt.layout(i)
	groups := b.groups
	if x.count > 0 {
		groups++
	}
	mt.out = append(appendU32(mt.out[:0], groups), b.decl...)
	if x.count > 0 {
		mt.out = append(appendU32(mt.out, x.count), i32Type)
	}
	mt.entry(f, &x, b)
	mt.instructions(i, &x)
	return mt.out
}

// layout gives the function its extra locals.
func (mt *meter) layout(i int) locals {
	b, f := &mt.m.bodies[i], &mt.fns[i]
	var x locals
	if f.pays || f.bulk {
		x.scratch = b.locals + x.count
		x.count++
	}
	if len(f.loops) > 0 {
		x.loop = b.locals + x.count
		x.count++
	}
	if f.deep {
		x.level, x.hasLevel = b.locals+x.count, true
		x.count++
	}
	return x
}

// entry charges for the function, and takes its frame off the stack budget: the level, which stays in a local and goes
// to the global before each call. So nothing has to be put back at the exits, however the function is left.
func (mt *meter) entry(f *fn, x *locals, b *body) {
	if !f.pays {
		return
	}
	mt.index(opGlobalGet, mt.fuel)
	mt.i32(units(f.entryWeight()))
	mt.out = append(mt.out, opI32Sub)
	mt.index(opLocalTee, x.scratch)
	mt.index(opGlobalSet, mt.fuel)
	if x.hasLevel {
		mt.index(opGlobalGet, mt.stack)
		mt.i32(frameCost + localCost*int32(b.locals))
		mt.out = append(mt.out, opI32Sub)
		mt.index(opLocalTee, x.level)
	}
	mt.index(opLocalGet, x.scratch)
	if x.hasLevel {
		mt.out = append(mt.out, opI32Or) // negative if one of them is
	}
	mt.i32(0)
	mt.out = append(mt.out, opI32LtS, opIf, emptyType)
	if x.hasLevel {
		mt.index(opLocalGet, x.level)
		mt.index(opCall, mt.enter)
	} else {
		mt.i32(0)
		mt.index(opCall, mt.charge)
	}
	mt.out = append(mt.out, opEnd)
}

func (mt *meter) frame(i int) int32 { return frameCost + localCost*int32(mt.m.bodies[i].locals) }

// loopHeader counts an iteration in a local, and charges when a batch is full. The count stays on the stack of the
// function: up to batch units at each of its calls are free, apart from what the entry charges.
func (mt *meter) loopHeader(x *locals, weight int) {
	mt.count(x, weight)
	mt.settle(x)
}

// splitLoop makes two loops of one: the inner one counts and goes to the outer one when a batch is full. The engine keeps
// the variables of a loop in registers only if there is no call in it; this costs half of what a call inside does.
//
//	loop T               loop T
//	  …             →      if count ≥ batch: charge
//	end                    loop T
//	                         count; br 1 if ≥ batch
//	                         …
//	                       end
//	                     end
func (mt *meter) splitLoop(x *locals, weight int, blockType []byte) {
	mt.index(opLocalGet, x.loop)
	mt.i32(batch)
	mt.out = append(mt.out, opI32GeS)
	mt.settle(x)
	mt.out = append(append(mt.out, opLoop), blockType...)
	mt.count(x, weight)
	if t := (reader{buf: blockType}); t.signed(33) >= 0 { // a type index: the branch may carry parameters, out of reach in an if
		mt.out = append(mt.out, opBrIf, 1)
	} else {
		mt.out = append(mt.out, opIf, emptyType, opBr, 2, opEnd) // the engine makes better code of it than of br_if
	}
}

// count leaves on the stack whether a batch is full.
func (mt *meter) count(x *locals, weight int) {
	mt.index(opLocalGet, x.loop)
	mt.i32(units(weight))
	mt.out = append(mt.out, opI32Add)
	mt.index(opLocalTee, x.loop)
	mt.i32(batch)
	mt.out = append(mt.out, opI32GeS)
}

// settle charges for the batch if the top of the stack says so.
func (mt *meter) settle(x *locals) {
	mt.out = append(mt.out, opIf, emptyType)
	mt.index(opLocalGet, x.loop)
	mt.index(opCall, mt.charge)
	mt.i32(0)
	mt.index(opLocalSet, x.loop)
	mt.out = append(mt.out, opEnd)
}

// level puts the function's stack level into the global before a call that may need it. Before a tail call the level is
// the caller's: the frame is about to go.
func (mt *meter) level(x *locals, in *insn, frame int32) {
	if !x.hasLevel || !mt.deepCall(in) {
		return
	}
	mt.index(opLocalGet, x.level)
	if in.op == opReturnCall || in.op == opReturnCallIndirect || in.op == opReturnCallRef {
		mt.i32(frame)
		mt.out = append(mt.out, opI32Add)
	}
	mt.index(opGlobalSet, mt.stack)
}

func (mt *meter) deepCall(in *insn) bool {
	callee := mt.callee(in)
	return callee == mt.graph.any && mt.anyDeep || callee != mt.graph.any && mt.fns[callee].deep
}

func (mt *meter) call(r *reader, in *insn) {
	if in.op == opCall || in.op == opReturnCall {
		mt.index(in.op, mt.shift(in.index))
		return
	}
	mt.out = append(mt.out, r.buf[in.start:r.off]...)
}

// bulk charges for an instruction by its length operand, which is on top of the stack, before it runs.
func (mt *meter) bulk(x *locals, in *insn) {
	shift := in.bulkShift()
	if shift == 0 {
		return
	}
	mt.index(opLocalTee, x.scratch)
	mt.index(opLocalGet, x.scratch)
	mt.i32(shift)
	mt.out = append(mt.out, opI32ShrU)
	mt.index(opCall, mt.charge)
}

func (mt *meter) index(op byte, i uint32) { mt.out = appendU32(append(mt.out, op), i) }

func (mt *meter) i32(v int32) { mt.out = appendS32(append(mt.out, opI32Const), v) }
