package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattle-io/wattle"
	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
	"github.com/wattle-io/wattle/host"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/trust"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/standard"
)

// member is a host of a lattice that is served elsewhere: a leaf of its hub, a host and its control service.
type member struct {
	membership *bus.Membership
	leaf       *bus.Leaf
	conn       *nats.Conn
	trust      *trust.Follower
	host       *host.Host
	service    *control.Service
}

// memberConfig is what `wattle host` may choose.
type memberConfig struct {
	http   string                  // address of an HTTP server; "" for none
	log    *slog.Logger            // of the host
	logs   func(control.LogRecord) // of the actors
	onLink func(up bool)           // told of the link to the hub
}

// startMember starts the host that has joined from the state directory. On an error nothing is left running.
func startMember(ctx context.Context, h *home.Home, cfg memberConfig) (*member, error) {
	m := &member{}
	if err := m.start(ctx, h, cfg); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *member) start(ctx context.Context, h *home.Home, cfg memberConfig) (err error) {
	if m.membership, err = h.Membership(); err != nil {
		return err
	}
	leaf := m.membership.Leaf()
	leaf.Dir, leaf.Log = h.Path("jetstream"), cfg.log
	leaf.OnRenew = func(u *bus.User) {
		renewed := *m.membership
		renewed.User = u
		if err := renewed.Save(h.MembershipFile()); err != nil {
			cfg.log.Error("the renewed credential could not be kept", "err", err)
		}
	}
	if m.leaf, err = bus.StartLeaf(ctx, leaf); err != nil {
		return err
	}
	m.leaf.OnLink(cfg.onLink)
	if m.conn, err = m.leaf.Connect(); err != nil {
		return err
	}
	m.waitUp(ctx)
	if m.trust, err = trust.Follow(m.conn, m.membership.User.Lattice(), h.Path("trust.json"), cfg.log); err != nil {
		return err
	}
	if err := m.trust.Wait(ctx); err != nil { // from its file, unless it has just joined
		return err
	}
	return m.startHost(ctx, h, cfg)
}

// linkPatience is how long a host that starts waits for its hub before it goes on with what it has.
const linkPatience = 500 * time.Millisecond

func (m *member) waitUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, linkPatience)
	defer cancel()
	_ = m.leaf.WaitUp(ctx) // later is early enough
}

func (m *member) startHost(ctx context.Context, h *home.Home, cfg memberConfig) (err error) {
	m.host, err = host.New(ctx, host.Config{
		ID: m.leaf.ID(), Name: m.membership.Name, Labels: m.membership.Labels, Version: wattle.Version, Dir: h.Dir,
		NATS: m.conn, Joined: true, RTT: m.leaf.RTT, Trust: m.trust, Lattice: m.trust.Commands,
		Drivers: memberDrivers(cfg.http != ""), Contracts: standard.Contracts(), Settings: map[string]map[string]string{"httpserver": {"addr": loopback(cfg.http)}},
		Log: cfg.log, Logs: cfg.logs,
	})
	if err != nil {
		return err
	}
	m.service, err = control.Serve(m.conn, control.ServiceConfig{Host: m.leaf.ID(), Node: m.host, Trust: m.trust.Commands, Log: cfg.log})
	return err
}

// memberDrivers are the providers that a host can have which is not the hub's.
func memberDrivers(http bool) (list []providers.Driver) {
	for _, d := range standard.Drivers() {
		if !d.Hub && (http || d.Name != "httpserver") {
			list = append(list, d)
		}
	}
	return list
}

// Close ends everything, in reverse order.
func (m *member) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var errs []error
	if m.service != nil {
		errs = append(errs, m.service.Close())
	}
	if m.host != nil {
		errs = append(errs, m.host.Close(ctx))
	}
	if m.trust != nil {
		m.trust.Close()
	}
	if m.conn != nil {
		m.conn.Close()
	}
	if m.leaf != nil {
		errs = append(errs, m.leaf.Shutdown(ctx))
	}
	return errors.Join(errs...)
}
