package wasmmod

// The instructions that the rewriter treats specially (core spec 5.4).
const (
	opBlock              = 0x02
	opLoop               = 0x03
	opIf                 = 0x04
	opElse               = 0x05
	opThrow              = 0x08
	opThrowRef           = 0x0a
	opEnd                = 0x0b
	opUnreachable        = 0x00
	opBr                 = 0x0c
	opBrIf               = 0x0d
	opBrTable            = 0x0e
	opBrOnNull           = 0xd5
	opBrOnNonNull        = 0xd6
	opCall               = 0x10
	opCallIndirect       = 0x11
	opReturnCall         = 0x12
	opReturnCallIndirect = 0x13
	opCallRef            = 0x14
	opReturnCallRef      = 0x15
	opTryTable           = 0x1f
	opLocalGet           = 0x20
	opLocalSet           = 0x21
	opLocalTee           = 0x22
	opGlobalGet          = 0x23
	opGlobalSet          = 0x24
	opI32Const           = 0x41
	opI32LtS             = 0x48
	opI32GeS             = 0x4e
	opI32Add             = 0x6a
	opI32Sub             = 0x6b
	opI32Or              = 0x72
	opI32ShrU            = 0x76
	opRefNull            = 0xd0
	opRefFunc            = 0xd2
	opMisc               = 0xfc
	opVector             = 0xfd
	opAtomic             = 0xfe

	miscMemoryInit = 8
	miscMemoryFill = 11
	miscTableInit  = 12
	miscTableFill  = 17

	atomicWait32 = 1
	atomicWait64 = 2

	emptyType = 0x40
	i32Type   = 0x7f
	funcref   = 0x70
	externref = 0x6f
	exnref    = 0x69
)

// opcodes gives the immediates of each instruction, one letter per opcode, a line per sixteen:
//
//   - none              ?  not taken              b  block type      i  index
//     l  local index       g  global index           f  function index  p  type index
//     x  type and table    t  table of labels        y  try_table       s  types of select
//     m  memory argument   z  reserved zero byte     n  s32             N  s64
//     4  four bytes        8  eight bytes            h  heap type       + 0 V A prefixes below
//
// A letter "?" is an error, never a guess: an instruction whose immediates were misread could hide a loop.
const opcodes = "" +
	"--bbb-??i?--iit-" + // 00 unreachable … throw … br br_if br_table return
	"fxfxpp????--s??y" + // 10 call call_indirect return_call … call_ref … drop select … try_table
	"lllggii?mmmmmmmm" + // 20 local global table, loads
	"mmmmmmmmmmmmmmmz" + // 30 loads, stores, memory.size
	"znN48-----------" + // 40 memory.grow, constants, comparisons
	"----------------" + "----------------" + "----------------" + "----------------" + // 50-80
	"----------------" + "----------------" + "----------------" + // 90-b0
	"-----???????????" + // c0 sign extension
	"h-f?-ii?????????" + // d0 references
	"????????????????" + // e0
	"????????????+VA?" //   f0 prefixes

// miscOpcodes are those after 0xfc: saturating conversions, bulk memory, tables. "d" is an index and a zero byte, "Z" two
// zero bytes, "x" two indexes.
const miscOpcodes = "--------diZzxixiii"

// vectorOpcodes are those after 0xfd. "L" is a memory argument and a lane, "k" a lane, "c" sixteen bytes.
const vectorOpcodes = "" +
	"mmmmmmmmmmmmcc--" + // 00 loads, store, const, shuffle
	"-----kkkkkkkkkkk" + // 10 splats, lanes
	"kkk-------------" + // 20
	"----------------" + "----------------" + // 30, 40
	"----LLLLLLLLmm--" + // 50
	"----------------" + "----------------" + "----------------" + // 60, 70, 80
	"----------?-----" + // 90
	"--?--??--------?" + // a0
	"?-???------?----" + // b0
	"--?--??--------?" + // c0
	"?-???-----------" + // d0
	"--?-----------?-" + // e0
	"----------------" //   f0

// atomicOpcodes are those after 0xfe, up to 0x4e.
const atomicOpcodes = "" +
	"mmmz????????????" + // 00 notify, wait, fence
	"mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + // 10-30
	"mmmmmmmmmmmmmmm"

// insn is one decoded instruction.
type insn struct {
	op     byte
	sub    uint32 // opcode after a prefix
	index  uint32 // first index
	start  int    // offset of the opcode
	imm    int    // offset of the immediates
	prefix bool   // op is a prefix
}

