package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
)

// Scale makes n instances of an actor (id or name) run in all, where its labels allow, and returns what it changed, also with an error. It adds
// before it takes away. ErrNotFound if it runs nowhere, ErrConflict if several actors have the name.
func (s *Scheduler) Scale(ctx context.Context, actor string, n int, strategy Strategy) ([]Change, error) {
	if n < 1 || n > MaxInstances {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("an actor cannot be scaled to %d instances", n),
			Hint: fmt.Sprintf("use 1 to %d; to have none, stop it", MaxInstances)}
	}
	bids, err := s.of(ctx, actor, control.Ask{Instances: n})
	if err != nil {
		return nil, err
	}
	changes, err := Rescale(bids, n, strategy)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(b.To-b.From, a.To-a.From) })
	for i, c := range changes {
		if err := s.change(ctx, bids, c); err != nil {
			return changes[:i], fmt.Errorf("host %s: %w", c.Host, err)
		}
	}
	return changes, nil
}

// of gives all hosts' bids for an actor that runs somewhere, with the labels that it needs.
func (s *Scheduler) of(ctx context.Context, actor string, ask control.Ask) ([]control.Bid, error) {
	ask.Actor = actor
	bids, err := s.lattice.Auction(ctx, control.Auction{Ask: ask, Live: s.live})
	if err != nil { // a host that is silent may run it
		return nil, err
	}
	i := slices.IndexFunc(bids, runs)
	if i < 0 {
		return nil, &lattice.Error{Kind: lattice.ErrNotFound, Msg: fmt.Sprintf("no actor %.80q runs in the lattice", actor), Hint: "`wattle get actors` lists those that do"}
	}
	if slices.ContainsFunc(bids, func(b control.Bid) bool { return runs(b) && b.ActorID != bids[i].ActorID }) {
		return nil, &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("several actors are named %.80q", actor), Hint: "give the id; `wattle get actors --json` has it"}
	}
	if start := bids[i].Start; start != nil {
		bids = fitting(bids, start.On)
	}
	return bids, nil
}

// fitting takes back the offers of hosts that lack a label.
func fitting(bids []control.Bid, labels map[string]string) []control.Bid {
	bids = slices.Clone(bids)
	for i, b := range bids {
		for k, v := range labels {
			if b.Labels[k] != v {
				bids[i].Free, bids[i].Refused = 0, fmt.Sprintf("it has no label %s=%s", k, v)
			}
		}
	}
	return bids
}

// change carries out one change.
func (s *Scheduler) change(ctx context.Context, bids []control.Bid, c Change) error {
	host := s.lattice.Host(c.Host)
	model := bids[slices.IndexFunc(bids, runs)]
	switch {
	case c.To == 0:
		return host.Stop(ctx, control.StopRequest{Actor: model.ActorID})
	case c.From > 0:
		_, err := host.Scale(ctx, control.ScaleRequest{Actor: model.ActorID, Instances: c.To})
		return err
	case model.Start == nil || model.Start.Hash == "":
		return notUploaded(model.ActorID)
	}
	req := *model.Start
	req.Replace, req.Limits.Instances = false, c.To
	_, err := host.Start(ctx, req)
	return err
}

func notUploaded(actor string) error {
	return &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("actor %s was started from a file of its host, so no other can start it", actor),
		Hint: "start it with `wattle start`"}
}

// Stop stops an actor (id or name) on all hosts. ErrNotFound if it runs nowhere.
func (s *Scheduler) Stop(ctx context.Context, actor string) error {
	bids, err := s.of(ctx, actor, control.Ask{})
	if err != nil {
		return err
	}
	return s.stopOn(ctx, bids, nil)
}

// Drained tells what became of the actors of a host that is being drained.
type Drained struct {
	Moved   []Move
	Stopped []Move // that run nowhere now: with force only
	Stayed  []Move // that still run there
}

// Move is an actor and where it runs now.
type Move struct {
	Actor control.DrainActor
	To    []Share
	Err   error // why it could not move
}

// Drain makes a host take no new placements and moves its actors to others: each is started elsewhere first, then ends here, when its calls have
// ended. What cannot move stays and is named in the error (ErrUnavailable); with force it is stopped.
func (s *Scheduler) Drain(ctx context.Context, host string, force bool) (Drained, error) {
	var d Drained
	reply, err := s.lattice.Host(host).Drain(ctx, control.DrainRequest{})
	if err != nil {
		return d, err
	}
	for _, a := range reply.Actors {
		m := Move{Actor: a}
		m.To, m.Err = s.copyOf(ctx, host, a)
		if m.Err == nil || force {
			if err := s.lattice.Host(host).Stop(ctx, control.StopRequest{Actor: a.ID}); err != nil {
				m.Err = errors.Join(m.Err, err)
				d.Stayed = append(d.Stayed, m)
				continue
			}
		}
		switch {
		case m.Err == nil:
			d.Moved = append(d.Moved, m)
		case force:
			d.Stopped = append(d.Stopped, m)
		default:
			d.Stayed = append(d.Stayed, m)
		}
	}
	return d, d.err(host)
}

func (d Drained) err(host string) error {
	if len(d.Stayed) == 0 {
		return nil
	}
	e := &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("host %s takes no more placements, but these actors stay on it:", host),
		Hint: "make room for them, or stop them with --force"}
	for _, m := range d.Stayed[:min(len(d.Stayed), maxReasons)] {
		e.Msg += fmt.Sprintf(" %s (%v)", cmp.Or(m.Actor.Name, m.Actor.ID), m.Err)
	}
	return e
}

// copyOf makes as many instances of an actor run on other hosts as run on this one.
func (s *Scheduler) copyOf(ctx context.Context, host string, a control.DrainActor) ([]Share, error) {
	if a.Start.Hash == "" {
		return nil, notUploaded(a.ID)
	}
	n := max(a.Instances, 1)
	ask := control.Ask{Actor: a.ID, Labels: a.Start.On, Contracts: a.Contracts, Instances: n, Memory: a.Start.Limits.Memory}
	bids, err := s.bids(ctx, control.Auction{Ask: ask, Live: s.live})
	if err != nil {
		return nil, err
	}
	bids = slices.DeleteFunc(bids, func(b control.Bid) bool { return b.Host == host })
	shares, err := Pick(bids, n, Spread)
	if err != nil {
		return nil, err
	}
	for i, share := range shares {
		if err := s.add(ctx, bids, a, share); err != nil {
			return shares[:i], fmt.Errorf("host %s: %w", share.Host, err)
		}
	}
	return shares, nil
}

// add starts instances of an actor on a host, or more of them.
func (s *Scheduler) add(ctx context.Context, bids []control.Bid, a control.DrainActor, share Share) error {
	host := s.lattice.Host(share.Host)
	b := bids[slices.IndexFunc(bids, func(b control.Bid) bool { return b.Host == share.Host })]
	if runs(b) {
		_, err := host.Scale(ctx, control.ScaleRequest{Actor: a.ID, Instances: b.Running + share.Instances})
		return err
	}
	req := a.Start
	req.Replace, req.Limits.Instances = false, share.Instances
	_, err := host.Start(ctx, req)
	return err
}
