//go:build !unix

package wasi

// openNonblock has no meaning here: directories do not hold pipes.
const openNonblock = 0
