// Command kvprobe is an actor for tests: it exports the methods of a key-value store and does each of them through
// wasi:keyvalue, so that the conformance suite of the contract can run through a guest. Its interface is in kvprobe.wit.
//
// A version is the number of a cas handle that this instance keeps; so whoever swaps must talk to one instance only.
package main

import (
	"errors"

	"github.com/wattle-io/wattle/sdk/abi"
	"github.com/wattle-io/wattle/sdk/keyvalue"
)

// with opens a bucket for the time of f.
func with(bucket string, f func(b *keyvalue.Bucket) error) error {
	b, err := keyvalue.Open(bucket)
	if err != nil {
		return err
	}
	defer b.Close()
	return f(b)
}

// errConflict is a swap whose version is not the current one.
var errConflict = errors.New("conflict")

// fail writes the head of a result whose payload has that alignment, and the failure if there is an error.
func fail(w *abi.Writer, align int, err error) bool {
	w.Bool(err != nil)
	w.Align(align)
	if err == nil {
		return false
	}
	var other keyvalue.Other
	switch {
	case errors.Is(err, keyvalue.ErrNoSuchStore):
		w.U8(0)
	case errors.Is(err, keyvalue.ErrAccessDenied):
		w.U8(1)
	case errors.Is(err, errConflict):
		w.U8(3)
	case errors.As(err, &other):
		w.U8(2)
		w.String(string(other))
	default:
		w.U8(2)
		w.String(err.Error())
	}
	w.Skip(64) // the rest of any result
	return true
}

// done is the result of a function without a value.
func done(err error) uint32 {
	var w abi.Writer
	if !fail(&w, 4, err) {
		w.Skip(16)
	}
	return w.Return()
}

//go:wasmexport test:kvprobe/store@1.0.0#set
func set(bucket, bucketSize, key, keySize, value, valueSize uint32) uint32 {
	return done(with(abi.String(bucket, bucketSize), func(b *keyvalue.Bucket) error {
		return b.Set(abi.String(key, keySize), abi.Bytes(value, valueSize))
	}))
}

//go:wasmexport test:kvprobe/store@1.0.0#delete
func del(bucket, bucketSize, key, keySize uint32) uint32 {
	return done(with(abi.String(bucket, bucketSize), func(b *keyvalue.Bucket) error { return b.Delete(abi.String(key, keySize)) }))
}

//go:wasmexport test:kvprobe/store@1.0.0#exists
func exists(bucket, bucketSize, key, keySize uint32) uint32 {
	var ok bool
	err := with(abi.String(bucket, bucketSize), func(b *keyvalue.Bucket) (err error) {
		ok, err = b.Exists(abi.String(key, keySize))
		return err
	})
	var w abi.Writer
	if !fail(&w, 4, err) {
		w.Bool(ok)
		w.Skip(16)
	}
	return w.Return()
}

//go:wasmexport test:kvprobe/store@1.0.0#increment
func increment(bucket, bucketSize, key, keySize uint32, delta int64) uint32 {
	var n int64
	err := with(abi.String(bucket, bucketSize), func(b *keyvalue.Bucket) (err error) {
		n, err = b.Increment(abi.String(key, keySize), delta)
		return err
	})
	var w abi.Writer
	if !fail(&w, 8, err) {
		w.U64(uint64(n))
	}
	return w.Return()
}

func main() {}
