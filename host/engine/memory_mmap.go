//go:build linux || darwin

package engine

import (
	"math/bits"
	"syscall"
)

// region is the bytes of a memory: address space reserved for its maximum, of which the used part is accessible. So it never
// moves, costs nothing to grow, and goes back to the system whole.
type region struct {
	reserved  []byte
	committed uint64
	heap      []byte // on 32-bit systems, whose address space is too small for reservations
}

// resize makes size bytes accessible. It gives nil if the system refuses.
func (r *region) resize(size, maximum uint64) []byte {
	if bits.UintSize < 64 {
		return r.resizeHeap(size)
	}
	if r.reserved == nil && maximum > 0 {
		b, err := syscall.Mmap(-1, 0, int(maximum), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			return nil
		}
		r.reserved = b
	}
	if size > r.committed {
		if err := syscall.Mprotect(r.reserved[r.committed:size], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
			return nil
		}
		r.committed = size
	}
	if r.reserved == nil {
		return []byte{}
	}
	return r.reserved[:size:size]
}

func (r *region) resizeHeap(size uint64) []byte {
	if size > uint64(len(r.heap)) || r.heap == nil {
		b := make([]byte, size)
		copy(b, r.heap)
		r.heap = b
	}
	return r.heap
}

func (r *region) free() {
	if r.reserved != nil {
		_ = syscall.Munmap(r.reserved) // it fails only for an address that is not mapped
	}
	*r = region{}
}
