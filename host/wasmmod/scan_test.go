package wasmmod

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzPlain checks that skipping a run of plain instructions is reading them one after the other.
func FuzzPlain(f *testing.F) {
	f.Add([]byte{opLocalGet, 0, opI32Const, 1, opI32Add, 0x28, 2, 0, opGlobalSet, 1, opEnd}, uint32(1), uint32(2))
	for _, code := range [][]byte{ // each is for next
		{opLocalGet, 0x80, 1, opEnd}, {opLocalGet, 0x7f, opEnd}, {opGlobalGet, 2, opEnd}, {opI32Const, 0x80, 0, opEnd}, {0x28, 32, 0, opEnd},
		{0x28, 0, 0x80, 0, opEnd}, {opBr, 0, opEnd}, {opRefFunc, 0, opEnd}, {opMisc, 11, 0, opEnd}, {opI32Add, opEnd},
	} {
		f.Add(code, uint32(0x7f), uint32(2))
	}
	f.Fuzz(func(t *testing.T, code []byte, locals, globals uint32) {
		lim := bounds{types: 1, funcs: 1, locals: locals, globals: globals}
		fast, slow := reader{buf: code}, reader{buf: code}
		n := fast.plain(&lim)
		for range n {
			var in insn
			slow.next(&in, &lim)
			if slow.err != nil || in.op < opLocalGet || in.prefix || in.special(true) {
				t.Fatalf("% x: instruction %#x at %d was skipped, %v", code, in.op, in.start, slow.err)
			}
		}
		if fast.off != slow.off || fast.err != nil {
			t.Fatalf("% x: %d instructions, to %d, want %d", code, n, fast.off, slow.off)
		}
	})
}

func TestMostCodeIsPlain(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "bench.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	plain, all := 0, 0
	for i := range m.bodies {
		for r, lim := m.codeReader(&m.bodies[i]); r.more(); {
			n := r.plain(&lim)
			var in insn
			r.next(&in, &lim)
			plain, all = plain+n, all+n+1
		}
	}
	if all == 0 || plain < all/2 {
		t.Errorf("%d of %d instructions are skipped, want most", plain, all)
	}
}
