// Package providers says what a capability provider is: native code behind a contract.
//
// A Driver is a plain value; a host is given a slice of them and starts each once. What a driver makes is a Provider: an Invoker that is
// told about the links that lead to it (or, for one that calls actors, lead from it). Guests never see a provider: a Contract
// turns the WIT interfaces that they import into flat invocations, once per contract, never per backend.
//
// The backends are in the packages below; providers/standard lists those that are built in.
package providers

import (
	"context"
	"log/slog"
	"net"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/wit"
)

// Driver makes a provider. It is a plain value: there is no registry and no init.
type Driver struct {
	Name      string   // name of the provider on its host, a lattice.ValidName: "keyvalue", "httpserver"
	Doc       string   // one line for people: what it does and what its links can set
	Contracts []string // contracts that it implements for actors: "wasi:keyvalue"
	Calls     []string // contracts that it calls on actors: "wasi:http"
	Config    []string // keys that the config of a link may have; others are refused
	Hub       bool     // it keeps what it has in the hub, so only the hub's host can run it
	New       func(Env) (Provider, error)
}

// Env is what a provider gets from its host.
type Env struct {
	Host   string          // id of the host
	Log    *slog.Logger    // already says which provider it is
	NATS   *nats.Conn      // connection to the lattice with the rights of the host's own services
	Dir    string          // directory for the provider's files; made on demand by the provider
	Actors lattice.Invoker // calls actors, for drivers with Calls
	Listen func(network, addr string) (net.Listener, error)
	// Settings are those of the host for this provider: httpserver has "addr".
	Settings map[string]string
}

// Provider is a running provider. Invoke and Link may be called from any goroutine at any time until Close.
type Provider interface {
	lattice.Invoker
	// Link makes a link usable, or replaces the one with the same key. An error refuses the link: its text goes to who put it.
	Link(context.Context, lattice.Link) error
	// Unlink ends a link and frees what it held. It is no error if the link is unknown.
	Unlink(context.Context, lattice.Link) error
	// Close ends everything. It returns when nothing of the provider runs any more.
	Close() error
}

// Describer is a Provider that has something to show in the inventory: an address, a path.
type Describer interface{ Describe() map[string]string }

// Contract is the guest's side of a contract: what an actor that imports its interfaces gets.
type Contract struct {
	Name string // "wasi:keyvalue"
	// Imports makes the host functions of one actor. They hold no state beyond the actor: what a guest opens lives in its handles.
	Imports func(Caller) wit.Imports
}

// Caller invokes operations of the contract on behalf of one actor, through whatever the link of that name leads to at that moment.
// An empty link name is lattice.DefaultLink. The result is appended to out and returned.
type Caller interface {
	Call(ctx context.Context, link, op string, payload, out []byte) ([]byte, error)
	// HasLink reports whether the actor has a link of that name for the contract.
	HasLink(name string) bool
}
