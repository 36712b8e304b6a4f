package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/wattle-io/wattle/lattice/bus"
)

// MembershipFile is where a host that has joined a lattice keeps how.
func (h *Home) MembershipFile() string { return h.Path("membership.json") }

// ErrNotMember is the error of Membership when no host has joined from this directory.
var ErrNotMember = errors.New("this host has not joined a lattice")

// Membership reads how the host of this directory takes part in its lattice.
func (h *Home) Membership() (*bus.Membership, error) {
	if _, err := os.Stat(h.MembershipFile()); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w (there is none in %s); make a token with `wattle join-token` where the lattice is served, then run `wattle host --join TOKEN`", ErrNotMember, h.Dir)
	}
	return bus.LoadMembership(h.MembershipFile())
}

// MayJoin refuses a directory that belongs to a lattice already.
func (h *Home) MayJoin() error {
	if _, err := os.Stat(h.MembershipFile()); err == nil {
		return fmt.Errorf("the host of %s has joined a lattice already; run `wattle host` without --join, or give another directory with --dir", h.Dir)
	}
	if _, err := os.Stat(h.Path("identity")); err == nil {
		return fmt.Errorf("%s has a lattice of its own; give the host another directory with --dir", h.Dir)
	}
	return nil
}
