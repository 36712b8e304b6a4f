package lattice

import (
	"context"
	"errors"
)

// The kinds of errors. A kind survives the wire: errors.Is(err, lattice.ErrDenied) is true on the calling host when the
// called host refused.
var (
	ErrDenied      = errors.New("denied")      // a rule forbids it: claims, grants, trust, policy
	ErrNoLink      = errors.New("no link")     // nothing links the caller to the contract
	ErrNotFound    = errors.New("not found")   // no such actor, function, key, …
	ErrInvalid     = errors.New("invalid")     // malformed arguments or input
	ErrConflict    = errors.New("conflict")    // somebody else changed it, or it exists already
	ErrBusy        = errors.New("busy")        // a queue is full; trying again later may help
	ErrDeadline    = errors.New("deadline")    // the time given to the call ran out
	ErrTrap        = errors.New("trap")        // the guest broke: unreachable, out of bounds, bad value
	ErrLimit       = errors.New("limit")       // a limit on memory, stack, handles, size was reached
	ErrUnavailable = errors.New("unavailable") // the other side cannot be reached
	ErrUnsupported = errors.New("unsupported") // the callee does not offer this contract or operation
	ErrInternal    = errors.New("internal")    // a mistake in Wattle
)

var kinds = []error{ErrDenied, ErrNoLink, ErrNotFound, ErrInvalid, ErrConflict, ErrBusy, ErrDeadline, ErrTrap, ErrLimit,
	ErrUnavailable, ErrUnsupported, ErrInternal}

// Error is a refusal or failure with its kind, what was wrong and what would help.
type Error struct {
	Kind error  // one of the Err… above
	Msg  string // what was refused and why, one sentence
	Hint string // what would allow it or what to do next; may be empty
	Err  error  // the cause, if any; not sent to other hosts
}

// Error gives "kind: msg; hint".
func (e *Error) Error() string {
	s := e.Kind.Error() + ": " + e.Msg
	if e.Hint != "" {
		s += "; " + e.Hint
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

// KindOf returns the kind of an error: the one of the *Error in its chain, ErrDeadline for an exceeded deadline, else ErrInternal.
func KindOf(err error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrDeadline
	}
	return ErrInternal
}

// ParseKind is the kind whose text is s, or ErrInternal: how a kind comes back from the wire.
func ParseKind(s string) error {
	for _, k := range kinds {
		if k.Error() == s {
			return k
		}
	}
	return ErrInternal
}
