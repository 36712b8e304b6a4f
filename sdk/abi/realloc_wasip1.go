package abi

// cabiRealloc gives the host memory for a value that it is about to write: a parameter of an export or the result of an import.
//
//go:wasmexport cabi_realloc
func cabiRealloc(old, size, align, n uint32) uint32 {
	return memory.realloc(old, size, align, n)
}
