// Package abi is the Canonical ABI of the component model (CanonicalABI.md): how a WIT value lies in a guest's linear
// memory and on its flat stack.
//
// It lifts (guest to value encoding) and lowers (value encoding to guest), see package wit for the encoding, and keeps the table
// of resource handles of a component instance. Types are compiled once into layouts, and lift and lower interpret them, so that a
// host can pass on values of interfaces that it has never seen, without a Go value in between.
//
// It is not an engine: memory and realloc come through the Guest interface, and it knows no WebAssembly runtime.
// Everything that a guest or a caller hands in is hostile: it is checked here, and the answer to a bad value is an *Error.
package abi

import (
	"errors"
	"fmt"
)

// ValType is a core WebAssembly value type, with its code of the binary format.
type ValType = byte

// The core types that component values flatten to.
const (
	I32 ValType = 0x7f
	I64 ValType = 0x7e
	F32 ValType = 0x7d
	F64 ValType = 0x7c
)

// Limits of the flat form (CanonicalABI.md, "Flattening"): functions with more parameters or results pass them in memory.
const (
	MaxFlatParams  = 16
	MaxFlatResults = 1
)

// Encoding is how a guest's strings lie in its memory.
type Encoding uint8

// The string encodings of the canonical options.
const (
	UTF8 Encoding = iota
	UTF16
	Latin1OrUTF16
)

// DefaultMaxBytes bounds the encoding of the values of one lift. A guest can point at the same bytes many times, so
// that its memory does not bound the size of its values.
const DefaultMaxBytes = 64 << 20

// The kinds of errors.
var (
	ErrType   = errors.New("type cannot be passed")  // a type without a layout: reserved for WASI 0.3, empty, too large, too deep
	ErrGuest  = errors.New("guest broke the ABI")    // the guest's pointer, discriminant, string, … is invalid
	ErrValue  = errors.New("malformed value")        // the encoded value handed in is not of its type
	ErrHandle = errors.New("bad handle")             // the guest used a handle that it does not have, or not like this
	ErrTable  = errors.New("too many open handles")  // the limit of a handle table is reached
	ErrSize   = errors.New("value too large")        // the guest's value exceeds Context.MaxBytes
	ErrCalled = errors.New("call into guest failed") // realloc trapped; the cause is in the chain
)

// Error says what was wrong with a value, a type or a handle.
type Error struct {
	Kind error  // one of the Err… above
	Msg  string // what was wrong
	Err  error  // the cause, if any
}

// Error gives "abi: kind: msg".
func (e *Error) Error() string {
	s := "abi: " + e.Kind.Error() + ": " + e.Msg
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes the kind and the cause matchable.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func errorf(kind error, format string, a ...any) *Error {
	return &Error{Kind: kind, Msg: fmt.Sprintf(format, a...)}
}

// fail unwinds the compiler of types to its exported function, whose catch returns the error. Lift and lower do not use it: they are
// called often, and a deferred recover costs as much as a small value.
func fail(kind error, format string, a ...any) { panic(errorf(kind, format, a...)) }

// catch turns the panic of fail into an error. Other panics are mistakes here: they go on.
func catch(err *error) {
	switch e := recover().(type) {
	case nil:
	case *Error:
		*err = e
	default:
		panic(e)
	}
}
