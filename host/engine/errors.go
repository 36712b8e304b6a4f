package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/sys"

	"github.com/wattle-io/wattle/host/abi"
)

// The kinds of errors of calls. Whatever ends a call early, its instance is thrown away; other calls go on.
var (
	ErrTrap     = errors.New("guest trapped")         // unreachable, out of bounds, an invalid value or handle, exit, a host function's error
	ErrDeadline = errors.New("deadline exceeded")     // the call took longer than its limit or its caller's deadline
	ErrCanceled = errors.New("call canceled")         // the caller gave up
	ErrMemory   = errors.New("memory limit")          // the guest's memory does not fit the limit
	ErrStack    = errors.New("stack limit")           // runaway recursion
	ErrHandles  = errors.New("too many open handles") // Limits.Handles
)

// The other kinds: of calls that did not begin, of modules, of pools.
var (
	ErrBusy          = errors.New("busy")             // all instances work and the queue is full
	ErrClosed        = errors.New("closed")           // the pool or engine is closing or closed
	ErrNoFunc        = errors.New("no such function") // the program does not export it
	ErrInvalidModule = errors.New("invalid module")   // not WebAssembly, or not what this host can run
	ErrImport        = errors.New("missing imports")  // the host lacks functions that the program imports
	ErrBadValue      = errors.New("malformed value")  // arguments of the caller, or the result of a host function, are not of their type
	ErrHandleResult  = errors.New("handle in result") // Func.Call of a function that returns handles; see CallHandles
)

// ErrStopped is the cause of an ErrClosed whose call had begun: the guest may have done a part of it. Without it the call has not begun.
var ErrStopped = errors.New("stopped while it ran")

// Error is what went wrong with a module or a call.
type Error struct {
	Kind  error  // one of the Err… above
	Msg   string // what was refused and why
	Trace string // the guest's stack, innermost function first, if it trapped
	Err   error  // the cause, if any; the error of a host function for instance
}

// Error gives "kind: msg".
func (e *Error) Error() string {
	if e.Msg == "" {
		return "engine: " + e.Kind.Error()
	}
	return "engine: " + e.Kind.Error() + ": " + e.Msg
}

// Unwrap makes the kind and the cause matchable. A deadline is also context.DeadlineExceeded, a cancellation context.Canceled.
func (e *Error) Unwrap() []error {
	out := []error{e.Kind}
	switch e.Kind {
	case ErrDeadline:
		out = append(out, context.DeadlineExceeded)
	case ErrCanceled:
		out = append(out, context.Canceled)
	}
	if e.Err != nil {
		out = append(out, e.Err)
	}
	return out
}

// ImportError lists the functions that a program imports and its host does not offer.
type ImportError struct {
	Missing []string // "interface#function", sorted
}

// Error names all of them.
func (e *ImportError) Error() string {
	return fmt.Sprintf("engine: %v: %s", ErrImport, strings.Join(e.Missing, ", "))
}

// Unwrap gives ErrImport.
func (e *ImportError) Unwrap() error { return ErrImport }

func errorf(kind error, format string, a ...any) *Error {
	return &Error{Kind: kind, Msg: fmt.Sprintf(format, a...)}
}

// stopped is the error of a call that the end of its pool cut off.
func stopped() *Error {
	return &Error{Kind: ErrClosed, Msg: "the pool was closed before the call was done", Err: ErrStopped}
}

// invalid wraps the error of a decoder or compiler.
func invalid(err error) *Error {
	return &Error{Kind: ErrInvalidModule, Msg: firstLine(err.Error()), Err: err}
}

// callError types the error of a call into a guest: what unwound it (our own *Error), or what wazero says of a trap.
func callError(err error) *Error {
	if err == nil {
		return nil
	}
	msg, trace, _ := strings.Cut(err.Error(), "\nwasm stack trace:\n")
	var ours *Error
	if errors.As(err, &ours) {
		if ours.Trace == "" {
			ours.Trace = cleanTrace(trace)
		}
		return ours
	}
	e := &Error{Kind: ErrTrap, Msg: strings.TrimPrefix(msg, "wasm error: "), Trace: cleanTrace(trace), Err: err}
	var exit *sys.ExitError
	switch {
	case errors.As(err, &exit):
		e.Msg = fmt.Sprintf("the guest exited with code %d", exit.ExitCode())
	case strings.Contains(msg, "stack overflow"):
		e.Kind = ErrStack
	case strings.HasSuffix(msg, recovered):
		e.Msg = "a host function panicked: " + strings.TrimSuffix(msg, recovered)
	}
	return e
}

// recovered is how wazero marks a Go panic that was not a trap. The whole text, with Go's stack, is that of Error.Err.
const recovered = " (recovered by wazero)"

func cleanTrace(s string) string {
	s, _, _ = strings.Cut(s, "\n\nGo runtime stack trace:")
	return strings.ReplaceAll(strings.TrimSpace(s), "\n\t", "\n")
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// valueError types an error of package abi.
func valueError(err error) *Error {
	var called *Error
	switch {
	case errors.As(err, &called):
		return called // what unwound realloc
	case errors.Is(err, abi.ErrCalled):
		e := callError(errors.Unwrap(err))
		return e
	case errors.Is(err, abi.ErrTable):
		return &Error{Kind: ErrHandles, Msg: err.Error(), Err: err}
	case errors.Is(err, abi.ErrValue):
		return &Error{Kind: ErrBadValue, Msg: err.Error(), Err: err}
	}
	return &Error{Kind: ErrTrap, Msg: err.Error(), Err: err}
}
