package abi

// cabiRealloc gives the host memory for a value that it is about to write: parameters of an export (no call of an
// import is under way) or the result of an import.
//
//go:wasmexport cabi_realloc
func cabiRealloc(old, size, align, n uint32) uint32 {
	if memory.read {
		memory.read = false
		memory.reset(mark{})
	}
	return memory.realloc(old, size, align, n)
}
