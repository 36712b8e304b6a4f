package main

import (
	"errors"
	"unsafe"

	"github.com/wattle-io/wattle/sdk/abi"
	"github.com/wattle-io/wattle/sdk/keyvalue"
)

// What the SDK does not offer is done with the raw imports: a cas handle that outlives its call, and a listing page by page.

// maxKept is how many cas handles are kept; the host allows 1024 handles.
const maxKept = 256

var (
	handles = map[uint64]uint32{} // cas handles by version
	oldest  = uint64(1)
	newest  uint64
)

// keep remembers a handle and lets go of the oldest ones.
func keep(handle uint32) (version uint64) {
	newest++
	handles[newest] = handle
	for ; newest-oldest >= maxKept; oldest++ {
		if h, ok := handles[oldest]; ok {
			dropCAS(h)
			delete(handles, oldest)
		}
	}
	return newest
}

// open opens a bucket for the time of f.
func open(name string, f func(bucket uint32) error) error {
	c := abi.Begin()
	storeOpen(name, c.Area())
	bucket, err := c.U32(4), storeError(c, 4)
	c.End()
	if err != nil {
		return err
	}
	defer dropBucket(bucket)
	return f(bucket)
}

// storeError is the wasi:keyvalue/store.error of a result whose payload is at that offset.
func storeError(c *abi.Call, off int) error {
	if c.OK() {
		return nil
	}
	switch c.U8(off) {
	case 0:
		return keyvalue.ErrNoSuchStore
	case 1:
		return keyvalue.ErrAccessDenied
	}
	return keyvalue.Other(c.String(off + 4))
}

// snapshot makes a cas handle of a key and reads what it holds.
func snapshot(bucket uint32, key string) (handle uint32, value []byte, ok bool, err error) {
	c := abi.Begin()
	defer c.End()
	casNew(bucket, key, c.Area())
	if err := storeError(c, 4); err != nil {
		return 0, nil, false, err
	}
	handle = c.U32(4)
	casCurrent(handle, c.Area())
	if err := storeError(c, 4); err != nil {
		return 0, nil, false, err
	}
	if ok = c.U8(4) != 0; ok {
		value = c.Bytes(8)
	}
	return handle, value, ok, nil
}

//go:wasmexport test:kvprobe/store@1.0.0#get
func get(bucket, bucketSize, key, keySize uint32) uint32 {
	var version uint64
	var value []byte
	var ok bool
	err := open(abi.String(bucket, bucketSize), func(b uint32) error {
		handle, v, found, err := snapshot(b, abi.String(key, keySize))
		if err == nil {
			version, value, ok = keep(handle), v, found
		}
		return err
	})
	var w abi.Writer
	if !fail(&w, 8, err) {
		w.Bool(ok)
		w.Align(8)
		w.U64(version)
		w.Bytes(value)
	}
	return w.Return()
}

//go:wasmexport test:kvprobe/store@1.0.0#swap
func swap(bucket, bucketSize, key, keySize, value, valueSize uint32, version uint64) uint32 {
	next := abi.Bytes(value, valueSize)
	if version == 0 {
		return done(create(abi.String(bucket, bucketSize), abi.String(key, keySize), next))
	}
	handle, ok := handles[version]
	switch {
	case version < oldest || version > newest:
		return done(errors.New("internal: version is not known here any more"))
	case !ok: // a swap has used it up, and so the value has changed
		return done(errConflict)
	}
	delete(handles, version)
	return done(trySwap(handle, next))
}

// create swaps a key that does not exist.
func create(bucket, key string, value []byte) error {
	return open(bucket, func(b uint32) error {
		handle, _, ok, err := snapshot(b, key)
		if err == nil && ok {
			dropCAS(handle)
			err = errConflict
		}
		if err != nil {
			return err
		}
		return trySwap(handle, value)
	})
}

// trySwap uses the handle up.
func trySwap(handle uint32, value []byte) error {
	c := abi.Begin()
	defer c.End()
	casSwap(handle, unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), c.Area())
	switch {
	case c.OK():
		return nil
	case c.U8(4) == 0:
		return storeError(c, 8)
	}
	dropCAS(c.U32(8))
	return errConflict
}

//go:wasmexport test:kvprobe/store@1.0.0#list-keys
func listKeys(bucket, bucketSize uint32, some uint32, cursor, cursorSize uint32) uint32 {
	var keys []string
	var next string
	var more bool
	err := open(abi.String(bucket, bucketSize), func(b uint32) error {
		c := abi.Begin()
		defer c.End()
		bucketListKeys(b, some != 0, abi.String(cursor, cursorSize), c.Area())
		if err := storeError(c, 4); err != nil {
			return err
		}
		r, n := c.List(4, 8)
		for range n {
			keys = append(keys, r.String())
		}
		if more = c.U8(12) != 0; more {
			next = c.String(16)
		}
		return nil
	})
	var w, list abi.Writer
	if !fail(&w, 4, err) {
		for _, k := range keys {
			list.String(k)
		}
		w.List(&list, len(keys))
		w.Bool(more)
		w.String(next)
	}
	return w.Return()
}

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 open
func storeOpen(name string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [resource-drop]bucket
func dropBucket(self uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.list-keys
func bucketListKeys(self uint32, some bool, cursor string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [static]cas.new
func casNew(bucket uint32, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [method]cas.current
func casCurrent(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 swap
func casSwap(self uint32, value unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [resource-drop]cas
func dropCAS(self uint32)
