package engine

import (
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
)

// maxMemory is the most memory that an instance may be given: its size must fit in 32 bits.
const maxMemory = 1<<32 - pageSize

const pageSize = 1 << 16

// memories are the linear memories of one instance, within its limit. They lie outside of Go's heap where the
// system can do it.
//
// wazero frees a memory as soon as its module is closed, also when the guest closes it itself (proc_exit), while Go code may still have
// a view of it. So Free does nothing here; release frees all of them when no call is left.
type memories struct {
	limit uint64

	mu   sync.Mutex
	used atomic.Uint64 // written under mu
	all  []*memory     // guarded by mu
}

var _ experimental.MemoryAllocator = (*memories)(nil)

// Allocate is called by wazero for each memory of the instance.
func (a *memories) Allocate(_, maximum uint64) experimental.LinearMemory {
	m := &memory{owner: a, maximum: min(maximum, a.limit)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, m)
	return m
}

// at is the memory that begins at first.
func (a *memories) at(first *byte) *memory {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.all {
		if len(m.bytes) > 0 && &m.bytes[0] == first {
			return m
		}
	}
	return nil
}

// release frees the memories. Whoever touches one after that crashes the process.
func (a *memories) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.all {
		m.region.free()
		m.size, m.bytes = 0, nil
	}
	a.all = nil
	a.used.Store(0)
}

// memory is one linear memory.
type memory struct {
	owner   *memories
	maximum uint64
	size    uint64 // guarded by owner.mu
	bytes   []byte // for the goroutine of the instance
	region  region
}

// Reallocate grows the memory; nil tells wazero, and through it the guest, that the limit does not allow it.
func (m *memory) Reallocate(size uint64) []byte {
	m.owner.mu.Lock()
	defer m.owner.mu.Unlock()
	used := m.owner.used.Load() - m.size + size
	if size > m.maximum || used > m.owner.limit {
		return nil
	}
	b := m.region.resize(size, m.maximum)
	if b == nil {
		return nil
	}
	m.size, m.bytes = size, b
	m.owner.used.Store(used)
	return b
}

// Free see memories.
func (m *memory) Free() {}
