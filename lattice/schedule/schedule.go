package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
)

// MaxInstances is the most instances of one actor in a lattice.
const MaxInstances = 10_000

// Scheduler places actors on the hosts of a lattice. Its methods may be called from any goroutine.
type Scheduler struct {
	lattice *control.Lattice
	live    func() []string
}

// New makes a scheduler. Live is the hosts that are there, as a control.Directory knows them; nil if nobody knows: then each search takes
// somewhat longer.
func New(l *control.Lattice, live func() []string) *Scheduler { return &Scheduler{l, live} }

// Request asks to start an actor somewhere.
type Request struct {
	Start     control.StartRequest // what; On says which hosts may
	Actor     string               // its id, if known: so a host that runs it already is told apart
	Contracts []string             // that it needs on its host
	Memory    uint64               // bytes that one instance may use
	Instances int                  // in all; each host is told how many of them it may run. 0: one host, as many as it likes
	Strategy  Strategy
}

// Start finds hosts and starts the actor on them. A host that cannot after all gives way to another; a refusal that all would repeat ends it. With
// Replace, it is started where it runs, in the place of what runs. It returns what was started, also with an error.
func (s *Scheduler) Start(ctx context.Context, r Request) ([]control.ActorInfo, error) {
	if r.Instances < 0 || r.Instances > MaxInstances {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%d instances cannot be", r.Instances), Hint: fmt.Sprintf("use 1 to %d", MaxInstances)}
	}
	n := max(r.Instances, 1)
	a := control.Auction{Live: s.live, Ask: control.Ask{Actor: r.Actor, Labels: r.Start.On, Contracts: r.Contracts, Instances: n, Memory: r.Memory}}
	if r.Start.Replace {
		return s.update(ctx, r, a)
	}
	if r.Strategy != Binpack {
		a.Enough = enough(n)
	}
	bids, err := s.bids(ctx, a)
	if err != nil {
		return nil, err
	}
	return s.search(r, a).run(ctx, bids)
}

func (s *Scheduler) search(r Request, a control.Auction) *search {
	return &search{Scheduler: s, request: r, auction: a, left: max(r.Instances, 1), tried: make(map[string]bool)}
}

// update is Start with Replace.
func (s *Scheduler) update(ctx context.Context, r Request, a control.Auction) ([]control.ActorInfo, error) {
	bids, err := s.lattice.Auction(ctx, a)
	if err != nil { // a host that is silent may run it
		return nil, err
	}
	if slices.ContainsFunc(bids, runs) {
		return s.replace(ctx, r, bids)
	}
	return s.search(r, a).run(ctx, bids)
}

// bids holds an auction. That some hosts are silent is no reason to give up what others offer.
func (s *Scheduler) bids(ctx context.Context, a control.Auction) ([]control.Bid, error) {
	bids, err := s.lattice.Auction(ctx, a)
	if err != nil && (len(bids) == 0 || ctx.Err() != nil) {
		return nil, err
	}
	return bids, nil
}

// enough ends the auction of a spread when there is a host for each instance that is not busy: what others might bid would make the choice
// little better. (A binpack has to know all, to find the fullest.)
func enough(n int) func([]control.Bid) bool {
	const busy = 0.8
	return func(bids []control.Bid) bool {
		hosts := 0
		for _, b := range bids {
			if !runs(b) && b.Free > 0 && b.Load < busy {
				hosts++
			}
		}
		return hosts >= n
	}
}

func runs(b control.Bid) bool { return b.Running > 0 }

// search is a start that is under way.
type search struct {
	*Scheduler
	request Request
	auction control.Auction
	left    int             // instances still to be started
	tried   map[string]bool // hosts
	started []control.ActorInfo
	failed  []error
}

