package keyvaluetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// OverNATS puts a NATS request between a caller and an invoker: the least that a remote call is, without checks of who calls.
// Errors arrive as their kind and text.
func OverNATS(t *testing.T, nc *nats.Conn, callee lattice.Invoker) lattice.Invoker {
	subject := nats.NewInbox()
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) { go respond(m, callee) })
	fatal(t, err)
	t.Cleanup(func() { fatal(t, sub.Unsubscribe()) })
	return lattice.InvokerFunc(func(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
		return request(ctx, nc, subject, inv)
	})
}

func request(ctx context.Context, nc *nats.Conn, subject string, inv lattice.Invocation) (lattice.Reply, error) {
	m := nats.NewMsg(subject)
	m.Data = inv.Payload
	for k, v := range map[string]string{"source": inv.Source, "target": inv.Target, "contract": inv.Contract, "link": inv.Link, "op": inv.Op} {
		m.Header.Set(k, v)
	}
	r, err := nc.RequestMsgWithContext(ctx, m)
	if errors.Is(err, nats.ErrMaxPayload) {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrInvalid, Msg: err.Error()}
	}
	if err != nil {
		return lattice.Reply{}, err
	}
	if kind := r.Header.Get("kind"); kind != "" {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ParseKind(kind), Msg: r.Header.Get("msg")}
	}
	return lattice.Reply{Payload: append(inv.Out, r.Data...)}, nil
}

func respond(m *nats.Msg, callee lattice.Invoker) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h := m.Header
	out := nats.NewMsg(m.Reply)
	r, err := callee.Invoke(ctx, lattice.Invocation{Source: h.Get("source"), Target: h.Get("target"), Contract: h.Get("contract"),
		Link: h.Get("link"), Op: h.Get("op"), Payload: m.Data})
	if err != nil {
		out.Header.Set("kind", lattice.KindOf(err).Error())
		out.Header.Set("msg", err.Error())
	}
	out.Data = r.Payload
	_ = m.RespondMsg(out) // the caller times out
}
