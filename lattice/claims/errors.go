package claims

import (
	"fmt"
	"unicode/utf8"

	"github.com/wattle-io/wattle/lattice"
)

// The kinds of refusals. Each is also one of lattice's kinds, so that it stays matchable after it has crossed the wire.
var (
	ErrUnsigned  = fmt.Errorf("%w: module is not signed", lattice.ErrDenied)
	ErrFormat    = fmt.Errorf("%w: not a well-formed wasm binary", lattice.ErrInvalid)
	ErrPlace     = fmt.Errorf("%w: signature out of place", lattice.ErrInvalid)
	ErrHash      = fmt.Errorf("%w: module is not what was signed", lattice.ErrDenied)
	ErrToken     = fmt.Errorf("%w: malformed claims", lattice.ErrInvalid)
	ErrSignature = fmt.Errorf("%w: signature is not genuine", lattice.ErrDenied)
	ErrExpired   = fmt.Errorf("%w: claims are expired", lattice.ErrDenied)
	ErrNotYet    = fmt.Errorf("%w: claims are not valid yet", lattice.ErrDenied)
	ErrIssuer    = fmt.Errorf("%w: issuer is not trusted", lattice.ErrDenied)
	ErrRevoked   = fmt.Errorf("%w: claims are revoked", lattice.ErrDenied)
	ErrTooLarge  = fmt.Errorf("%w: too large", lattice.ErrLimit)
)

// Error is a refusal. Every error of this package is one.
type Error struct {
	Kind error  // one of the Err… above
	Msg  string // what was refused and why: one sentence, without a full stop
	Hint string // what would help; may be empty
}

// Error gives "msg; hint".
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	return e.Msg + "; " + e.Hint
}

// Unwrap makes the kind matchable, and through it the kind of package lattice.
func (e *Error) Unwrap() error { return e.Kind }

func refuse(kind error, hint, format string, args ...any) *Error {
	return &Error{Kind: kind, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// quote makes hostile text fit for a message: short, and without anything that a terminal would act on.
func quote(s string) string {
	const limit = 48
	if len(s) <= limit {
		return fmt.Sprintf("%+q", s)
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%+q…", s[:cut])
}
