package abi

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// put does what a host does to hand over a list of bytes.
func put(a *arena, align uint32, b []byte) (ptr, n uint32) {
	ptr, n = a.realloc(0, 0, align, uint32(len(b))), uint32(len(b))
	copy(a.find(ptr, n), b)
	return ptr, n
}

func TestAllocationsAreAlignedAndDoNotOverlap(t *testing.T) {
	var a arena
	type span struct {
		ptr  uint32
		want []byte
	}
	var spans []span
	for i := range 4000 {
		align := uint32(1) << (i % 4)
		want := bytes.Repeat([]byte{byte(i)}, 1+i*37%2000)
		ptr, _ := put(&a, align, want)
		if ptr%align != 0 {
			t.Fatalf("allocation %d at %#x is not aligned to %d", i, ptr, align)
		}
		spans = append(spans, span{ptr, want})
	}
	runtime.GC()
	for i, s := range spans {
		if got := a.find(s.ptr, uint32(len(s.want))); !bytes.Equal(got, s.want) {
			t.Fatalf("allocation %d was overwritten", i)
		}
	}
	if len(a.blocks) > 16 {
		t.Errorf("%d blocks, but they should double", len(a.blocks))
	}
}

func TestResetKeepsWhatIsOlderThanTheMark(t *testing.T) {
	var a arena
	ptr, n := put(&a, 1, []byte("parameter"))
	m := a.mark()
	put(&a, 1, make([]byte, 3*blockSize))
	a.reset(m)
	if got := string(a.find(ptr, n)); got != "parameter" {
		t.Errorf("the parameter became %q", got)
	}
	if len(a.blocks) != 1 {
		t.Errorf("%d blocks are left", len(a.blocks))
	}
}

func TestAResetArenaDoesNotAllocate(t *testing.T) {
	var a arena
	allocs := testing.AllocsPerRun(100, func() {
		a.realloc(0, 0, 8, 1000)
		a.realloc(0, 0, 1, 1000)
		a.reset(mark{})
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestReallocCopies(t *testing.T) {
	var a arena
	ptr, n := put(&a, 1, []byte("grow"))
	grown := a.realloc(ptr, n, 1, 10)
	if got := string(a.find(grown, 4)); got != "grow" {
		t.Errorf("got %q", got)
	}
	shrunk := a.realloc(grown, 10, 1, 2)
	if got := string(a.find(shrunk, 2)); got != "gr" {
		t.Errorf("got %q", got)
	}
}

func TestNothingIsFoundOutsideTheArena(t *testing.T) {
	var a arena
	if a.find(0, 1) != nil || a.find(8, 0) != nil {
		t.Error("an empty arena has memory")
	}
	ptr, _ := put(&a, 1, make([]byte, blockSize))
	for _, c := range [][2]uint32{{ptr, blockSize + 1}, {ptr + blockSize, 1}, {ptr - 1, 1}, {ptr, 1<<32 - 1}, {1<<32 - 1, 1<<32 - 1}} {
		if a.find(c[0], c[1]) != nil {
			t.Errorf("found %d bytes at %#x", c[1], c[0])
		}
	}
	if a.list(ptr, 1<<31, 16) != nil {
		t.Error("found a list of 2^35 bytes")
	}
	if p := a.realloc(0, 0, 8, 0); p != 8 {
		t.Errorf("an empty allocation is at %d", p)
	}
}

// lower does what a host does to return a list of bytes from an import: ptr and length go to offset off.
func lower(c *Call, off int, b []byte) {
	ptr, n := put(&memory, 1, b)
	*(*uint32)(unsafe.Add(c.Area(), off)) = ptr
	*(*uint32)(unsafe.Add(c.Area(), off+4)) = n
}

func TestResultsOfAnImportAreCopies(t *testing.T) {
	c := Begin()
	lower(c, 8, []byte("apples"))
	s, b := c.String(8), c.Bytes(8)
	c.End()
	c = Begin()
	lower(c, 8, []byte("XXXXXX"))
	c.End()
	if s != "apples" || string(b) != "apples" {
		t.Errorf("later calls changed the results to %q and %q", s, b)
	}
}

func TestBeginIntoReceivesInPlace(t *testing.T) {
	p := make([]byte, 8)
	c := BeginInto(p)
	lower(c, 8, []byte("apples"))
	n := c.Into(8)
	c.End()
	if n != 6 || string(p[:n]) != "apples" {
		t.Errorf("got %q", p[:n])
	}
	if len(memory.blocks) > 1 || memory.used != 0 {
		t.Error("the arena was used")
	}
}

func TestBeginIntoCopiesWhatTheHostPutElsewhere(t *testing.T) {
	p := make([]byte, 4)
	c := BeginInto(p)
	lower(c, 8, []byte("more than fits"))
	n := c.Into(8)
	c.End()
	if n != 4 || string(p) != "more" {
		t.Errorf("got %q", p[:n])
	}
}

func TestCallReadsTheArea(t *testing.T) {
	c := Begin()
	defer c.End()
	c.area = [8]uint64{0x1122334455667700, 0x8000000000000001}
	if !c.OK() || c.U8(1) != 0x77 || c.U8(7) != 0x11 || c.U32(4) != 0x11223344 || c.U64(8) != 1<<63+1 {
		t.Errorf("read %v %#x %#x %#x %#x", c.OK(), c.U8(1), c.U8(7), c.U32(4), c.U64(8))
	}
}

func TestParametersSurviveImportsAndMakeWayForTheNext(t *testing.T) {
	memory = arena{}
	for i := range 100 {
		name := strings.Repeat("n", 1000+i)
		p1, n1 := put(&memory, 1, []byte(name))
		p2, n2 := put(&memory, 1, []byte("second"))
		if got := String(p1, n1); got != name {
			t.Fatalf("call %d: parameter is %q", i, got)
		}
		c := Begin()
		lower(c, 0, make([]byte, blockSize))
		c.End()
		if got := string(Bytes(p2, n2)); got != "second" {
			t.Fatalf("call %d: after an import the second parameter is %q", i, got)
		}
	}
	if len(memory.blocks) != 1 {
		t.Errorf("%d blocks: parameters of earlier calls were kept", len(memory.blocks))
	}
}

func TestAnImportAfterAnExportReadItsParametersWorks(t *testing.T) {
	memory = arena{}
	p, n := put(&memory, 1, make([]byte, 2*blockSize)) // more than one block
	Bytes(p, n)
	c := Begin()
	lower(c, 0, []byte("result"))
	got := c.String(0)
	c.End()
	if got != "result" {
		t.Errorf("got %q", got)
	}
}
