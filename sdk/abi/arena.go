package abi

// blockSize is the size of the arena's first block, which stays; all that most calls need fits in it, so that
// cabi_realloc does not allocate and no garbage collection starts while the host waits for an address.
const blockSize = 16 << 10

// arena is where the host puts values: blocks of Go memory, handed out from their start to their end. It is reset at
// the boundaries of calls. Addresses are 32 bits, as everywhere in a wasm32 memory.
type arena struct {
	blocks []block
	used   int    // bytes of the last block
	inCall bool   // a call of an import is under way
	read   bool   // an export has read its parameters: the next ones may overwrite them
	target []byte // if set, takes the next allocation that fits
	taken  bool   // target is in use
}

type block struct {
	addr uint32
	buf  []byte
}

// mark is a position in an arena.
type mark struct{ blocks, used int }

func (a *arena) mark() mark { return mark{len(a.blocks), a.used} }

// reset frees everything allocated since the mark, apart from the first block.
func (a *arena) reset(m mark) {
	a.target, a.taken = nil, false
	if m.blocks == 0 && len(a.blocks) > 0 {
		m = mark{1, 0}
	}
	clear(a.blocks[m.blocks:])
	a.blocks, a.used = a.blocks[:m.blocks], m.used
}

// realloc is cabi_realloc: n bytes at an address that is a multiple of align, with the first size bytes of old copied.
func (a *arena) realloc(old, size, align, n uint32) uint32 {
	if a.read && !a.inCall { // parameters of the next export
		a.read = false
		a.reset(mark{})
	}
	if n == 0 {
		return align // any aligned address but null
	}
	prev := a.find(old, size)
	p := a.alloc(align, n)
	copy(a.find(p, n), prev)
	return p
}

func (a *arena) alloc(align, n uint32) uint32 {
	if len(a.target) >= int(n) && !a.taken && align == 1 {
		a.taken = true
		return address(a.target)
	}
	if len(a.blocks) > 0 {
		b := a.blocks[len(a.blocks)-1]
		if off := (a.used + int(align) - 1) &^ (int(align) - 1); off+int(n) <= len(b.buf) {
			a.used = off + int(n)
			return b.addr + uint32(off)
		}
	}
	a.grow(int(n))
	a.used = int(n)
	return a.blocks[len(a.blocks)-1].addr
}

// grow adds a block for at least n bytes. Blocks double, so that a list of many small values needs few.
func (a *arena) grow(n int) {
	size := blockSize
	if len(a.blocks) > 0 {
		size = min(2*len(a.blocks[len(a.blocks)-1].buf), 1<<20)
	}
	b := make([]byte, max(size, n))
	a.blocks = append(a.blocks, block{address(b), b})
}

// find gives the n bytes at that address, or nil if they are not the arena's.
func (a *arena) find(ptr, n uint32) []byte {
	for i := len(a.blocks) - 1; i >= 0; i-- {
		b := a.blocks[i]
		if off := uint64(ptr) - uint64(b.addr); ptr >= b.addr && off+uint64(n) <= uint64(len(b.buf)) {
			return b.buf[off : off+uint64(n) : off+uint64(n)]
		}
	}
	if len(a.target) >= int(n) && n > 0 && ptr == address(a.target) {
		return a.target[:n]
	}
	return nil
}

// list is find for n elements of size bytes each.
func (a *arena) list(ptr, n, size uint32) []byte {
	if total := uint64(n) * uint64(size); total <= 1<<32-1 {
		return a.find(ptr, uint32(total))
	}
	return nil
}
