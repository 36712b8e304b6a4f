package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/wattle-io/wattle/lattice"
)

const maxText = 2 << 10 // bytes of the message and of the hint of an error that travels

const faultNotBegun = 1 // flag

// appendFault appends an error as it travels; its cause does not.
//
//	flags  1 byte, 1: the call has not begun
//	kind   length (number), the text of one of lattice's kinds
//	msg    length (number), UTF-8
//	hint   length (number), UTF-8
func appendFault(b []byte, err error) []byte {
	kind, msg, hint := err, err.Error, ""
	if own := (*lattice.Error)(nil); errors.As(err, &own) {
		kind, hint = own.Kind, own.Hint
		msg = func() string { return own.Msg }
	}
	flags := byte(0)
	if NotBegun(err) {
		flags = faultNotBegun
	}
	b = append(b, flags)
	b = appendText(b, kindOf(kind).Error())
	b = appendText(b, msg())
	return appendText(b, hint)
}

// kindOf is the kind to send. What was cancelled, though its caller did not, was so because its host ends.
func kindOf(err error) error {
	if errors.Is(err, context.Canceled) {
		return lattice.ErrUnavailable
	}
	return lattice.KindOf(err)
}

// appendText appends a text with its length. One that is too long is cut.
func appendText(b []byte, s string) []byte {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText-len("…")], "") + "…"
	}
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeFault reads an error that came. Whatever came, the result is an error.
func decodeFault(b []byte) error {
	bad := &lattice.Error{Kind: lattice.ErrInternal, Msg: "the host failed, in a way that this version does not understand"}
	if len(b) == 0 {
		return bad
	}
	flags := b[0]
	var texts [3]string
	b = b[1:]
	for i := range texts {
		n, rest, ok := number(b)
		if !ok || n > maxText || n > uint64(len(rest)) {
			return bad
		}
		texts[i], b = strings.ToValidUTF8(string(rest[:n]), "\uFFFD"), rest[n:]
	}
	e := &lattice.Error{Kind: lattice.ParseKind(texts[0]), Msg: texts[1], Hint: texts[2]}
	if flags&faultNotBegun != 0 {
		e.Err = ErrNotBegun
	}
	return e
}
