package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/rpc"
)

// What another host has started or linked takes a moment to be known here. A call that would be refused for that alone waits so long for it.
const (
	newsTime  = 250 * time.Millisecond // for where the target of a call runs
	proofTime = 2 * time.Second        // for whether the source of a call runs where the call came from
	nameTime  = 3 * time.Second        // for a name in a command: of an actor on a host that has just joined, which nobody has heard of yet
	newsEvery = 5 * time.Millisecond
)

// invokeAway delivers a call whose target does not run here: to the best host that has it, or the next one if that has not begun the call.
func (h *Host) invokeAway(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	hosts := h.where(inv.Target)
	if len(hosts) == 0 && h.hasCompany() {
		await(ctx, newsTime, func() bool { hosts = h.where(inv.Target); return len(hosts) > 0 })
	}
	if len(hosts) == 0 {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("%s is linked to %s for %s, but that does not run",
			h.nameOf(inv.Source), h.nameOf(inv.Target), inv.Contract), Hint: "start it with `wattle start`"}
	}
	return h.away.InvokeAny(ctx, hosts, inv)
}

// where is the other hosts that the target runs on, the best first.
func (h *Host) where(target string) []string {
	hosts := h.directory.WhereProvider(target)
	if lattice.IsActorID(target) {
		hosts = h.directory.WhereActor(target)
	}
	if i := slices.Index(hosts, h.cfg.ID); i >= 0 { // it has just ended here
		return slices.Delete(slices.Clone(hosts), i, i+1)
	}
	return hosts
}

// hasCompany reports whether there are other hosts, heard of lately or not: one that has just come is not heard of yet.
func (h *Host) hasCompany() bool {
	return slices.ContainsFunc(h.directory.Hosts(), func(s control.HostState) bool { return s.Host.ID != h.cfg.ID && !s.Left })
}

// await looks again and again until the condition holds, for at most so long.
func await(ctx context.Context, atMost time.Duration, cond func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	tick := time.NewTicker(newsEvery)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// receive carries out a call of another host. That host has checked the link, and this one does again: it must be in this host's own table,
// and its source must run where the call came from, which NATS's permissions prove. The call is not passed on.
func (h *Host) receive(ctx context.Context, src string, inv lattice.Invocation) (lattice.Reply, error) {
	link, ok := h.links.Lookup(inv.Source, inv.Contract, inv.Link)
	if !ok || link.Target != inv.Target {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrNoLink, Msg: fmt.Sprintf("host %s has no link named %q from %s to %s for %s",
			h.cfg.Name, inv.Link, h.nameOf(inv.Source), h.nameOf(inv.Target), inv.Contract), Hint: "`wattle link list` shows the links"}
	}
	if !h.runsAt(ctx, inv.Source, src) {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("%s does not run on host %s, where the call came from", h.nameOf(inv.Source), src)}
	}
	if p := h.providers[inv.Target]; p != nil {
		if !slices.Contains(h.driver(inv.Target).Contracts, inv.Contract) {
			return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("provider %s does not offer %s", inv.Target, inv.Contract)}
		}
		return p.Invoke(ctx, inv)
	}
	if a := h.actor(inv.Target); a != nil {
		reply, err := h.callActor(ctx, a, inv)
		if notBegun(err) {
			err = h.notHere(inv.Target)
		}
		return reply, err
	}
	return lattice.Reply{}, h.notHere(inv.Target)
}

// notHere makes the calling host try the next one.
func (h *Host) notHere(target string) error {
	return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("%s does not run on host %s any more", h.nameOf(target), h.cfg.Name),
		Hint: "start it with `wattle start`", Err: rpc.ErrNotBegun}
}

// runsAt reports whether the source of a call runs on that host, as far as is known here.
func (h *Host) runsAt(ctx context.Context, source, host string) bool {
	known := func() bool {
		if lattice.IsActorID(source) {
			return slices.Contains(h.directory.WhereActor(source), host)
		}
		return slices.Contains(h.directory.WhereProvider(source), host)
	}
	return known() || await(ctx, proofTime, known)
}

// publish tells the other hosts what runs here.
func (h *Host) publish() {
	if h.directory == nil {
		return
	}
	p := control.Presence{Host: control.HostInfo{ID: h.cfg.ID, Name: h.cfg.Name, Labels: h.cfg.Labels, Version: h.cfg.Version, Started: h.started}}
	for _, a := range *h.actors.Load() {
		p.Actors = append(p.Actors, control.Resident{ID: a.id(), Name: a.claims.Name, Hash: a.request.Hash})
	}
	slices.SortFunc(p.Actors, func(a, b control.Resident) int { return strings.Compare(a.ID, b.ID) })
	for _, d := range h.drivers {
		if h.providers[d.Name] != nil {
			p.Providers = append(p.Providers, control.Offer{Name: d.Name, Contracts: d.Contracts})
		}
	}
	if err := h.directory.Publish(p); err != nil {
		h.log.Error("what runs here cannot be told to the other hosts", "err", err)
	}
}

// load is how busy this host is.
func (h *Host) load() (l control.Load) {
	most := 0
	for _, a := range *h.actors.Load() {
		s := a.pool.Stats()
		l.Calls, l.Instances, most = l.Calls+s.Busy, l.Instances+s.Instances, most+a.pool.Limits().Instances
	}
	if most > 0 {
		l.Busy = float64(l.Calls) / float64(most)
	}
	return l
}

// entityAway is the id of what has that name on other hosts: a provider, or an actor if only one has the name; "" if there is none.
func (h *Host) entityAway(name string) string {
	if len(h.directory.WhereProvider(name)) > 0 {
		return name
	}
	id := ""
	for _, a := range h.residents() {
		if a.Name == name && a.ID != id {
			if id != "" {
				return ""
			}
			id = a.ID
		}
	}
	return id
}

// residents is the actors that run anywhere.
func (h *Host) residents() (all []control.Resident) {
	for _, s := range h.directory.Hosts() {
		all = append(all, s.Actors...)
	}
	return all
}

func onlyHub(what string) error {
	return &lattice.Error{Kind: lattice.ErrUnsupported, Msg: "only the hub's host can " + what, Hint: "send the command to the host of `wattle up`"}
}

var _ control.Remover = (*Host)(nil)

// RemoveHost ends the membership of another host.
func (h *Host) RemoveHost(ctx context.Context, req control.RemoveRequest) error {
	if h.cfg.Remove == nil {
		return onlyHub("remove hosts")
	}
	if err := h.cfg.Remove(ctx, req.Host); err != nil {
		return err
	}
	h.event("host.removed", req.Host, nil)
	return nil
}

// company is the other hosts, as far as is known here.
func (h *Host) company() (all []control.HostInfo) {
	for _, s := range h.directory.Hosts() {
		if s.Host.ID == h.cfg.ID {
			continue
		}
		info := s.Host
		info.State, info.RTT, info.Seen = control.HostUp, control.Duration(s.RTT), s.Seen
		switch {
		case s.Left:
			info.State = control.HostLeft
		case s.Stale:
			info.State = control.HostLost
		}
		all = append(all, info)
	}
	return all
}
