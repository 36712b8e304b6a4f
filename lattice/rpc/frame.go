package rpc

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// Kinds of frames to a callee.
const (
	toCall byte = 1 + iota
	toData
	toEnd
	toBroken
	toCredit
	toCancel
	toPing
)

// Kinds of frames to a caller.
const (
	toReply byte = 1 + iota
	toPart
	toHead
	toStream
	toOpen // credit
	toFault
	toPong

	// Kinds that never travel: what a client tells a call of its own.
	localGone   byte = 0x80 + iota // nobody took the call
	localLost                      // the host is gone, or knows nothing of the call
	localExcess                    // the host sent more than it may
	localEnd                       // the client was closed
)

// A frame is the kind of a message and what follows.
type frame struct {
	kind byte
	data []byte
}

func (f frame) cost() int { return len(f.data) + frameCost }

var (
	errVersion = errors.New("a frame of another version")
	errFrame   = errors.New("a malformed frame")
)

// open reads version and kind of a message.
func open(data []byte) (frame, error) {
	switch {
	case len(data) < 2 || len(data) > MaxFrame:
		return frame{}, errFrame
	case data[0] != version:
		return frame{}, errVersion
	}
	return frame{data[1], data[2:]}, nil
}

// Flags of a call.
const (
	flagBody       = 1 << iota // a body follows
	flagStream                 // the caller takes a streamed reply
	flagIdempotent             // the call may be carried out twice
	flagTrace                  // there is a trace
	flagsAll       = flagBody | flagStream | flagIdempotent | flagTrace
)

// call is the first frame of a call.
//
//	flags       1 byte
//	contract    1 byte, its length
//	link        1 byte, its length
//	op          1 byte, its length
//	timeout     number, milliseconds from now; 0: none
//	size        number, bytes of the whole payload; those that are not in this frame follow in others
//	trace       id 16 bytes, span 8, flags 1; if flagged
//	names       contract, link, op
//	payload     …
type call struct {
	flags              byte
	timeout            time.Duration
	size               uint64
	trace              lattice.Trace
	contract, link, op string
	payload            []byte
}

// appendCall appends the frame of a call.
func appendCall(b []byte, c *call) []byte {
	b = append(b, version, toCall, c.flags, byte(len(c.contract)), byte(len(c.link)), byte(len(c.op)))
	b = binary.AppendUvarint(b, uint64((c.timeout+time.Millisecond-1)/time.Millisecond))
	b = binary.AppendUvarint(b, c.size)
	if c.flags&flagTrace != 0 {
		b = append(b, c.trace.ID[:]...)
		b = append(b, c.trace.Span[:]...)
		b = append(b, c.trace.Flags)
	}
	b = append(b, c.contract...)
	b = append(b, c.link...)
	b = append(b, c.op...)
	return append(b, c.payload...)
}

// decodeCall reads what follows the kind of a call. The payload aliases b; the names are a copy.
func decodeCall(b []byte) (c call, err error) {
	if len(b) < 4 || b[0]&^flagsAll != 0 {
		return c, errFrame
	}
	c.flags = b[0]
	contract, link, op := int(b[1]), int(b[2]), int(b[3])
	ms, b, ok := number(b[4:])
	if !ok || ms > math.MaxUint32 {
		return c, errFrame
	}
	c.timeout = time.Duration(ms) * time.Millisecond
	if c.size, b, ok = number(b); !ok {
		return c, errFrame
	}
	if c.flags&flagTrace != 0 {
		if b, ok = decodeTrace(&c.trace, b); !ok {
			return c, errFrame
		}
	}
	if len(b) < contract+link+op {
		return c, errFrame
	}
	names := string(b[:contract+link+op]) // one piece of memory for three
	c.contract, c.link, c.op, c.payload = names[:contract], names[contract:contract+link], names[contract+link:], b[len(names):]
	if !isName(c.contract) || !isName(c.link) || !isName(c.op) || uint64(len(c.payload)) > c.size {
		return c, errFrame
	}
	return c, nil
}

func decodeTrace(t *lattice.Trace, b []byte) (rest []byte, ok bool) {
	const size = len(t.ID) + len(t.Span) + 1
	if len(b) < size {
		return nil, false
	}
	copy(t.ID[:], b)
	copy(t.Span[:], b[len(t.ID):])
	t.Flags = b[size-1]
	return b[size:], true
}

// number reads an unsigned LEB128 of at most 64 bits.
func number(b []byte) (n uint64, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}

// appendMore starts a frame that belongs to a call that is under way.
func appendMore(b []byte, kind byte, token string) []byte {
	return append(append(b, version, kind), token...)
}

// cutToken reads the token that starts a frame that belongs to a call.
func cutToken(b []byte) (token string, rest []byte, ok bool) {
	if len(b) < tokenLen {
		return "", nil, false
	}
	token = string(b[:tokenLen])
	return token, b[tokenLen:], isToken(token)
}

// credit reads a number of bytes that may be sent. More than a window is never granted.
func credit(b []byte) (int, bool) {
	n, rest, ok := number(b)
	return int(min(n, window)), ok && len(rest) == 0 && n <= window
}
