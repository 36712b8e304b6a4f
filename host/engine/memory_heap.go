//go:build !(linux || darwin)

package engine

// region is the bytes of a memory, in Go's heap: this system has no portable way to reserve address space.
type region struct{ heap []byte }

func (r *region) resize(size, _ uint64) []byte {
	if size > uint64(len(r.heap)) || r.heap == nil {
		b := make([]byte, size)
		copy(b, r.heap)
		r.heap = b
	}
	return r.heap
}

func (r *region) free() { *r = region{} }
