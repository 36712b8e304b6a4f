//go:build wasip1

// Command goguest is a guest in standard Go for the tests of host/engine. It speaks the Canonical ABI by hand: addresses are
// 32 bits wide there, so nothing but numbers is passed.
package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"
)

var (
	blocks  = map[uintptr][]byte{} // what cabi_realloc has handed out during this call
	ret     [2]uint32              // return area
	started = time.Now()
	keep    [][]byte
)

func init() { fmt.Fprintln(os.Stderr, "goguest is initialized") }

//go:wasmexport cabi_realloc
func realloc(_, _, align, size uint32) uint32 {
	b := make([]byte, size+align)
	p := (uintptr(unsafe.Pointer(&b[0])) + uintptr(align) - 1) &^ (uintptr(align) - 1)
	blocks[p] = b
	return uint32(p)
}

//go:wasmimport test:guest/host@1.0.0 tick
func tick(p unsafe.Pointer, n uint32) uint32

//go:wasmexport test:guest/calls@1.0.0#work
func work(p, n uint32) uint32 {
	sum := tick(unsafe.Pointer(uintptr(p)), n)
	clear(blocks)
	return sum
}

//go:wasmexport test:guest/calls@1.0.0#blob
func blob(p, n uint32) uint32 {
	runtime.GC()
	ret = [2]uint32{p, n}
	return uint32(uintptr(unsafe.Pointer(&ret)))
}

//go:wasmexport cabi_post_test:guest/calls@1.0.0#blob
func blobPost(uint32) { clear(blocks) }

//go:wasmexport test:guest/hostile@1.0.0#exhaust
func exhaust() uint32 {
	for {
		keep = append(keep, make([]byte, 1<<20))
	}
}

//go:wasmexport test:guest/hostile@1.0.0#recurse
func recurse(n uint32) uint32 {
	if n == 1<<31 {
		return 0
	}
	return recurse(n+1) + 1
}

//go:wasmexport test:guest/hostile@1.0.0#spin
func spin() {
	for {
	}
}

//go:wasmexport test:guest/hostile@1.0.0#wait
func wait() { time.Sleep(time.Hour) }

//go:wasmexport test:guest/hostile@1.0.0#ok
func ok() uint32 {
	fmt.Println("ok at", time.Now().Year() > 2020, os.Getenv("NAME"))
	return 42
}

//go:wasmexport test:guest/hostile@1.0.0#exit
func exit(code uint32) { os.Exit(int(code)) }

func main() {}
