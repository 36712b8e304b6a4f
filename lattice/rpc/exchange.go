package rpc

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// outCall is one call that is under way: what was asked, what comes back, what follows the first frame. It is reused. Only who made the call or
// holds the lock of its shard may touch it.
type outCall struct {
	client  *Client
	dst     string
	inv     lattice.Invocation
	sent    atomic.Int64 // time, in Unix nanoseconds, when the first frame had been sent; 0 before
	token   string
	subject string    // of the first frame
	in      inbox     // answers
	open    allowance // what may be sent of payload and body
	buf     []byte    // the first frame
	payload []byte    // of the reply, as far as it has come
	reading bool      // a Read of the body could not be ended: this call cannot be reused
}

// run carries the call out. On return nothing of it runs any more.
func (k *outCall) run(ctx context.Context) (lattice.Reply, error) {
	reply := k.name()
	first, rest := k.inv.Payload, []byte(nil)
	if len(first) > inlineMax {
		first, rest = first[:chunk], first[chunk:]
	}
	k.encode(ctx, first)
	more := rest != nil || k.inv.Body != nil
	if more {
		k.open.init(0) // until the host has taken the call
	}
	if !k.client.calls.add(k) {
		return lattice.Reply{}, notBegun(lattice.ErrUnavailable, "this host stops calling others: it ends", "")
	}
	if err := k.client.nc.PublishRequest(k.subject, reply, k.buf); err != nil {
		return lattice.Reply{}, notSent(k.dst, err)
	}
	k.sent.Store(time.Now().UnixNano()) // not before: a ping must not overtake its call
	if more {
		stop := k.pump(rest)
		defer stop()
	}
	if k.inv.Stream != nil {
		stop := k.limitWrites(ctx)
		defer stop()
	}
	return k.await(ctx)
}

// name gives the call its token and subject, and returns its reply subject.
func (k *outCall) name() (reply string) {
	var buf [128]byte
	prefix := k.client.replies
	reply = string(randomText(append(buf[:0], prefix...), tokenLen))
	k.token = reply[len(prefix):]
	k.subject = subject(k.dst, k.client.self, k.inv.Target, k.inv.Source, verbCall)
	return reply
}

// encode makes the first frame.
func (k *outCall) encode(ctx context.Context, first []byte) {
	head := call{size: uint64(len(k.inv.Payload)), contract: k.inv.Contract, link: k.inv.Link, op: k.inv.Op, payload: first}
	if t, ok := ctx.Deadline(); ok {
		head.timeout = max(time.Until(t), time.Millisecond)
	}
	if k.inv.Body != nil {
		head.flags |= flagBody
	}
	if k.inv.Stream != nil {
		head.flags |= flagStream
	}
	if k.inv.Idempotent {
		head.flags |= flagIdempotent
	}
	if t, ok := lattice.TraceOf(ctx); ok {
		head.flags |= flagTrace
		head.trace = t
	}
	k.buf = appendCall(k.buf[:0], &head)
}

// await reads what comes until the call is over.
func (k *outCall) await(ctx context.Context) (lattice.Reply, error) {
	for {
		f, err := k.in.take(ctx.Done(), nil)
		if err != nil {
			k.cancel()
			return lattice.Reply{}, ended(ctx, k.dst, &k.inv)
		}
		switch f.kind {
		case toReply:
			if k.payload == nil && len(k.inv.Out) == 0 {
				return lattice.Reply{Payload: f.data}, nil // nobody else has this memory
			}
			err = k.part(f.data)
			return lattice.Reply{Payload: k.payload}, err
		case toPart, toHead, toStream:
			if err := k.take(f); err != nil {
				k.cancel()
				if ctx.Err() != nil { // which is why it broke
					err = ended(ctx, k.dst, &k.inv)
				}
				return lattice.Reply{}, err
			}
		case toFault:
			return lattice.Reply{}, decodeFault(f.data)
		default:
			return lattice.Reply{}, k.failed(f.kind)
		}
	}
}

