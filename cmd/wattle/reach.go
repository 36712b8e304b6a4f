package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
)

// reach is a connection to the lattice that runs from the state directory: to the hub's host, and through it to all others.
type reach struct {
	hub  *control.Client
	all  *control.Lattice
	conn *nats.Conn
}

// reach connects. The caller closes it.
func (c *cli) reach(ctx context.Context) (*reach, error) {
	h, err := c.home()
	if err != nil {
		return nil, err
	}
	running, err := h.Running()
	if err != nil {
		return nil, err
	}
	admin, err := bus.LoadUser(h.AdminCreds())
	if err != nil {
		return nil, err
	}
	conn, err := bus.Connect(ctx, running.URL, admin)
	if err != nil {
		return nil, fmt.Errorf("the lattice of %s cannot be reached: %w; is `wattle up` still running?", h.Dir, err)
	}
	all := control.NewLattice(conn, admin)
	return &reach{hub: all.Host(running.Host), all: all, conn: conn}, nil
}

// Close ends the connection.
func (r *reach) Close() { r.conn.Close() }

// hostTime is how long to wait for what one host has to say of itself.
const hostTime = 3 * time.Second

// inventory is what is there on all hosts that can be reached. Hosts that cannot are in it, as far as the hub's host knows them. Each is asked, whatever
// the hub's host knows of it: it may have come a moment ago.
func (r *reach) inventory(ctx context.Context) (control.Inventory, error) {
	inv, err := r.hub.Inventory(ctx)
	if err != nil {
		return inv, err
	}
	if err := r.known(ctx, &inv); err != nil {
		return inv, err
	}
	parts := make([]control.Inventory, len(inv.Hosts))
	var wg sync.WaitGroup
	for i, h := range inv.Hosts {
		if h.ID == r.hub.Host() || h.State == control.HostLeft {
			continue
		}
		wg.Go(func() { parts[i] = r.ask(ctx, &inv.Hosts[i]) })
	}
	wg.Wait()
	for _, p := range parts {
		inv.Actors, inv.Providers = append(inv.Actors, p.Actors...), append(inv.Providers, p.Providers...)
	}
	return inv, nil
}

// known adds the hosts that have joined and were not seen since the hub started. Names and labels are those of the tokens: a host cannot change them.
func (r *reach) known(ctx context.Context, inv *control.Inventory) error {
	members, err := r.members(ctx)
	if err != nil {
		return err
	}
	for _, m := range members {
		i := slices.IndexFunc(inv.Hosts, func(h control.HostInfo) bool { return h.ID == m.ID })
		if i < 0 {
			i = len(inv.Hosts)
			inv.Hosts = append(inv.Hosts, control.HostInfo{ID: m.ID, State: control.HostLost})
		}
		inv.Hosts[i].Name, inv.Hosts[i].Labels = m.Name, m.Labels
	}
	return nil
}

// ask asks one host, and completes what is known of it.
func (r *reach) ask(ctx context.Context, h *control.HostInfo) control.Inventory {
	ctx, cancel := context.WithTimeout(ctx, hostTime)
	defer cancel()
	own, err := r.all.Host(h.ID).Inventory(ctx)
	if err != nil || len(own.Hosts) == 0 {
		h.State = control.HostLost
		return control.Inventory{}
	}
	h.State = control.HostUp
	h.Version, h.Started, h.Uptime, h.Memory = own.Hosts[0].Version, own.Hosts[0].Started, own.Hosts[0].Uptime, own.Hosts[0].Memory
	return own
}

// running is the hosts on which the actor of that name or id runs; the hub's if none does, which says so in its answer. Several actors of one name are
// refused.
func (r *reach) running(ctx context.Context, ref string) ([]*control.Client, error) {
	inv, err := r.inventory(ctx)
	if err != nil {
		return nil, err
	}
	var hosts []*control.Client
	id := ""
	for _, a := range inv.Actors {
		if a.ID != ref && a.Name != ref {
			continue
		}
		if id != "" && id != a.ID {
			return nil, &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("several actors are named %q", ref), Hint: "give the id; `wattle get actors --json` has it"}
		}
		id, hosts = a.ID, append(hosts, r.all.Host(a.Host))
	}
	if len(hosts) == 0 {
		hosts = append(hosts, r.hub)
	}
	return hosts, nil
}
