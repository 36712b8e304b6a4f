package host

import (
	"context"
	"fmt"

	"github.com/wattle-io/wattle/lattice"
)

var _ lattice.Invoker = (*Host)(nil)

// Invoke delivers a call along its link: the only way from an actor to anything, and from a provider to an actor.
func (h *Host) Invoke(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	if inv.Link == "" {
		inv.Link = lattice.DefaultLink
	}
	link, ok := h.links.Lookup(inv.Source, inv.Contract, inv.Link)
	if !ok || inv.Target != "" && inv.Target != link.Target {
		return lattice.Reply{}, h.noLink(inv)
	}
	inv.Target = link.Target
	if p := h.providers[link.Target]; p != nil {
		return p.Invoke(ctx, inv)
	}
	if a := h.actor(link.Target); a != nil {
		return h.callActor(ctx, a, inv)
	}
	return h.invokeAway(ctx, inv)
}

// callActor invokes an actor. One that was replaced after it was looked up has not begun the call: its successor takes it.
func (h *Host) callActor(ctx context.Context, a *actor, inv lattice.Invocation) (lattice.Reply, error) {
	for {
		reply, err := a.invoke(ctx, inv)
		if !notBegun(err) {
			return reply, err
		}
		next := h.actor(inv.Target)
		if next == nil || next == a {
			return reply, err
		}
		a = next
	}
}

func (h *Host) noLink(inv lattice.Invocation) error {
	source := h.nameOf(inv.Source)
	hint := fmt.Sprintf("put one with `wattle link put %s TARGET %s", source, inv.Contract)
	if p := h.providerOf(inv.Contract); p != "" {
		hint = fmt.Sprintf("put one with `wattle link put %s %s %s", source, p, inv.Contract)
	}
	if inv.Link != lattice.DefaultLink {
		hint += " --name " + inv.Link
	}
	return &lattice.Error{Kind: lattice.ErrNoLink, Msg: fmt.Sprintf("%s has no link named %q for %s", source, inv.Link, inv.Contract), Hint: hint + "`"}
}

// providerOf names a provider here that offers the contract.
func (h *Host) providerOf(contract string) string {
	for _, d := range h.drivers {
		for _, c := range d.Contracts {
			if c == contract {
				return d.Name
			}
		}
	}
	return ""
}

// nameOf is how people know an entity: an actor's name, or the id itself.
func (h *Host) nameOf(id string) string {
	if a := h.actor(id); a != nil {
		return a.claims.Name
	}
	for _, a := range h.residents() {
		if a.ID == id {
			return a.Name
		}
	}
	return id
}

// caller is an actor's way out for one contract: it is what the contract's host functions call.
type caller struct {
	host             *Host
	source, contract string
}

// Call invokes an operation through the actor's link of that name.
func (c *caller) Call(ctx context.Context, link, op string, payload, out []byte) ([]byte, error) {
	reply, err := c.host.Invoke(ctx, lattice.Invocation{Source: c.source, Contract: c.contract, Link: link, Op: op, Payload: payload, Out: out})
	return reply.Payload, err
}

// HasLink reports whether the actor has a link of that name.
func (c *caller) HasLink(name string) bool {
	_, ok := c.host.links.Lookup(c.source, c.contract, name)
	return ok
}