// take uses a frame that is not the last and allows as much to follow.
func (k *outCall) take(f frame) (err error) {
	switch {
	case f.kind == toPart:
		err = k.part(f.data)
	case k.inv.Stream == nil:
		return k.violation("a streamed reply that was not asked for")
	case f.kind == toHead:
		err = k.inv.Stream.Head(f.data)
	default:
		err = k.body(f.data)
	}
	if n := k.in.done(f.cost()); n > 0 && err == nil {
		err = k.send(binary.AppendUvarint(k.more(toCredit), uint64(n)))
	}
	return err
}

// part adds to the reply's payload.
func (k *outCall) part(p []byte) error {
	if len(k.payload)+len(p) > k.client.cfg.MaxPayload {
		return &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("the reply of %s has more than %d bytes", k.inv.Op, k.client.cfg.MaxPayload),
			Hint: "ask for less at a time, or use an operation that streams"}
	}
	if k.payload == nil {
		k.payload = k.inv.Out
	}
	k.payload = append(k.payload, p...)
	return nil
}

// body passes on a piece of the streamed reply.
func (k *outCall) body(p []byte) error {
	if len(p) == 0 {
		return k.violation("an empty frame")
	}
	if len(p) > 1 {
		n, err := k.inv.Stream.Write(p[1:])
		if err == nil && n < len(p)-1 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
	}
	if p[0] != 0 {
		return k.inv.Stream.Flush()
	}
	return nil
}

func (k *outCall) violation(what string) error {
	return &lattice.Error{Kind: lattice.ErrInternal, Msg: fmt.Sprintf("host %s sent %s", k.dst, what), Hint: "does it run another version?"}
}

func gone(dst string) error {
	return notBegun(lattice.ErrUnavailable, fmt.Sprintf("host %s is not there", dst), "try again in a moment; `wattle get hosts` shows which are")
}

// failed is the error of a call that ended without an answer.
func (k *outCall) failed(kind byte) error {
	switch kind {
	case localGone:
		return gone(k.dst)
	case localExcess:
		return k.violation("more than it may")
	case localEnd:
		return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "this host stops calling others: it ends"}
	}
	return &lattice.Error{Kind: lattice.ErrUnavailable,
		Msg:  fmt.Sprintf("host %s was lost during the call of %s, which it may or may not have carried out", k.dst, k.inv.Op),
		Hint: "only who calls can know whether it may be repeated"}
}

func (k *outCall) more(kind byte) []byte { return appendMore(make([]byte, 0, 64), kind, k.token) }

func (k *outCall) send(data []byte) error {
	if err := k.client.nc.Publish(k.subject[:len(k.subject)-len(verbCall)]+verbMore, data); err != nil {
		return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("this host lost its connection during the call of %s", k.inv.Op), Err: err}
	}
	return nil
}

// cancel tells the callee that nobody waits any more.
func (k *outCall) cancel() {
	if err := k.send(k.more(toCancel)); err != nil {
		k.client.cfg.Log.Debug("rpc: cannot cancel", "host", k.dst, "err", err)
	}
}

// The abilities of a Stream that end a Read of the body or a Write that blocks.
type (
	readDeadliner  interface{ SetReadDeadline(time.Time) error }
	writeDeadliner interface{ SetWriteDeadline(time.Time) error }
)

// limitWrites makes the end of ctx end a Write of the stream that blocks, until stop.
func (k *outCall) limitWrites(ctx context.Context) (stop func()) {
	w, ok := k.inv.Stream.(writeDeadliner)
	if !ok {
		return func() {}
	}
	var ending sync.WaitGroup
	ending.Add(1)
	release := context.AfterFunc(ctx, func() {
		defer ending.Done()
		_ = w.SetWriteDeadline(past()) // what cannot be ended ends by itself
	})
	return func() {
		if release() {
			ending.Done()
		} else {
			ending.Wait()
			_ = w.SetWriteDeadline(time.Time{}) // what is sent from now on is the caller's
		}
	}
}

// past is a deadline that is over.
func past() time.Time { return time.Unix(1, 0) }