// bounds are the sizes of the index spaces as the module's author sees them. They are checked here although the engine
// validates too: the rewriter appends globals, functions and locals, and a module must not reach those.
type bounds struct {
	types, funcs, globals, locals uint32
}

// next decodes one instruction.
func (r *reader) next(in *insn, lim *bounds) {
	in.start, in.sub, in.prefix = r.off, 0, false
	in.op = r.byte()
	class := opcodes[in.op]
	switch class {
	case '+':
		class = r.prefixed(in, miscOpcodes)
	case 'V':
		class = r.prefixed(in, vectorOpcodes)
	case 'A':
		class = r.prefixed(in, atomicOpcodes)
	}
	in.imm = r.off
	r.immediates(class, in, lim)
}

// plain skips a run of instructions that are all alike to the meter: after the control instructions, without immediates or with numbers of
// one byte that are within bounds. It tells how many they are. Everything else, mistakes included, it leaves to next.
func (r *reader) plain(lim *bounds) (n int) {
	locals, globals := byte(min(lim.locals, 0x80)), byte(min(lim.globals, 0x80))
	off := r.off
	for ; len(r.buf)-off >= 3; n++ {
		b := r.buf[off : off+3]
		if b[0] < opLocalGet {
			break
		}
		size := 0
		switch class := opcodes[b[0]]; {
		case class == '-':
			size = 1
		case class == 'l' && b[1] < locals, class == 'g' && b[1] < globals, class == 'n' && b[1] < 0x80:
			size = 2
		case class == 'm' && b[1] < 32 && b[2] < 0x80:
			size = 3
		}
		if size == 0 {
			break
		}
		off += size
	}
	r.off = off
	return n
}

func (r *reader) prefixed(in *insn, classes string) byte {
	in.prefix = true
	in.sub = r.u32()
	if in.sub >= uint32(len(classes)) {
		return '?'
	}
	return classes[in.sub]
}

func (r *reader) immediates(class byte, in *insn, lim *bounds) {
	switch class {
	case '-':
	case 'l':
		in.index = r.index("local", lim.locals)
	case 'm':
		r.memarg()
	case 'n':
		r.signed(32)
	case 'b':
		r.blockType(lim)
	case 'i':
		in.index = r.u32()
	case 'f':
		in.index = r.index("function", lim.funcs)
	case 'g':
		in.index = r.index("global", lim.globals)
	case 'p':
		in.index = r.index("type", lim.types)
	case 'N':
		r.signed(64)
	case '4':
		r.take(4)
	case '8':
		r.take(8)
	case 'z':
		r.zero()
	case 'k':
		r.byte()
	default:
		r.rareImmediates(class, in, lim)
	}
}

func (r *reader) rareImmediates(class byte, in *insn, lim *bounds) {
	switch class {
	case 'x':
		if in.op == opMisc {
			r.u32()
		} else {
			r.index("type", lim.types)
		}
		r.u32()
	case 't':
		for n := uint64(r.u32()) + 1; n > 0 && r.err == nil; n-- {
			r.u32()
		}
	case 'y':
		r.tryTable(lim)
	case 's':
		if n := r.byte(); n != 1 {
			r.malformed("select with %d types", n)
		}
		r.valType(lim.types)
	case 'h':
		r.heapType(lim.types)
	case 'c':
		r.take(16)
	case 'L':
		r.memarg()
		r.byte()
	case 'd':
		r.u32()
		r.zero()
	case 'Z':
		r.zero()
		r.zero()
	default:
		r.off = in.start
		r.fail(ErrUnsupported, "instruction %#02x %#x", in.op, in.sub)
	}
}

// zero reads the byte where a memory index would stand: only one memory is taken.
func (r *reader) zero() {
	if r.byte() != 0 {
		r.fail(ErrUnsupported, "more than one memory")
	}
}

func (r *reader) memarg() {
	if align := r.u32(); align >= 32 {
		r.fail(ErrUnsupported, "memory alignment or memory index %#x", align)
	}
	r.u32()
}

func (r *reader) tryTable(lim *bounds) {
	r.blockType(lim)
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		switch kind := r.byte(); kind {
		case 0, 1:
			r.u32()
			r.u32()
		case 2, 3:
			r.u32()
		default:
			r.malformed("catch clause of kind %d", kind)
		}
	}
}

// blockType reads the type of a block: nothing, a value type or a type index, all told apart by one s33.
func (r *reader) blockType(lim *bounds) {
	switch v := r.signed(33); {
	case v == -29 || v == -28: // (ref null ht), (ref ht)
		r.heapType(lim.types)
	case v >= int64(lim.types):
		r.malformed("type %d of %d", v, lim.types)
	}
}
