// Package schedule decides where actors run, and has it done: it starts, scales and moves actors over the hosts of a lattice.
//
// What it decides is in pure functions (Pick, Rescale) of what hosts bid. It keeps no state and runs nothing in the background: each decision is
// taken anew, by whoever asks, on what the hosts say at that moment.
package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
)

// Strategy is how instances are shared among hosts.
type Strategy string

// The strategies.
const (
	Spread  Strategy = "spread"  // as evenly as possible: the loss of a host costs least. The default
	Binpack Strategy = "binpack" // on as few hosts as possible, the busiest first: others stay free
)

// ParseStrategy reads a strategy; nothing is Spread.
func ParseStrategy(s string) (Strategy, error) {
	switch Strategy(s) {
	case "", Spread:
		return Spread, nil
	case Binpack:
		return Binpack, nil
	}
	return "", &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("there is no strategy %.40q", s), Hint: "use spread or binpack"}
}

// Share is what one host gets.
type Share struct {
	Host      string
	Instances int
}

// Pick shares n more instances among the hosts that bid, none more than it has Free, and returns the shares in the order of their hosts' ids. What
// runs there already counts for the balance. All or nothing: ErrUnavailable if no host takes any, ErrLimit if they do not take all; both say why.
func Pick(bids []control.Bid, n int, s Strategy) ([]Share, error) {
	total := 0
	for _, b := range bids {
		total += b.Free
	}
	if total < n {
		return nil, shortage(bids, n, total)
	}
	give := spread
	if s == Binpack {
		give = binpack
	}
	var shares []Share
	for i, count := range give(bids, n) {
		if count > 0 {
			shares = append(shares, Share{bids[i].Host, count})
		}
	}
	slices.SortFunc(shares, func(a, b Share) int { return cmp.Compare(a.Host, b.Host) })
	return shares, nil
}

// spread gives one after the other to the host that has the fewest, of those to the least busy, of those to the nearest.
func spread(bids []control.Bid, n int) []int {
	given := make([]int, len(bids))
	order := sorted(bids, func(a, b control.Bid) int {
		return cmp.Or(cmp.Compare(a.Load, b.Load), cmp.Compare(a.RTT, b.RTT), cmp.Compare(a.Host, b.Host))
	})
	for range n {
		best := -1
		for _, i := range order {
			if given[i] < bids[i].Free && (best < 0 || bids[i].Running+given[i] < bids[best].Running+given[best]) {
				best = i
			}
		}
		given[best]++
	}
	return given
}

// binpack fills one host after the other: first those that run the actor, then the busiest, then the smallest.
func binpack(bids []control.Bid, n int) []int {
	given := make([]int, len(bids))
	order := sorted(bids, func(a, b control.Bid) int {
		return cmp.Or(-cmp.Compare(a.Running, b.Running), -cmp.Compare(a.Load, b.Load), cmp.Compare(a.Free, b.Free), cmp.Compare(a.Host, b.Host))
	})
	for _, i := range order {
		given[i] = min(n, bids[i].Free)
		n -= given[i]
	}
	return given
}

// sorted is the indices of the bids in an order.
func sorted(bids []control.Bid, compare func(a, b control.Bid) int) []int {
	order := make([]int, len(bids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return compare(bids[i], bids[j]) })
	return order
}

const maxReasons = 5

// shortage says why there is no room.
func shortage(bids []control.Bid, n, total int) error {
	var why []string
	for _, b := range bids {
		if b.Refused != "" && len(why) < maxReasons {
			why = append(why, fmt.Sprintf("%s: %s", cmp.Or(b.Name, b.Host), b.Refused))
		}
	}
	e := &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("there is room for %d instances, not for %d", total, n),
		Hint: "ask for fewer, ask for fewer labels, or add a host"}
	if total == 0 {
		e.Kind, e.Msg = lattice.ErrUnavailable, fmt.Sprintf("none of %d hosts takes it", len(bids))
	}
	if len(why) > 0 {
		e.Msg += " (" + strings.Join(why, "; ") + ")"
	}
	return e
}

// Change is a host whose number of instances is to change. From 0 it starts the actor, to 0 it stops it.
type Change struct {
	Host     string
	From, To int
}

// Rescale says what to change so that n instances run in all; what need not change stays. Errors as for Pick.
func Rescale(bids []control.Bid, n int, s Strategy) ([]Change, error) {
	running := 0
	for _, b := range bids {
		running += b.Running
	}
	to := make(map[string]int)
	if n < running {
		for i, left := range take(bids, running-n, s) {
			to[bids[i].Host] = left
		}
	} else {
		shares, err := Pick(bids, n-running, s)
		if err != nil {
			return nil, err
		}
		for _, b := range bids {
			to[b.Host] = b.Running
		}
		for _, share := range shares {
			to[share.Host] += share.Instances
		}
	}
	var changes []Change
	for _, b := range bids {
		if to[b.Host] != b.Running {
			changes = append(changes, Change{b.Host, b.Running, to[b.Host]})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Host, b.Host) })
	return changes, nil
}

// take is what is left of each host's instances when n go: with Spread from whoever has most, with Binpack from whoever has fewest.
func take(bids []control.Bid, n int, s Strategy) []int {
	left := make([]int, len(bids))
	for i, b := range bids {
		left[i] = b.Running
	}
	order := sorted(bids, func(a, b control.Bid) int { return cmp.Or(-cmp.Compare(a.Load, b.Load), cmp.Compare(a.Host, b.Host)) })
	for range n {
		from := -1
		for _, i := range order {
			better := from >= 0 && left[i] > left[from]
			if s == Binpack {
				better = from >= 0 && left[i] < left[from]
			}
			if left[i] > 0 && (from < 0 || better) {
				from = i
			}
		}
		left[from]--
	}
	return left
}
