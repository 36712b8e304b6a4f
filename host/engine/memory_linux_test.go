package engine

import (
	"bytes"
	"context"
	"os"
	"testing"
)

// mappings counts the memory mappings of this process that look like reservations of linear memory.
func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte("---p 00000000 00:00 0"))
}

func TestMemoriesAreUnmapped(t *testing.T) {
	e := newEngine(t, Config{})
	hostile, trap := loadProgram(t, e, guest(t, "hostile")), loadProgram(t, e, guest(t, "starttrap"))
	before := mappings(t)
	for range 50 {
		for _, p := range []*Program{hostile, trap} {
			pool, err := p.NewPool(PoolConfig{Imports: (&testHost{}).imports()})
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"ok", "exhaust", "unreachable", "exit", "ok"} {
				f, err := pool.Func("test:guest/hostile", name)
				if err != nil {
					continue
				}
				var a []byte
				if name == "exit" {
					a = u32(1)
				}
				_, _ = f.Call(context.Background(), a, nil, nil) // some fail, as they should
			}
			closePool(t, pool)
		}
	}
	if after := mappings(t); after > before+10 {
		t.Errorf("%d mappings before, %d after 250 instances", before, after)
	}
}

func TestReservedMemoryIsNotCommitted(t *testing.T) {
	a := &memories{limit: 1<<32 - 1<<16}
	defer a.release()
	m := a.Allocate(0, 1<<32)
	b := m.Reallocate(1 << 16)
	if len(b) != 1<<16 || cap(b) != 1<<16 {
		t.Fatalf("%d bytes, room for %d", len(b), cap(b))
	}
	b[0], b[len(b)-1] = 1, 2
	grown := m.Reallocate(1 << 20)
	if &grown[0] != &b[0] || grown[0] != 1 || grown[1<<16-1] != 2 || grown[1<<20-1] != 0 {
		t.Error("growth moved or changed the memory")
	}
	if m.Reallocate(1<<32) != nil {
		t.Error("grown above the limit")
	}
}
