package envelope

import (
	"errors"
	"fmt"

	"github.com/wattle-io/wattle/lattice"
)

// Why an envelope is refused: errors.Is tells on the host that opened it. To the sender goes the kind of the *lattice.Error that
// wraps it (ErrInvalid for a malformed one, else ErrDenied), with text.
var (
	ErrMalformed  = errors.New("no envelope, or a damaged one")
	ErrSignature  = errors.New("the signature is not the sender's")
	ErrForeign    = errors.New("signed for another lattice, or with a key that the lattice does not know")
	ErrRole       = errors.New("the sender's role may not")
	ErrCredential = errors.New("the sender's credential has expired, or does not count yet")
	ErrRevoked    = errors.New("the sender's credential is revoked")
	ErrSubject    = errors.New("made for another host or purpose")
	ErrBody       = errors.New("the body was altered")
	ErrExpired    = errors.New("too old")
	ErrFuture     = errors.New("from the future")
)

func malformed(format string, args ...any) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this is no signed envelope: " + fmt.Sprintf(format, args...),
		Hint: "is the sender of another version, or has it no credential?", Err: ErrMalformed}
}

// refuse is a refusal with its reason.
func refuse(reason error, hint, format string, args ...any) error {
	return &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf(format, args...), Hint: hint, Err: reason}
}
