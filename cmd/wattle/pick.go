package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
)

// share is what one host is to run.
type share struct {
	host      control.HostInfo
	instances int    // 0: as many as it likes
	where     string // for people
}

// pick chooses hosts by labels: without any the hub's, else of those that are there the one that runs the fewest actors, or as many hosts as
// there are instances.
func (r *reach) pick(ctx context.Context, labels map[string]string, instances int) ([]share, error) {
	if len(labels) == 0 {
		return []share{{host: control.HostInfo{ID: r.hub.Host()}, instances: instances}}, nil
	}
	inv, err := r.inventory(ctx)
	if err != nil {
		return nil, err
	}
	fits := slices.DeleteFunc(slices.Clone(inv.Hosts), func(h control.HostInfo) bool { return h.State != control.HostUp || !hasLabels(h, labels) })
	if len(fits) == 0 {
		return nil, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "no host that is up has the labels " + configText(labels), Hint: "`wattle get hosts` shows their labels"}
	}
	runs := map[string]int{}
	for _, a := range inv.Actors {
		runs[a.Host]++
	}
	slices.SortStableFunc(fits, func(a, b control.HostInfo) int {
		return cmp.Or(cmp.Compare(runs[a.ID], runs[b.ID]), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return spread(fits, instances), nil
}

// spread gives each host its share of the instances.
func spread(hosts []control.HostInfo, instances int) (shares []share) {
	hosts = hosts[:min(len(hosts), max(instances, 1))]
	for i, h := range hosts {
		n := instances / len(hosts)
		if i < instances%len(hosts) {
			n++
		}
		shares = append(shares, share{h, n, " on " + h.Name})
	}
	return shares
}

func hasLabels(h control.HostInfo, labels map[string]string) bool {
	for k, v := range labels {
		if h.Labels[k] != v && (k != "name" || h.Name != v) {
			return false
		}
	}
	return true
}
