package bus

import (
	"fmt"

	"github.com/wattle-io/wattle/lattice"
)

const (
	// MaxMessage is the most bytes, headers included, that a message of the lattice's own protocols may have. It is half of
	// MaxPayload, so that what servers add on the way can never make a message too large: a hub closes the whole leaf link for
	// one.
	MaxMessage = MaxPayload / 2
	// MaxSubject is the most bytes that a subject may have. NATS closes a connection for good when a subject exceeds its 4 KiB
	// line.
	MaxSubject = 255
)

// CheckMessage refuses a message that must not be published: ErrLimit for more than MaxMessage bytes, ErrInvalid for a subject
// that NATS would take for several, for a pattern or for an attack. Call it before each publish whose subject or size others can
// influence.
func CheckMessage(subject string, bytes int) error {
	if bytes > MaxMessage {
		return &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("a message of %d bytes is too large", bytes),
			Hint: fmt.Sprintf("send at most %d bytes at once, or stream", MaxMessage)}
	}
	if !validSubject(subject) {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no subject to publish on", subject)}
	}
	return nil
}

// validSubject: tokens of visible ASCII without wildcards, joined by dots.
func validSubject(s string) bool {
	if len(s) == 0 || len(s) > MaxSubject || s[len(s)-1] == '.' {
		return false
	}
	for i, dot := 0, true; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c > '~' || c == '*' || c == '>' || c == '.' && dot {
			return false
		}
		dot = c == '.'
	}
	return true
}
