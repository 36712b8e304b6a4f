package keyvalue

import (
	"unsafe"

	"github.com/wattle-io/wattle/sdk/abi"
)

func (s store) increment(key string, delta int64) (int64, error) {
	if s == closed {
		return 0, errClosed
	}
	c := abi.Begin()
	defer c.End()
	if atomicsIncrement(s, key, delta, c.Area()); c.OK() {
		return int64(c.U64(8)), nil
	}
	return 0, storeError(c, 8)
}

// cas is the handle of a compare-and-swap under way; 0 is none.
type cas uint32

func (s store) cas(key string) (cas, error) {
	if s == closed {
		return 0, errClosed
	}
	c := abi.Begin()
	defer c.End()
	if casNew(s, key, c.Area()); c.OK() {
		return cas(c.U32(4)), nil
	}
	return 0, storeError(c, 4)
}

func (h cas) current() (value []byte, ok bool, err error) {
	c := abi.Begin()
	defer c.End()
	casCurrent(h, c.Area())
	return optionalBytes(c)
}

// swap uses the handle up. If the value had changed it answers another handle, for the next attempt.
func (h cas) swap(value []byte) (retry cas, swapped bool, err error) {
	c := abi.Begin()
	defer c.End()
	casSwap(h, unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), c.Area())
	switch {
	case c.OK():
		return 0, true, nil
	case c.U8(4) == 0:
		return 0, false, storeError(c, 8)
	}
	return cas(c.U32(8)), false, nil
}

func (h cas) close() {
	if h != 0 {
		dropCAS(h)
	}
}

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 increment
func atomicsIncrement(bucket store, key string, delta int64, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [static]cas.new
func casNew(bucket store, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [method]cas.current
func casCurrent(self cas, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 swap
func casSwap(self cas, value unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [resource-drop]cas
func dropCAS(self cas)
