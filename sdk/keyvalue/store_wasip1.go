package keyvalue

import (
	"errors"
	"unsafe"

	"github.com/wattle-io/wattle/sdk/abi"
)

// store is the handle of a bucket. It is a concrete type, so that the linker leaves out the imports that an actor does not use.
type store uint32

// closed is no handle: the host counts from 1, and traps on it.
const closed store = 0

var errClosed = errors.New("the bucket is closed")

func open(name string) (store, error) {
	c := abi.Begin()
	defer c.End()
	if storeOpen(name, c.Area()); c.OK() {
		return store(c.U32(4)), nil
	}
	return 0, storeError(c, 4)
}

// storeError reads a wasi:keyvalue/store.error at that offset.
func storeError(c *abi.Call, off int) error {
	switch c.U8(off) {
	case 0:
		return ErrNoSuchStore
	case 1:
		return ErrAccessDenied
	}
	return Other(c.String(off + 4))
}

func (s store) close() {
	if s != closed {
		dropBucket(s)
	}
}

func (s store) get(key string) (value []byte, ok bool, err error) {
	if s == closed {
		return nil, false, errClosed
	}
	c := abi.Begin()
	defer c.End()
	bucketGet(s, key, c.Area())
	return optionalBytes(c)
}

// optionalBytes reads a result<option<list<u8>>, error>.
func optionalBytes(c *abi.Call) ([]byte, bool, error) {
	switch {
	case !c.OK():
		return nil, false, storeError(c, 4)
	case c.U8(4) == 0:
		return nil, false, nil
	}
	return c.Bytes(8), true, nil
}

func (s store) set(key string, value []byte) error {
	if s == closed {
		return errClosed
	}
	c := abi.Begin()
	defer c.End()
	bucketSet(s, key, unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), c.Area())
	return result(c)
}

// result reads a result<_, error>.
func result(c *abi.Call) error {
	if c.OK() {
		return nil
	}
	return storeError(c, 4)
}

func (s store) delete(key string) error {
	if s == closed {
		return errClosed
	}
	c := abi.Begin()
	defer c.End()
	bucketDelete(s, key, c.Area())
	return result(c)
}

func (s store) exists(key string) (bool, error) {
	if s == closed {
		return false, errClosed
	}
	c := abi.Begin()
	defer c.End()
	if bucketExists(s, key, c.Area()); c.OK() {
		return c.U8(4) != 0, nil
	}
	return false, storeError(c, 4)
}

func (s store) list(cursor string, more bool) (keys []string, next string, ok bool, err error) {
	if s == closed {
		return nil, "", false, errClosed
	}
	c := abi.Begin()
	defer c.End()
	if bucketListKeys(s, more, cursor, c.Area()); !c.OK() {
		return nil, "", false, storeError(c, 4)
	}
	r, n := c.List(4, 8)
	keys = make([]string, n)
	for i := range keys {
		keys[i] = r.String()
	}
	if ok = c.U8(12) != 0; ok {
		next = c.String(16)
	}
	return keys, next, ok, nil
}

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 open
func storeOpen(name string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [resource-drop]bucket
func dropBucket(self store)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.get
func bucketGet(self store, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.set
func bucketSet(self store, key string, value unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.delete
func bucketDelete(self store, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.exists
func bucketExists(self store, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.list-keys
func bucketListKeys(self store, some bool, cursor string, result unsafe.Pointer)
