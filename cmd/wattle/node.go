package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattle-io/wattle"
	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
	"github.com/wattle-io/wattle/host"
	"github.com/wattle-io/wattle/lattice"
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
	joins   *joins
	undo    []func() // what Close has to do besides, last first
}

// nodeConfig is what the commands that serve a lattice may choose.
type nodeConfig struct {
	lattice string
	http    string // address of the HTTP server
	leaf    string // address where hosts join; "" for nowhere
	// advertise is where they reach it, if that is another address.
	advertise []string
	log       *slog.Logger            // of the host
	logs      func(control.LogRecord) // of the actors
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
	if n.hub, err = bus.StartHub(ctx, bus.HubConfig{Identity: identity, Dir: n.home.Path("jetstream"), Name: "hub",
		LeafListen: cfg.leaf, Advertise: cfg.advertise, Log: cfg.log}); err != nil {
		return leafFlag(cfg.leaf, err)
	}
	if err := n.startHost(ctx, identity, cfg); err != nil {
		return err
	}
	if n.joins, err = serveJoins(ctx, n, identity, cfg.log); err != nil {
		return err
	}
	return n.announce(identity)
}

// leafFlag tells which flag sets the address that cannot be used.
func leafFlag(addr string, err error) error {
	var e *lattice.Error
	_, port, _ := net.SplitHostPort(addr)
	if port == "" || !errors.As(err, &e) || !strings.Contains(e.Msg, ":"+port) {
		return err
	}
	return &lattice.Error{Kind: e.Kind, Msg: e.Msg, Hint: "choose where hosts join with --leaf ADDR (\":0\" picks a free port), or --leaf none", Err: err}
}

// loadIdentity reads the lattice's keys, or makes them on first use.
func loadIdentity(h *home.Home, name string) (*bus.Identity, error) {
	dir := h.Path("identity")
	if _, err := os.Stat(dir); err == nil {
		return bus.LoadIdentity(dir)
	}
	identity, err := bus.NewIdentity(name)
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
		Remove:  n.remove,
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
	remove, err := n.home.SetRunning(home.Running{PID: os.Getpid(), URL: n.hub.ClientURL(), Host: n.host.ID(), HTTP: n.httpAddr(), Leaves: n.hub.LeafURLs()})
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
	if n.joins != nil {
		n.joins.Close()
	}
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
