package config

import (
	"unsafe"

	"github.com/wattle-io/wattle/sdk/abi"
)

func get(name string) (string, bool, error) {
	c := abi.Begin()
	defer c.End()
	storeGet(name, c.Area())
	switch {
	case !c.OK():
		return "", false, storeError(c)
	case c.U8(4) == 0:
		return "", false, nil
	}
	return c.String(8), true, nil
}

func all() (map[string]string, error) {
	c := abi.Begin()
	defer c.End()
	if storeGetAll(c.Area()); !c.OK() {
		return nil, storeError(c)
	}
	r, n := c.List(4, 16) // tuple<string, string>
	m := make(map[string]string, n)
	for range n {
		key := r.String()
		m[key] = r.String()
	}
	return m, nil
}

// storeError reads the error of a result whose payload is at offset 4.
func storeError(c *abi.Call) error {
	if c.U8(4) == 0 {
		return &Error{ErrUpstream, c.String(8)}
	}
	return &Error{ErrIO, c.String(8)}
}

//go:wasmimport wasi:config/store@0.2.0-rc.1 get
func storeGet(name string, result unsafe.Pointer)

//go:wasmimport wasi:config/store@0.2.0-rc.1 get-all
func storeGetAll(result unsafe.Pointer)
