package wasmmod

import (
	"errors"
	"fmt"
)

// The kinds of errors. Every error of this package is an *Error that wraps one of them.
var (
	// ErrMalformed: the bytes are not a WebAssembly module, or refer to something that the module does not have.
	ErrMalformed = errors.New("malformed module")
	// ErrUnsupported: the module uses a feature, an instruction or a name that Wattle does not take.
	ErrUnsupported = errors.New("unsupported module")
	// ErrTooLarge: the module exceeds one of the limits (see MaxSize).
	ErrTooLarge = errors.New("module too large")
)

// Error says what was refused and where.
type Error struct {
	Kind   error  // one of the Err… above
	Offset int    // byte offset in the module
	Msg    string // what was found, and what would be accepted
}

// Error gives "kind at byte n: msg".
func (e *Error) Error() string {
	return fmt.Sprintf("wasmmod: %v at byte %d: %s", e.Kind, e.Offset, e.Msg)
}

// Unwrap makes the kind matchable.
func (e *Error) Unwrap() error { return e.Kind }
