package keyvalue

import (
	"unsafe"

	"github.com/wattle-io/wattle/sdk/abi"
)

func (s store) getMany(keys []string) (map[string][]byte, error) {
	if s == closed {
		return nil, errClosed
	}
	w := list(keys)
	c := abi.Begin()
	defer c.End()
	if batchGet(s, w.Pointer(), uint32(len(keys)), c.Area()); !c.OK() {
		return nil, storeError(c, 4)
	}
	r, n := c.List(4, 20) // tuple<string, option<list<u8>>>
	m := make(map[string][]byte, n)
	for range n {
		key := r.String()
		some := r.Bool()
		if value := r.Bytes(); some {
			m[key] = value
		}
	}
	return m, nil
}

func (s store) setMany(values map[string][]byte) error {
	if s == closed {
		return errClosed
	}
	var w abi.Writer
	for k, v := range values {
		w.String(k)
		w.Bytes(v)
	}
	c := abi.Begin()
	defer c.End()
	batchSet(s, w.Pointer(), uint32(len(values)), c.Area())
	return result(c)
}

func (s store) deleteMany(keys []string) error {
	if s == closed {
		return errClosed
	}
	w := list(keys)
	c := abi.Begin()
	defer c.End()
	batchDelete(s, w.Pointer(), uint32(len(keys)), c.Area())
	return result(c)
}

func list(keys []string) *abi.Writer {
	w := &abi.Writer{}
	for _, k := range keys {
		w.String(k)
	}
	return w
}

//go:wasmimport wasi:keyvalue/batch@0.2.0-draft2 get-many
func batchGet(bucket store, keys unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/batch@0.2.0-draft2 set-many
func batchSet(bucket store, values unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/batch@0.2.0-draft2 delete-many
func batchDelete(bucket store, keys unsafe.Pointer, n uint32, result unsafe.Pointer)
