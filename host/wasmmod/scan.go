package wasmmod

// The weights of work, in instructions; perUnit of them are one unit of fuel.
const (
	perUnit  = 32
	callCost = 16 // a call, with about what a callee without a check of its own costs
	freeCall = 96 // a function pays if a call of it, with all that it calls, may take more than this

	// maxWeight bounds the fuel of one iteration or call. The loop of an interpreter has hundreds of thousands of instructions, of
	// which an iteration runs a few; one that does run all of the largest body that is taken still yields every 20 ms.
	maxWeight = 1 << 10
)

// fn is what a scan of a function's instructions finds.
type fn struct {
	weight   int    // instructions outside loops
	loops    []loop // in the order of their headers
	bulk     bool   // has an instruction whose cost is an operand
	tailCall bool   // has an indirect tail call
	deep     bool   // can lead into a cycle of calls
	pays     bool   // charges fuel at its entry; one that does not costs its caller next to nothing
}

// loop is one loop of a function.
type loop struct {
	weight int  // instructions, without those of the loops inside it
	outer  bool // has a loop, a call or an exception handler inside it
}

// scanner reads all functions once before any is rewritten.
type scanner struct {
	m     *Module
	graph graph
	fns   []fn
	refs  []uint32 // functions that the code refers to
	seen  []bool   // by function, whether it is in refs
	// anyDeep: what the module cannot see can lead into a cycle of calls.
	anyDeep bool
	open    []int // enclosing blocks: index of the innermost loop, or -1
	// marks are the offsets, in their functions' code, of the instructions that a copy may have to change: a quarter of all.
	// Those of function i are marks[firstMark[i]:firstMark[i+1]].
	marks, firstMark []uint32
}

// scan reads the instructions of every function. It notes the functions whose address is taken in m.taken.
func (m *Module) scan() (*scanner, error) {
	s := &scanner{m: m, fns: make([]fn, len(m.bodies))}
	s.graph.any = uint32(len(m.bodies))
	for i := range m.bodies {
		s.graph.first = append(s.graph.first, uint32(len(s.graph.calls)))
		s.firstMark = append(s.firstMark, uint32(len(s.marks)))
		if err := s.function(i); err != nil {
			return nil, err
		}
	}
	s.firstMark = append(s.firstMark, uint32(len(s.marks)))
	s.unseen()
	s.decide()
	return s, nil
}

// decide finds the functions that need the checks.
func (s *scanner) decide() {
	cost := make([]int64, len(s.fns)+1)
	for i := range s.fns {
		if cost[i] = int64(s.fns[i].weight); len(s.fns[i].loops) > 0 {
			cost[i] = unbounded
		}
	}
	cost[s.graph.any] = unbounded
	deep := s.graph.analyse(cost)
	for i := range s.fns {
		s.fns[i].deep, s.fns[i].pays = deep[i], cost[i] > freeCall
	}
	s.anyDeep = deep[s.graph.any]
}

// unseen gives the node any its callees.
func (s *scanner) unseen() {
	m := s.m
	reach := append([]bool(nil), m.taken...)
	for _, e := range m.Exports {
		if e.Kind == Func {
			reach[e.Index] = true
		}
	}
	s.graph.first = append(s.graph.first, uint32(len(s.graph.calls)))
	for i := m.importedFuncs; i < uint32(len(m.funcs)); i++ {
		if reach[i] {
			s.graph.calls = append(s.graph.calls, i-m.importedFuncs)
		}
	}
	s.graph.first = append(s.graph.first, uint32(len(s.graph.calls)))
}

func (m *Module) codeReader(b *body) (reader, bounds) {
	return reader{buf: b.code, base: b.offset}, bounds{
		types: uint32(len(m.types)), funcs: uint32(len(m.funcs)), globals: uint32(len(m.globals)), locals: b.locals}
}

func (s *scanner) function(i int) error {
	r, lim := s.m.codeReader(&s.m.bodies[i])
	f := &s.fns[i]
	s.open = append(s.open[:0], -1)
	for len(s.open) > 0 && r.err == nil {
		f.spend(s.open[len(s.open)-1], r.plain(&lim))
		var in insn
		r.next(&in, &lim)
		if r.err == nil {
			s.instruction(&r, f, &in)
		}
	}
	return r.close("the end of the function")
}

