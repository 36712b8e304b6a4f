package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// inCall is one call that this host carries out.
type inCall struct {
	address
	call
	server *Server
	source *source
	token  string
	reply  string // subject
	holds  int    // bytes that it may hold in memory, as its source counts them
	parts  bool   // more of the call comes after its first frame

	ctx    context.Context // the call's; ends with its deadline, when it is cancelled and when it is over
	cancel context.CancelFunc
	heard  atomic.Int64 // time, in Unix nanoseconds, when the caller last asked for it
	in     inbox        // of payload and body; used only if some follows
	open   allowance    // what may be sent of the streamed reply or a large one
}

// begin makes the call ready to run.
func (k *inCall) begin() {
	if k.timeout > 0 {
		k.ctx, k.cancel = context.WithTimeout(k.server.base, k.timeout)
	} else {
		k.ctx, k.cancel = context.WithCancel(k.server.base)
	}
	if k.flags&flagTrace != 0 {
		k.ctx = lattice.WithTrace(k.ctx, k.trace)
	}
	k.heard.Store(time.Now().UnixNano())
	k.holds = int(k.size) + frameCost
	k.parts = k.flags&flagBody != 0 || k.size > uint64(len(k.payload))
	if k.parts {
		k.in.init(window)
		k.holds += window
	}
	k.open.init(window)
}

// more takes a frame that follows the call. It does not block.
func (k *inCall) more(f frame) {
	switch f.kind {
	case toData, toEnd, toBroken:
		if !k.parts || !k.in.put(f) {
			k.cancel() // it sent more than it may
		}
	case toCredit:
		if n, ok := credit(f.data); ok {
			k.open.add(n)
		}
	case toCancel:
		k.cancel()
	}
}

// run carries the call out and answers.
func (k *inCall) run() {
	s := k.server
	defer s.sources.remove(k) // after the answer, so that no ping between them finds the call neither here nor answered
	defer k.cancel()
	out := s.chunk()
	defer s.keep(out)
	reply, err := k.carryOut((*out)[:0])
	if err == nil {
		err = k.sendReply(reply.Payload)
	}
	if err != nil {
		s.publish(k.reply, appendFault([]byte{version, toFault}, k.explain(err)))
	}
}

func (k *inCall) carryOut(out []byte) (lattice.Reply, error) {
	if k.parts {
		k.grant(window)
	}
	if err := k.rest(); err != nil {
		return lattice.Reply{}, err
	}
	inv := lattice.Invocation{Source: k.address.source, Target: k.target, Contract: k.contract, Link: k.link, Op: k.op, Payload: k.payload, Out: out,
		Idempotent: k.flags&flagIdempotent != 0}
	var in *body
	if k.flags&flagBody != 0 {
		in = &body{call: k}
		inv.Body = in
	}
	if k.flags&flagStream == 0 {
		return k.server.guarded(k.ctx, k.src, inv)
	}
	w := &writer{call: k, in: in, buf: k.server.chunk()}
	inv.Stream = w
	reply, err := k.server.guarded(k.ctx, k.src, inv)
	return reply, w.close(err)
}

// rest collects what of the payload did not fit into the first frame. Memory grows with what has come, not with what was announced.
func (k *inCall) rest() error {
	for uint64(len(k.payload)) < k.size {
		f, err := k.in.take(k.ctx.Done(), nil)
		if err != nil {
			return err
		}
		if f.kind != toData || uint64(len(k.payload)+len(f.data)) > k.size {
			return notBegun(lattice.ErrInvalid, fmt.Sprintf("the payload of %s is not as long as announced", k.op), "")
		}
		k.payload = append(k.payload, f.data...)
		k.read(f.cost())
	}
	return nil
}

// read says that a frame of that cost was read, which may allow more to come.
func (k *inCall) read(cost int) {
	if n := k.in.done(cost); n > 0 {
		k.grant(n)
	}
}

// grant allows the caller to send more.
func (k *inCall) grant(n int) {
	k.server.publish(k.reply, binary.AppendUvarint([]byte{version, toOpen}, uint64(n)))
}

// sendReply sends the reply, in parts if it is large.
func (k *inCall) sendReply(payload []byte) error {
	if len(payload) <= inlineMax {
		return k.send(toReply, payload)
	}
	for len(payload) > chunk {
		if err := k.open.take(chunk+frameCost, k.ctx.Done(), nil); err != nil {
			return err
		}
		if err := k.send(toPart, payload[:chunk]); err != nil {
			return err
		}
		payload = payload[chunk:]
	}
	return k.send(toReply, payload)
}

// send sends a frame with these parts.
func (k *inCall) send(kind byte, parts ...[]byte) error {
	buf := k.server.chunk()
	defer k.server.keep(buf)
	*buf = append((*buf)[:0], version, kind)
	for _, p := range parts {
		*buf = append(*buf, p...)
	}
	return k.server.nc.Publish(k.reply, *buf)
}

// explain is what to tell the caller of an error.
func (k *inCall) explain(err error) error {
	if !errors.Is(err, errOver) {
		return err
	}
	if errors.Is(k.ctx.Err(), context.DeadlineExceeded) {
		return &lattice.Error{Kind: lattice.ErrDeadline, Msg: k.op + " did not end in time"}
	}
	return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: k.op + " was cut off", Hint: "the host called stops, or took the caller for gone"}
}
