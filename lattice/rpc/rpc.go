// Package rpc is the two ends of a lattice.Invoker over NATS: a [Client] sends an invocation to a host, that host's [Server] carries it out.
//
// It moves calls and nothing else: it does not know links, actors or providers, nor where they run. Which host to call is the caller's
// decision (package control has the directory), whether the call is allowed is for both hosts to check around it.
//
// # What holds
//
//   - Both ends of a call are proven by NATS's permissions: only a host may publish rpc.*.<itself>.>, only it may subscribe rpc.<itself>.>.
//   - Nobody can answer a call but the host that got it: each has a reply subject with 128 random bits. The first answer counts.
//   - A call runs at most once. An error for which [NotBegun] is true says that it did not run at all, so that another host may be tried.
//   - The deadline, the trace and the end of the caller's context travel; kind, message and hint of an error come back.
//   - What one call holds in memory is bounded on both hosts: payloads by MaxPayload, bodies and streamed replies by a window of
//     four chunks of 64 KiB that the reader opens as it reads.
//   - When a host dies or hangs, its calls fail within seconds, on both sides.
//
// # Subjects
//
//	rpc.<dst>.<src>.<T>.<S>.call   a call, with a reply subject; T is the callee's id, S the caller's
//	rpc.<dst>.<src>.<T>.<S>.more   what follows it: the rest of the payload, the body, credit, cancel
//	rpc.<dst>.<src>.-.-.ping       which of these calls do you not know?
//	_R.<src>.<client>.<token>      answers: client is 8 random characters, token 26
//
// An operation may have up to 255 of the characters that a subject must not have, so it is in the header of the frame.
//
// # Frames
//
// Each message is one frame, at most MaxFrame bytes. Its first byte is the version, 1, its second the kind.
// Numbers are unsigned LEB128 (as encoding/binary's Uvarint); … is the rest of the message.
//
//	to the callee                                      to the caller
//	1 call    see call                                 1 reply   the payload, or what is left of it…   the call is over
//	2 data    token, part of the payload or body…      2 part    of the payload…
//	3 end     token                                    3 head    of a streamed reply…
//	4 broken  token, fault                             4 data    of a streamed reply, flush (1 byte), …
//	5 credit  token, number                            5 credit  number
//	6 cancel  token                                    6 fault   see fault                            the call is over
//	7 ping    tokens…                                  7 pong    tokens of the unknown…
package rpc

import (
	"errors"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Sizes and times.
const (
	// MaxFrame is the most bytes of one message, 512 KiB. What is larger goes in several.
	MaxFrame = bus.MaxMessage
	// DefaultMaxPayload is the most bytes of the payload of one call, and of its reply, unless configured. (Bodies have no limit.)
	DefaultMaxPayload = 16 << 20
	// MaxHead is the most bytes of the head of a streamed reply.
	MaxHead = 128 << 10

	version   = 1
	frameCost = 512                         // what a frame costs beside its bytes, so that many small ones are no way round a window
	chunk     = 64 << 10                    // bytes of a part of what is larger than a frame, and of a stream
	window    = 4 * (chunk + frameCost + 8) // what may be under way to a reader: four chunks, with what is before each in its frame
	inlineMax = MaxFrame - 1024             // bytes of a payload that fit into a frame with the largest header
	keepMax   = 64 << 10                    // bytes of a buffer that is kept for the next call

	defaultBeat = time.Second
	defaultLost = 5 * time.Second
)

// ErrNotBegun is the direct cause of a *lattice.Error for a call that did not run, not even in part: trying another host is safe. A callee may
// use it, too; see NotBegun.
var ErrNotBegun = errors.New("the call has not begun")

// NotBegun reports whether err is that of a call that did not run. Only an error whose direct cause is ErrNotBegun is; one that merely
// wraps such an error is that of a call that did something before.
func NotBegun(err error) bool {
	e, ok := err.(*lattice.Error) // not errors.As: see above
	return ok && e.Err == ErrNotBegun
}

// notBegun is the error of a call that did not run.
func notBegun(kind error, msg, hint string) error {
	return &lattice.Error{Kind: kind, Msg: msg, Hint: hint, Err: ErrNotBegun}
}
