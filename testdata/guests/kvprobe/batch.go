package main

import (
	"github.com/wattle-io/wattle/sdk/abi"
	"github.com/wattle-io/wattle/sdk/keyvalue"
)

// strings reads a list<string>.
func strings(ptr, n uint32) []string {
	r := abi.List(ptr, n, 8)
	out := make([]string, n)
	for i := range out {
		out[i] = r.String()
	}
	return out
}

//go:wasmexport test:kvprobe/store@1.0.0#get-many
func getMany(bucket, bucketSize, keys, n uint32) uint32 {
	names := strings(keys, n)
	var values map[string][]byte
	err := with(abi.String(bucket, bucketSize), func(b *keyvalue.Bucket) (err error) {
		values, err = b.GetMany(names...)
		return err
	})
	var w, list abi.Writer
	if !fail(&w, 4, err) {
		for _, k := range names {
			v, ok := values[k]
			list.Align(4)
			list.Bool(ok)
			list.Bytes(v)
		}
		w.List(&list, len(names))
		w.Skip(16)
	}
	return w.Return()
}

//go:wasmexport test:kvprobe/store@1.0.0#set-many
func setMany(bucket, bucketSize, pairs, n uint32) uint32 {
	r := abi.List(pairs, n, 16)
	values := make(map[string][]byte, n)
	for range n {
		k := r.String()
		values[k] = r.Bytes()
	}
	return done(with(abi.String(bucket, bucketSize), func(b *keyvalue.Bucket) error { return b.SetMany(values) }))
}

//go:wasmexport test:kvprobe/store@1.0.0#delete-many
func deleteMany(bucket, bucketSize, keys, n uint32) uint32 {
	names := strings(keys, n)
	return done(with(abi.String(bucket, bucketSize), func(b *keyvalue.Bucket) error { return b.DeleteMany(names...) }))
}
