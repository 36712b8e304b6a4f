package engine

import "testing"

func TestMemoriesOfAnInstanceShareItsLimit(t *testing.T) {
	a := &memories{limit: 4 << 16}
	m, n := a.Allocate(0, 10<<16), a.Allocate(0, 2<<16)
	if len(m.Reallocate(3<<16)) != 3<<16 || len(n.Reallocate(1<<16)) != 1<<16 {
		t.Fatal("growth within the limit is refused")
	}
	if m.Reallocate(4<<16) != nil || n.Reallocate(2<<16) != nil {
		t.Error("both together are above the limit")
	}
	if a.used.Load() != 4<<16 {
		t.Errorf("%d bytes in use", a.used.Load())
	}
	a.release()
	if a.used.Load() != 0 || len(a.all) != 0 {
		t.Error("something is left")
	}
}
