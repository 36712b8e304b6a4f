package wasmmod

// The functions that Apply adds after the module's own.

// chargeBody is charge(n): takes n off the fuel and yields until some is left.
//
//	global.set $fuel (i32.sub (global.get $fuel) (local.get 0))
//	loop
//	  if (i32.lt_s (global.get $fuel) 0)
//	    global.set $fuel (i32.add (global.get $fuel) (call $yield 0))
//	    br 1
//	  end
//	end
func (mt *meter) chargeBody() []byte {
	mt.out = append(mt.out[:0], 0)
	mt.index(opGlobalGet, mt.fuel)
	mt.index(opLocalGet, 0)
	mt.out = append(mt.out, opI32Sub)
	mt.index(opGlobalSet, mt.fuel)
	mt.out = append(mt.out, opLoop, emptyType)
	mt.index(opGlobalGet, mt.fuel)
	mt.i32(0)
	mt.out = append(mt.out, opI32LtS, opIf, emptyType)
	mt.i32(YieldFuel)
	mt.index(opCall, mt.yield)
	mt.index(opGlobalGet, mt.fuel)
	mt.out = append(mt.out, opI32Add)
	mt.index(opGlobalSet, mt.fuel)
	mt.out = append(mt.out, opBr, 1, opEnd, opEnd, opEnd)
	return mt.out
}

// enterBody is enter(level): the slow path of an entry. A negative level is a stack overflow, else the fuel is short.
//
//	if (i32.lt_s (local.get 0) 0)
//	  drop (call $yield 1)
//	  unreachable
//	end
//	call $charge 0
func (mt *meter) enterBody() []byte {
	mt.out = append(mt.out[:0], 0)
	mt.index(opLocalGet, 0)
	mt.i32(0)
	mt.out = append(mt.out, opI32LtS, opIf, emptyType)
	mt.i32(YieldStack)
	mt.index(opCall, mt.yield)
	mt.out = append(mt.out, 0x1a, opUnreachable, opEnd)
	mt.i32(0)
	mt.index(opCall, mt.charge)
	mt.out = append(mt.out, opEnd)
	return mt.out
}

// wrapperBody calls f with its own parameters and puts the stack budget back.
func (mt *meter) wrapperBody(f uint32) []byte {
	params := mt.m.params(f)
	mt.out = append(mt.out[:0], 1, 1, i32Type)
	mt.index(opGlobalGet, mt.stack)
	mt.index(opLocalSet, params)
	for i := uint32(0); i < params; i++ {
		mt.index(opLocalGet, i)
	}
	mt.index(opCall, mt.shift(f))
	mt.index(opLocalGet, params)
	mt.index(opGlobalSet, mt.stack)
	mt.out = append(mt.out, opEnd)
	return mt.out
}
