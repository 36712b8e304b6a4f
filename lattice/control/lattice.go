package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Lattice drives a whole lattice: it makes clients of hosts, and asks several of them for what one cannot do.
type Lattice struct {
	nc   *nats.Conn
	user *bus.User
}

// NewLattice makes a lattice whose commands are signed by the user. Nothing is sent.
func NewLattice(nc *nats.Conn, user *bus.User) *Lattice { return &Lattice{nc, user} }

// Host is the client of one host.
func (l *Lattice) Host(id string) *Client { return NewClient(l.nc, l.user, id) }

// PutLink has the host "via", which must have the right to write links, store a link, and returns when the hosts that are concerned have
// applied it. Those that have not when the context ends, or that refuse it, are named in a *PendingError, which comes with the link: it is stored all the
// same, and holds there as soon as they can.
func (l *Lattice) PutLink(ctx context.Context, via string, link lattice.Link, concerned func(lattice.Link) []string) (lattice.Link, error) {
	stored, err := l.Host(via).PutLink(ctx, link)
	if err != nil {
		return stored, err
	}
	return stored, l.AwaitLink(ctx, stored.Key(), stored.Revision, concerned(stored))
}

// AwaitLink waits until the hosts have that revision of a link. The error is a *PendingError.
func (l *Lattice) AwaitLink(ctx context.Context, key lattice.LinkKey, revision uint64, hosts []string) error {
	pending := &PendingError{Key: key, Revision: revision, Hosts: make(map[string]error)}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, host := range hosts {
		wg.Go(func() {
			if err := l.Host(host).AwaitLink(ctx, key, revision); err != nil {
				mu.Lock()
				defer mu.Unlock()
				pending.Hosts[host] = err
			}
		})
	}
	wg.Wait()
	if len(pending.Hosts) == 0 {
		return nil
	}
	return pending
}

// PendingError tells that a link is stored, and which hosts have not applied it, each with why. It matches the kinds of these errors.
type PendingError struct {
	Key      lattice.LinkKey
	Revision uint64
	Hosts    map[string]error
}

// Error names the hosts.
func (e *PendingError) Error() string {
	var list []string
	for _, host := range slices.Sorted(maps.Keys(e.Hosts)) {
		list = append(list, fmt.Sprintf("%s (%v)", host, e.Hosts[host]))
	}
	return fmt.Sprintf("the link of %s for %s is stored, but does not hold yet on %s", e.Key.Source, e.Key.Contract, strings.Join(list, ", "))
}

// Unwrap gives the hosts' errors.
func (e *PendingError) Unwrap() []error { return slices.Collect(maps.Values(e.Hosts)) }

var _ error = (*PendingError)(nil)

// IsPending reports whether the error says only that some hosts have not applied a link yet.
func IsPending(err error) bool {
	var p *PendingError
	return errors.As(err, &p)
}