// run starts round after round, until all instances run or no host is left.
func (s *search) run(ctx context.Context, bids []control.Bid) ([]control.ActorInfo, error) {
	for s.left > 0 {
		shares, err := Pick(s.untried(bids), s.left, s.request.Strategy)
		if err != nil && s.auction.Enough != nil { // it was ended early: there may be others
			s.auction.Enough = nil
			if bids, err = s.bids(ctx, s.auction); err == nil {
				continue
			}
		}
		if err != nil {
			if len(s.failed) == 0 {
				return s.started, err
			}
			return s.started, errors.Join(s.failed...)
		}
		if !s.round(ctx, shares) {
			return s.started, errors.Join(s.failed...)
		}
	}
	return s.started, nil
}

// untried is the bids of hosts that neither run it nor refused it.
func (s *search) untried(bids []control.Bid) []control.Bid {
	return slices.DeleteFunc(slices.Clone(bids), func(b control.Bid) bool { return runs(b) || s.tried[b.Host] })
}

// round starts the shares. False if one was refused in a way that others would repeat.
func (s *search) round(ctx context.Context, shares []Share) bool {
	goOn := true
	for i, res := range s.startAll(ctx, s.request, shares) {
		s.tried[shares[i].Host] = true
		if res.err == nil {
			s.started, s.left = append(s.started, res.info), s.left-shares[i].Instances
			continue
		}
		s.failed = append(s.failed, fmt.Errorf("host %s: %w", shares[i].Host, res.err))
		goOn = goOn && elsewhere(res.err)
	}
	return goOn
}

// elsewhere reports whether another host may succeed. One whose deadline ran out may have started it all the same.
func elsewhere(err error) bool {
	switch lattice.KindOf(err) {
	case lattice.ErrBusy, lattice.ErrUnavailable, lattice.ErrLimit, lattice.ErrUnsupported, lattice.ErrConflict:
		return true
	}
	return false
}

type result struct {
	info control.ActorInfo
	err  error
}

// startAll starts all shares at once.
func (s *Scheduler) startAll(ctx context.Context, r Request, shares []Share) []result {
	results := make([]result, len(shares))
	var wg sync.WaitGroup
	for i, share := range shares {
		req := r.Start
		if r.Instances > 0 {
			req.Limits.Instances = share.Instances
		}
		wg.Go(func() {
			info, err := s.lattice.Host(share.Host).Start(ctx, req)
			results[i] = result{info, err}
		})
	}
	wg.Wait()
	return results
}

// replace starts the actor where it runs. If another number of instances is asked for, hosts are added or left out.
func (s *Scheduler) replace(ctx context.Context, r Request, bids []control.Bid) ([]control.ActorInfo, error) {
	to := make(map[string]int)
	for _, b := range bids {
		to[b.Host] = b.Running
	}
	if r.Instances > 0 {
		changes, err := Rescale(bids, r.Instances, r.Strategy)
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			to[c.Host] = c.To
		}
	}
	var shares []Share
	for host, n := range to {
		if n > 0 {
			shares = append(shares, Share{host, n})
		}
	}
	slices.SortFunc(shares, func(a, b Share) int { return cmp.Compare(a.Host, b.Host) })
	var started []control.ActorInfo
	var failed []error
	for i, res := range s.startAll(ctx, r, shares) {
		if res.err != nil {
			failed = append(failed, fmt.Errorf("host %s: %w", shares[i].Host, res.err))
		} else {
			started = append(started, res.info)
		}
	}
	if len(failed) > 0 {
		return started, errors.Join(failed...)
	}
	return started, s.stopOn(ctx, bids, to)
}

// stopOn stops the actor where none of its instances is to be.
func (s *Scheduler) stopOn(ctx context.Context, bids []control.Bid, to map[string]int) error {
	var failed []error
	for _, b := range bids {
		if b.Running == 0 || to[b.Host] > 0 {
			continue
		}
		if err := s.lattice.Host(b.Host).Stop(ctx, control.StopRequest{Actor: b.ActorID}); err != nil {
			failed = append(failed, fmt.Errorf("host %s: %w", b.Host, err))
		}
	}
	return errors.Join(failed...)
}
