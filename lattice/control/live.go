package control

import (
	"slices"

	"github.com/wattle-io/wattle/lattice"
)

// Live is the ids of the hosts that gave a sign of life lately: for Auction.
func (d *Directory) Live() []string {
	var ids []string
	for _, h := range d.Hosts() {
		if !h.Stale {
			ids = append(ids, h.Host.ID)
		}
	}
	return ids
}

// Concerned is the live hosts that a link matters to: those that run its source or its target. For Lattice.PutLink.
func (d *Directory) Concerned(l lattice.Link) []string {
	var ids []string
	for _, h := range d.Hosts() {
		if !h.Stale && (h.runs(l.Source) || h.runs(l.Target)) {
			ids = append(ids, h.Host.ID)
		}
	}
	return ids
}

// runs reports whether an actor of that id or a provider of that name is on the host.
func (p Presence) runs(entity string) bool {
	return slices.ContainsFunc(p.Actors, func(a Resident) bool { return a.ID == entity }) ||
		slices.ContainsFunc(p.Providers, func(o Offer) bool { return o.Name == entity })
}
