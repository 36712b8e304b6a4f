package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattle-io/wattle"
	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
	"github.com/wattle-io/wattle/host"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/standard"
)

// node is a whole lattice in this process: a hub, a host and its control service.
type node struct {
	home    *home.Home
	hub     *bus.Hub
	conn    *nats.Conn
	host    *host.Host
	service *control.Service
	undo    []func() // what Close has to do besides, last first
}

// nodeConfig is what the commands that serve a lattice may choose.
type nodeConfig struct {
	lattice string
	http    string                  // address of the HTTP server
	log     *slog.Logger            // of the host
	logs    func(control.LogRecord) // of the actors
}

// startNode serves the lattice of a state directory. On an error nothing is left running.
func startNode(ctx context.Context, h *home.Home, cfg nodeConfig) (*node, error) {
	n := &node{home: h}
	if err := n.start(ctx, cfg); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *node) start(ctx context.Context, cfg nodeConfig) error {
	release, err := n.home.Lock()
	if err != nil {
		return err
	}
	n.undo = append(n.undo, release)
	identity, err := loadIdentity(n.home, cfg.lattice)
	if err != nil {
		return err
	}
	if n.hub, err = bus.StartHub(ctx, bus.HubConfig{Identity: identity, Dir: n.home.Path("jetstream"), Name: "hub", Log: cfg.log}); err != nil {
		return err
	}
	if err := n.startHost(ctx, identity, cfg); err != nil {
		return err
	}
	return n.announce(identity)
}

// loadIdentity reads the lattice's keys, or makes them on first use.
func loadIdentity(h *home.Home, lattice string) (*bus.Identity, error) {
	dir := h.Path("identity")
	if _, err := os.Stat(dir); err == nil {
		return bus.LoadIdentity(dir)
	}
	identity, err := bus.NewIdentity(lattice)
	if err != nil {
		return nil, err
	}
	return identity, identity.Save(dir)
}

func (n *node) startHost(ctx context.Context, identity *bus.Identity, cfg nodeConfig) (err error) {
	key, err := n.home.HostKey()
	if err != nil {
		return err
	}
	id, err := key.PublicKey()
	if err != nil {
		return err
	}
	service, err := identity.User(bus.RoleService, "host", 0)
	if err != nil {
		return err
	}
	if n.conn, err = n.hub.Connect(service); err != nil {
		return err
	}
	trust, err := envelope.TrustOf(identity)
	if err != nil {
		return err
	}
	signer, err := identity.User(bus.RoleAdmin, "host", 0)
	if err != nil {
		return err
	}
	name, _ := os.Hostname() // a host without a name is known by its id
	n.host, err = host.New(ctx, host.Config{
		ID: id, Name: name, Version: wattle.Version, Dir: n.home.Dir, NATS: n.conn, Trust: n.home.Trust(), Lattice: envelope.Fixed(trust), Signer: signer,
		Drivers: standard.Drivers(), Contracts: standard.Contracts(), Settings: map[string]map[string]string{"httpserver": {"addr": loopback(cfg.http)}},
		Log: cfg.log, Logs: cfg.logs,
	})
	if err != nil {
		return err
	}
	n.service, err = control.Serve(n.conn, control.ServiceConfig{Host: id, Node: n.host, Trust: envelope.Fixed(trust), Log: cfg.log})
	return err
}

// announce lets the other commands find this lattice.
func (n *node) announce(identity *bus.Identity) error {
	admin, err := identity.User(bus.RoleAdmin, "admin", 0)
	if err != nil {
		return err
	}
	if err := bus.SaveUser(n.home.AdminCreds(), admin); err != nil {
		return err
	}
	remove, err := n.home.SetRunning(home.Running{PID: os.Getpid(), URL: n.hub.ClientURL(), Host: n.host.ID(), HTTP: n.httpAddr()})
	if err != nil {
		return err
	}
	n.undo = append(n.undo, remove)
	return nil
}

// httpAddr is where the HTTP server listens.
func (n *node) httpAddr() string {
	if d, ok := n.host.Provider("httpserver").(providers.Describer); ok {
		return d.Describe()["address"]
	}
	return ""
}

// closeTime bounds how long running calls may take to end.
const closeTime = 10 * time.Second

// Close ends everything, in reverse order.
func (n *node) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var errs []error
	if n.service != nil {
		errs = append(errs, n.service.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Close(ctx))
	}
	if n.conn != nil {
		n.conn.Close()
	}
	if n.hub != nil {
		errs = append(errs, n.hub.Shutdown(ctx))
	}
	for i := len(n.undo) - 1; i >= 0; i-- {
		n.undo[i]()
	}
	return errors.Join(errs...)
}

// client connects to the lattice that runs from the state directory. The caller closes it.
func (c *cli) client(ctx context.Context) (*control.Client, func(), error) {
	h, err := c.home()
	if err != nil {
		return nil, nil, err
	}
	running, err := h.Running()
	if err != nil {
		return nil, nil, err
	}
	admin, err := bus.LoadUser(h.AdminCreds())
	if err != nil {
		return nil, nil, err
	}
	conn, err := bus.Connect(ctx, running.URL, admin)
	if err != nil {
		return nil, nil, fmt.Errorf("the lattice of %s cannot be reached: %w; is `wattle up` still running?", h.Dir, err)
	}
	return control.NewClient(conn, admin, running.Host), conn.Close, nil
}
