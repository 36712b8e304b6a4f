package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/wattle-io/wattle/host"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/standard"
)

// node is a hub and a host with the standard providers in this process: what `wattle up` serves.
type node struct {
	hub    *bus.Hub
	user   *bus.User
	conn   *nats.Conn
	host   *host.Host
	issuer nkeys.KeyPair
	id     string // of the issuer
}

// startNode starts a node with its state and its compiled code in dir.
func startNode(ctx context.Context, dir string) (_ *node, err error) {
	n := &node{}
	defer func() {
		if err != nil {
			n.stop(ctx)
		}
	}()
	if n.issuer, err = nkeys.CreateAccount(); err != nil {
		return nil, err
	}
	if n.id, err = n.issuer.PublicKey(); err != nil {
		return nil, err
	}
	identity, err := bus.NewIdentity("bench")
	if err != nil {
		return nil, err
	}
	if n.hub, err = bus.StartHub(ctx, bus.HubConfig{Identity: identity, Dir: filepath.Join(dir, "jetstream")}); err != nil {
		return nil, err
	}
	if n.user, err = identity.User(bus.RoleService, "bench", 0); err != nil {
		return nil, err
	}
	if n.conn, err = n.hub.Connect(n.user); err != nil {
		return nil, err
	}
	trust, err := envelope.TrustOf(identity)
	if err != nil {
		return nil, err
	}
	signer, err := identity.User(bus.RoleAdmin, "bench", 0)
	if err != nil {
		return nil, err
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	id, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	n.host, err = host.New(ctx, host.Config{ID: id, Dir: dir, NATS: n.conn, Trust: n, Lattice: envelope.Fixed(trust), Signer: signer,
		Drivers: standard.Drivers(), Contracts: standard.Contracts(), Settings: map[string]map[string]string{"httpserver": {"addr": "127.0.0.1:0"}}})
	return n, err
}

// SignerOf trusts the node's own issuer.
func (n *node) SignerOf(issuer, root string) bool { return issuer == n.id && root == n.id }

// Revoked reports no claims as taken back.
func (n *node) Revoked(*claims.Claims) bool { return false }

// sign makes an actor of a guest.
func (n *node) sign(name string, wasm []byte) ([]byte, error) {
	return claims.Sign(n.issuer, claims.Module{Name: name, Grants: []claims.Grant{{Cap: "wasi:http"}, {Cap: "wasi:keyvalue"}}}, wasm)
}

// start signs a guest and starts it with the default limits.
func (n *node) start(ctx context.Context, name string, wasm []byte) error {
	signed, err := n.sign(name, wasm)
	if err != nil {
		return err
	}
	_, err = n.host.StartModule(ctx, signed, control.StartRequest{})
	return err
}

// link puts links.
func (n *node) link(ctx context.Context, links ...lattice.Link) error {
	for _, l := range links {
		if _, err := n.host.PutLink(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// httpAddr is where the node serves HTTP.
func (n *node) httpAddr() (string, error) {
	d, ok := n.host.Provider("httpserver").(providers.Describer)
	if !ok {
		return "", errors.New("the HTTP server does not say its address")
	}
	return d.Describe()["address"], nil
}

func (n *node) stop(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if n.host != nil {
		n.host.Close(ctx)
	}
	if n.conn != nil {
		n.conn.Close()
	}
	if n.hub != nil {
		n.hub.Shutdown(ctx)
	}
}
