// Package lattice has the nouns of a Wattle lattice: ids, links, invocations, the one seam of every call (Invoker),
// the kinds of errors and events.
//
// It has no behaviour of its own and imports only the standard library. What moves these nouns between hosts is in the packages
// below it: bus, links, control, claims.
package lattice

import (
	"context"
	"io"
	"time"
)

// Link says that an entity reaches a contract through a target. It is the only way an import gets an implementation.
type Link struct {
	Source   string            `json:"source"`           // id of the caller: an actor "M…", or the name of a provider
	Target   string            `json:"target"`           // id of the callee: an actor "M…", or the name of a provider
	Contract string            `json:"contract"`         // a WIT package, "wasi:keyvalue": all of its interfaces
	Name     string            `json:"name"`             // tells links of one source and contract apart; "default" unless given
	Config   map[string]string `json:"config,omitempty"` // the target's settings for this link
	Revision uint64            `json:"revision"`         // of the link's stored value; grows with each change
}

// DefaultLink is the name of a link that was given none.
const DefaultLink = "default"

// Key identifies a link: at most one has the same source, contract and name.
func (l Link) Key() LinkKey { return LinkKey{l.Source, l.Contract, l.Name} }

// LinkKey identifies a link.
type LinkKey struct{ Source, Contract, Name string }

// Invocation is one call of one function of a contract. Everything that crosses the lattice is an Invocation.
type Invocation struct {
	Source   string // id of the caller
	Target   string // id of the callee
	Contract string // WIT package of the contract, as in the link: "wasi:keyvalue"
	Link     string // name of the link
	Op       string // operation: "interface#function" for a forwarded call, or a flat operation of the contract ("get")

	// Payload is the encoded parameters (package wit). It is valid only until Invoke returns.
	Payload []byte
	// Out is memory that the reply may be appended to, so that a caller that repeats itself need not allocate.
	Out []byte
	// Body is a stream that follows the payload (the body of an HTTP request), or nil.
	Body io.Reader
	// Stream takes a streamed reply. With nil, an operation that streams fails with ErrUnsupported.
	Stream ReplyWriter
	// Idempotent says that the call may be carried out twice without harm, so that it may be repeated elsewhere when its answer is lost.
	Idempotent bool
}

// Reply is the result of an invocation.
type Reply struct {
	Payload []byte // encoded result (package wit); may share memory with Invocation.Out
}

// ReplyWriter takes a reply in parts, while the callee still runs: first the head, once, then the body.
type ReplyWriter interface {
	Head(payload []byte) error
	io.Writer
	// Flush sends on what was written so far.
	Flush() error
}

// Invoker is the seam of every call: a provider, an actor, a remote host and every decorator (link check, deadline, trace) are
// this one method. Errors are *Error or wrap one; context errors stay matchable.
type Invoker interface {
	Invoke(ctx context.Context, inv Invocation) (Reply, error)
}

// InvokerFunc makes a function an Invoker.
type InvokerFunc func(ctx context.Context, inv Invocation) (Reply, error)

// Invoke calls f.
func (f InvokerFunc) Invoke(ctx context.Context, inv Invocation) (Reply, error) { return f(ctx, inv) }

// Event tells what happened in the lattice.
type Event struct {
	ID      string            `json:"id,omitempty"` // no two events of a host have the same; made when it is published
	Kind    string            `json:"kind"`         // "actor.started", "actor.stopped", "actor.refused", "link.put", …
	Host    string            `json:"host"`
	Subject string            `json:"subject"` // id of what the event is about
	Time    time.Time         `json:"time"`
	Data    map[string]string `json:"data,omitempty"`
}
