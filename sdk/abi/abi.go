// Package abi is the guest's end of the Canonical ABI: how Go values lie in linear memory when a function of a WIT
// interface is called or implemented. The other sdk packages are written with it; an actor needs it only to export
// functions of its own interfaces, or to import interfaces that the SDK has no package for.
//
// It is not a bindings generator: the author writes the flattened signature and reads and writes values in the order and at the
// alignment of the Canonical ABI. For numbers that is nothing at all, for strings it is one call:
//
//	//go:wasmexport example:math/calc@0.1.0#add
//	func add(a, b int32) int32 { return a + b }
//
//	//go:wasmexport example:hello/greeter@0.1.0#greet
//	func greet(name, size uint32) uint32 { return abi.ReturnString(hello(abi.String(name, size))) }
//
// # Memory
//
// Go's garbage collector knows nothing of the addresses that the host holds, so this package keeps the memory behind them alive:
//
//   - What the host writes into the guest (parameters of an export, results of an import) goes through cabi_realloc into an
//     arena. String and Bytes copy out of it, so nothing that they return is ever overwritten.
//   - What an export returns stays reachable until the next export returns (Writer.Return), so that no post-return function is needed.
//   - What an import reads is kept alive by the import's own arguments: pass unsafe.Pointer or string, never a number.
//   - An import writes its result into Call.Area, which lies in a global variable: never on a stack, because a stack may
//     move while the host calls back into cabi_realloc.
//
// A parameter must not be declared as a Go string, although the compiler allows it: it would point into the arena.
//
// GOARCH=wasm has pointers of 64 bits and the Canonical ABI addresses of 32: no Go struct has the layout of a WIT record.
package abi

import (
	"runtime"
	"unsafe"
)

// areaSize holds the largest result that the SDK's imports spill: 40 bytes, result<_, error-code> of wasi:http.
const areaSize = 64

// Call is one call of an import: the area for its result, and the arena for what the host allocates meanwhile.
type Call struct {
	area [areaSize / 8]uint64 // 8-aligned
	mark mark
}

// An instance has one linear memory and runs one thing at a time, so its memory management is global.
var (
	call   Call
	memory arena
)

// Begin starts a call of an import. The caller passes Area to the import, reads the result and then calls End.
//
// A garbage collection inside cabi_realloc can let another goroutine run. It must not call the host, so it waits here until the
// call under way has ended. No lock is needed for that: an instance has one thread, which changes goroutines at calls only.
func Begin() *Call {
	for memory.inCall {
		runtime.Gosched()
	}
	memory.inCall = true
	call.mark = memory.mark()
	return &call
}

// BeginInto is Begin for an import that returns a single list<u8> of at most len(p) bytes: the host writes it straight
// into p. Into tells how much it was.
func BeginInto(p []byte) *Call {
	c := Begin()
	memory.target = p
	return c
}

// End frees what the host has allocated during the call.
func (c *Call) End() {
	memory.reset(c.mark)
	memory.inCall = false
}

// Area is where the import writes a result of up to 64 bytes: its last parameter if the flattened result has more than one value.
func (c *Call) Area() unsafe.Pointer { return unsafe.Pointer(&c.area) }

// OK reports whether a result<…> at offset 0 is the ok case.
func (c *Call) OK() bool { return c.U8(0) == 0 }

// U8 reads a byte of the result: a u8, bool, enum or discriminant at that offset, which must be less than 64.
func (c *Call) U8(off int) uint8 { return uint8(c.area[off/8] >> (off % 8 * 8)) }

// U32 reads a u32 or a handle at that offset, a multiple of 4.
func (c *Call) U32(off int) uint32 { return uint32(c.area[off/8] >> (off % 8 * 8)) }

// U64 reads a u64 or s64 at that offset, a multiple of 8.
func (c *Call) U64(off int) uint64 { return c.area[off/8] }

// String copies the string whose address and length are at that offset.
func (c *Call) String(off int) string { return string(memory.find(c.U32(off), c.U32(off+4))) }

// Bytes copies the list<u8> whose address and length are at that offset; the result is never nil.
func (c *Call) Bytes(off int) []byte { return clone(memory.find(c.U32(off), c.U32(off+4))) }

// Into is the length of the list<u8> at that offset, whose bytes are in the slice given to BeginInto, or are copied there now.
func (c *Call) Into(off int) int {
	ptr, n := c.U32(off), c.U32(off+4)
	if len(memory.target) > 0 && ptr == address(memory.target) {
		return int(min(n, uint32(len(memory.target))))
	}
	return copy(memory.target, memory.find(ptr, n))
}

// List reads the list whose address and length are at that offset; size is the size of an element in bytes. The
// reader is valid until End. The number of elements is n.
func (c *Call) List(off int, size uint32) (r Reader, n int) {
	return Reader{buf: memory.list(c.U32(off), c.U32(off+4), size)}, int(c.U32(off + 4))
}

// String copies a string parameter of an export. It is empty if the host did not put a string there.
func String(ptr, n uint32) string {
	memory.read = true
	return string(memory.find(ptr, n))
}

// Bytes copies a list<u8> parameter of an export; the result is never nil.
func Bytes(ptr, n uint32) []byte {
	memory.read = true
	return clone(memory.find(ptr, n))
}

// List reads a list parameter of an export; size is the size of an element in bytes.
func List(ptr, n, size uint32) Reader {
	memory.read = true
	return Reader{buf: memory.list(ptr, n, size)}
}

func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