func (s *scanner) instruction(r *reader, f *fn, in *insn) {
	at := s.open[len(s.open)-1]
	cost := 1
	if in.special(at >= 0) {
		s.marks = append(s.marks, uint32(in.start))
	}
	switch in.op {
	case opBlock, opIf:
		s.open = append(s.open, at)
	case opThrow, opThrowRef:
		f.notInnermost(at)
	case opTryTable:
		s.open = append(s.open, at)
		f.notInnermost(at)
	case opLoop:
		f.notInnermost(at)
		s.open = append(s.open, len(f.loops))
		f.loops = append(f.loops, loop{})
	case opEnd:
		s.open = s.open[:len(s.open)-1]
	case opCall, opReturnCall, opCallIndirect, opReturnCallIndirect, opCallRef, opReturnCallRef:
		s.call(f, in)
		f.notInnermost(at)
		cost = callCost
	case opRefFunc:
		s.refer(in.index)
	case opMisc:
		if in.bulkShift() != 0 {
			f.bulk = true
			f.notInnermost(at)
		}
	case opAtomic:
		if in.sub == atomicWait32 || in.sub == atomicWait64 {
			r.off = in.start
			r.fail(ErrUnsupported, "atomic wait: it would block the host without end; a guest has one thread")
		}
	}
	f.spend(at, cost)
}

// spend counts instructions in loop i, or outside of loops if that is -1.
func (f *fn) spend(i, cost int) {
	if i < 0 {
		f.weight += cost
	} else {
		f.loops[i].weight += cost
	}
}

// special reports whether a copy may have to change the instruction. In a loop, which may be split, these are also all that open, close
// or name a label.
func (in *insn) special(inLoop bool) bool {
	switch in.op {
	case opLoop, opCall, opCallIndirect, opReturnCall, opReturnCallIndirect, opCallRef, opReturnCallRef, opThrow, opThrowRef, opTryTable,
		opRefFunc, opMisc, opVector, opAtomic:
		return true
	case opBlock, opIf, opEnd, opBr, opBrIf, opBrTable, opBrOnNull, opBrOnNonNull:
		return inLoop
	}
	return false
}

// notInnermost notes that something inside loop i keeps it from being split (see meter.splitLoop).
func (f *fn) notInnermost(i int) {
	if i >= 0 {
		f.loops[i].outer = true
	}
}

func (s *scanner) refer(f uint32) {
	if s.seen == nil {
		s.seen = make([]bool, len(s.m.funcs))
	}
	if !s.seen[f] {
		s.seen[f], s.m.taken[f] = true, true
		s.refs = append(s.refs, f)
	}
}

func (s *scanner) call(f *fn, in *insn) {
	f.tailCall = f.tailCall || in.op == opReturnCallIndirect || in.op == opReturnCallRef
	s.graph.calls = append(s.graph.calls, s.callee(in))
}

// callee is the node that a call goes to.
func (s *scanner) callee(in *insn) uint32 {
	if in.op != opCall && in.op != opReturnCall || in.index < s.m.importedFuncs {
		return s.graph.any
	}
	return in.index - s.m.importedFuncs
}

// bulkShift tells how the length operand on top of the stack turns into fuel: length >> shift. It is 0 for instructions
// without a length. 64 bytes, or 8 references, are a unit.
func (in *insn) bulkShift() int32 {
	if in.op != opMisc {
		return 0
	}
	switch in.sub {
	case miscMemoryInit, 10, miscMemoryFill:
		return 6
	case miscTableInit, 14, 15, miscTableFill:
		return 3
	}
	return 0
}

// units turns a number of instructions into fuel.
func units(weight int) int32 { return int32(min(1+weight/perUnit, maxWeight)) }

// entryWeight counts the function as if every loop ran once.
func (f *fn) entryWeight() int {
	w := f.weight
	for _, l := range f.loops {
		w += l.weight
	}
	return w
}
