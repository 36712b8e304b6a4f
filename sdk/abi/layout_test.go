package abi

import (
	"math"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// handOver puts what w holds where a host would put a parameter, and gives a reader of it.
func handOver(w *Writer) Reader {
	ptr, n := put(&memory, 8, w.buf)
	return List(ptr, n, 1)
}

// text puts a string where a host would, and writes its address.
func text(w *Writer, s string) {
	ptr, n := put(&memory, 1, []byte(s))
	w.U32(ptr)
	w.U32(n)
}

func TestFieldsAreAlignedToTheirSize(t *testing.T) {
	var w Writer
	w.U8(1)
	w.U16(2)
	w.U8(3)
	w.U32(4)
	w.U8(5)
	w.U64(6)
	w.Bool(true)
	w.F32(1.5)
	w.F64(math.Inf(-1))
	w.Align(8)
	if len(w.buf) != 40 {
		t.Errorf("%d bytes, want 40", len(w.buf))
	}
	if uintptr(w.Pointer())%8 != 0 {
		t.Errorf("%p is not aligned", w.Pointer())
	}
	r := handOver(&w)
	if a, b, c, d, e, f, g, h, i := r.U8(), r.U16(), r.U8(), r.U32(), r.U8(), r.U64(), r.Bool(), r.F32(), r.F64(); a != 1 || b != 2 ||
		c != 3 || d != 4 || e != 5 || f != 6 || !g || h != 1.5 || !math.IsInf(i, -1) {
		t.Error(a, b, c, d, e, f, g, h, i)
	}
	if r.Len() != 0 {
		t.Errorf("%d bytes left", r.Len())
	}
}

func TestListsOfRecordsAreRead(t *testing.T) {
	memory = arena{}
	var inner, w Writer
	for _, s := range []string{"a", "", "ccc"} { // record { flag: bool, name: string, data: list<u8> }
		inner.Bool(s != "")
		text(&inner, s)
		text(&inner, s+s)
	}
	ptr, _ := put(&memory, 4, inner.buf)
	w.U32(ptr)
	w.U32(3)
	r := handOver(&w)
	list, n := r.List(20)
	var got strings.Builder
	for range n {
		if list.Bool() {
			got.WriteByte('!')
		}
		got.WriteString(list.String() + "," + string(list.Bytes()) + ";")
	}
	if got.String() != "!a,aa;,;!ccc,cccccc;" {
		t.Errorf("got %s", got.String())
	}
}

func TestPastTheEndThereIsNothing(t *testing.T) {
	memory = arena{}
	r := List(1, 100, 1<<20)
	if r.U8() != 0 || r.U64() != 0 || r.String() != "" || r.Bytes() == nil || r.Len() != 0 {
		t.Error("read something")
	}
	r.Skip(1 << 30)
	if list, n := r.List(1 << 30); n != 0 || list.U32() != 0 {
		t.Error("read a list")
	}
}

func TestWhatAWriterRefersToStaysAlive(t *testing.T) {
	freed := make(chan struct{}, 1)
	w := &Writer{}
	func() {
		b := make([]byte, 1<<16)
		runtime.AddCleanup(&b[0], func(c chan struct{}) { c <- struct{}{} }, freed)
		var list Writer
		list.Bytes(b)
		w.List(&list, 1)
	}()
	w.Return()
	for range 3 {
		runtime.GC()
	}
	select {
	case <-freed:
		t.Fatal("a returned value was freed")
	default:
	}
	ReturnString("next") // now it may go
	for range 100 {
		runtime.GC()
		select {
		case <-freed:
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("the value of an earlier return is kept for ever")
}

func TestReturnedStringsAreReadByTheHost(t *testing.T) {
	ReturnString("greetings")
	r := Reader{buf: result.buf}
	if p, n := r.U32(), r.U32(); p != uint32(uintptr(result.refs[0])) || n != 9 || unsafe.String((*byte)(result.refs[0]), 9) != "greetings" {
		t.Errorf("returned %d bytes at %#x", n, p)
	}
	ReturnBytes(nil)
	r = Reader{buf: result.buf}
	if p, n := r.U32(), r.U32(); p == 0 || n != 0 {
		t.Errorf("an empty list is %d bytes at %d", n, p)
	}
}

func TestAResetWriterDoesNotAllocate(t *testing.T) {
	var w Writer
	allocs := testing.AllocsPerRun(100, func() {
		w.Reset()
		for range 8 {
			w.String("Content-Type")
			w.String("text/plain")
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// FuzzReader reads hostile lists: nothing may panic or be read from outside the arena.
func FuzzReader(f *testing.F) {
	f.Add([]byte{}, uint32(0), uint32(0))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, uint32(4), uint32(2))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), uint32(1<<32-1), uint32(1<<32-1))
	f.Fuzz(func(t *testing.T, b []byte, n, size uint32) {
		memory = arena{}
		ptr, _ := put(&memory, 8, b)
		r := List(ptr, n, size)
		if r.Len() > len(memory.blocks)*blockSize+len(b) {
			t.Fatalf("a list of %d bytes", r.Len())
		}
		for i := 0; i < 32 && r.Len() > 0; i++ {
			switch r.U8() % 8 {
			case 0:
				_ = r.String()
			case 1:
				_ = r.Bytes()
			case 2:
				l, _ := r.List(size)
				_ = l.String()
			case 3:
				r.U16()
			case 4:
				r.F64()
			case 5:
				r.Align(8)
			case 6:
				r.Skip(3)
			case 7:
				r.U32()
			}
		}
	})
}
