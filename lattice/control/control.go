// Package control is the API through which a lattice is driven: start and stop actors, put and delete links, see what is there, call an
// actor, upload a module, follow events and logs. The CLI, the dashboard and the scheduler all use it.
//
// A host implements [Node], and more if it can ([Placer], [LinkWaiter]); [Serve] puts it on the lattice as a NATS micro service on the subjects
// ctl.<host>.<verb>; [Client] has the same methods on the other side, [Lattice] what takes several hosts. It decides nothing itself:
// what a command does is the host's, where an actor runs is package schedule's.
//
// # Who may
//
// NATS's permissions (package bus) say who may publish a command; but a hub could be turned. So each command is signed by its sender (package
// envelope), and the host checks that it comes from a credential of this lattice whose role may send it, was made for this host and
// this command, is not altered, and was signed within the last minute. A copy is not carried out again: it gets the answer of the first.
// A view role may ask for the inventory, everything else takes the role admin.
//
// # Wire
//
// A request is an envelope whose body is a JSON object, at most MaxRequest bytes, unknown fields refused. The header Wattle-Timeout (Go
// duration) says how long the caller waits. The answer is a JSON object, or a micro service error whose body is {"kind","msg","hint"}. While a
// command runs, empty messages with the header Wattle-Beat come every second; when nobody listens to them any more, the command is cancelled.
package control

import (
	"context"
	"encoding/json"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// Node is one host, as commands see it. Methods are called from several goroutines at a time. Errors are *lattice.Error or wrap one: kind, message
// and hint reach the caller, the cause does not.
type Node interface {
	// Start starts an actor from a module that was uploaded before.
	Start(ctx context.Context, req StartRequest) (ActorInfo, error)
	// Stop ends an actor. ErrNotFound if there is none of that id or name.
	Stop(ctx context.Context, req StopRequest) error
	// PutLink makes or changes a link and returns it as stored. It works from the next call on. See links.Store for revisions.
	PutLink(ctx context.Context, link lattice.Link) (lattice.Link, error)
	// DeleteLink ends a link. ErrNotFound if there is none.
	DeleteLink(ctx context.Context, key lattice.LinkKey) error
	// Inventory tells what is there now.
	Inventory(ctx context.Context) (Inventory, error)
	// Call calls an exported function of an actor.
	Call(ctx context.Context, req CallRequest) (CallReply, error)
}

// Limits bound one actor. Zero means the host's default.
type Limits struct {
	Instances int      `json:"instances,omitempty"` // most instances at a time, 1 to 10000
	Memory    uint64   `json:"memory,omitempty"`    // bytes of linear memory of one instance
	Mailbox   int      `json:"mailbox,omitempty"`   // calls that may wait for an instance
	Timeout   Duration `json:"timeout,omitempty"`   // of one call
	Idle      Duration `json:"idle,omitempty"`      // after which an idle instance goes
}

// StartRequest asks to start an actor.
type StartRequest struct {
	Hash   string            `json:"hash"`             // of the uploaded module, as Client.Upload returned it
	Limits Limits            `json:"limits,omitzero"`  //
	Config map[string]string `json:"config,omitempty"` // what the actor reads through wasi:config
	// On is the labels that a host must have to run it. Whoever chooses the host heeds them; the host remembers them for when the actor has to move.
	On map[string]string `json:"on,omitempty"`
	// Replace swaps a running actor of the same id: new calls go to the new module, those under way end on the old one. Without it
	// a running one is ErrConflict.
	Replace bool `json:"replace,omitempty"`
}

// StopRequest asks to stop an actor.
type StopRequest struct {
	Actor string `json:"actor"` // id M…, or name
}

// CallRequest asks to call an exported function of an actor.
type CallRequest struct {
	Actor string `json:"actor"` // id M…, or name
	Func  string `json:"func"`  // "pkg:iface/name@version#func", as inspect prints it
	// Args is a JSON array of the arguments, typed by the function's WIT. Nothing is the empty array.
	Args json.RawMessage `json:"args,omitempty"`
}

// CallReply is the result of a call.
type CallReply struct {
	Result json.RawMessage `json:"result,omitempty"` // typed by the function's WIT; nothing if it has no result
	Took   Duration        `json:"took"`             // on the host
}

// Inventory is what is there at one moment.
type Inventory struct {
	Hosts     []HostInfo     `json:"hosts"`
	Actors    []ActorInfo    `json:"actors"`
	Providers []ProviderInfo `json:"providers"`
	Links     []lattice.Link `json:"links"`
}

// HostInfo describes a host.
type HostInfo struct {
	ID      string            `json:"id"` // U…
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"` // what placement can ask for: arch, os, …
	Version string            `json:"version"`          // of wattle
	Started time.Time         `json:"started"`
	Uptime  Duration          `json:"uptime"`
	Memory  uint64            `json:"memory"` // bytes that the process has from the system

	// What the host that answers knows of this one.
	State string    `json:"state,omitempty"` // HostUp, HostLost or HostLeft
	RTT   Duration  `json:"rtt,omitempty"`   // estimate of a round trip to it
	Seen  time.Time `json:"seen,omitzero"`   // last sign of life; not of itself
}

// The states of a host.
const (
	HostUp   = "up"
	HostLost = "lost" // no sign of life for StaleAfter
	HostLeft = "left" // it said that it ends
)

// The states of an actor.
const (
	StateRunning  = "running"  // takes calls
	StateDraining = "draining" // takes none; those under way end
	StateFailed   = "failed"   // could not be started again; Detail says why
)

// ActorInfo describes an actor on one host.
type ActorInfo struct {
	ID        string    `json:"id"` // M…
	Name      string    `json:"name"`
	Version   string    `json:"version"` // from its claims
	Issuer    string    `json:"issuer"`  // A…
	Hash      string    `json:"hash"`    // of the uploaded module
	Host      string    `json:"host"`    // U…
	Instances int       `json:"instances"`
	Busy      int       `json:"busy"` // instances in a call
	Max       int       `json:"max"`  // most instances
	Calls     uint64    `json:"calls"`
	Failures  uint64    `json:"failures"`
	Memory    uint64    `json:"memory"` // bytes of linear memory of all instances
	Started   time.Time `json:"started"`
	State     string    `json:"state"`
	Detail    string    `json:"detail,omitempty"`  // why the state is what it is
	Exports   []string  `json:"exports,omitempty"` // "wasi:http/incoming-handler@0.2.0"
	Imports   []string  `json:"imports,omitempty"`
	Missing   []string  `json:"missing,omitempty"` // links that it still lacks, as commands that would put them
}

// ProviderInfo describes a provider on one host.
type ProviderInfo struct {
	Name      string            `json:"name"`
	Doc       string            `json:"doc"`
	Contracts []string          `json:"contracts,omitempty"` // that it implements
	Calls     []string          `json:"calls,omitempty"`     // that it calls on actors
	Host      string            `json:"host"`                // U…
	Details   map[string]string `json:"details,omitempty"`   // an address, a path
}

// Duration is a time.Duration that is text in JSON: "1.5s".
type Duration time.Duration

// String is as time.Duration's.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText gives "1.5s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "1.5s".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "a duration that is none", Hint: `write it as "1.5s"`}
	}
	*d = Duration(v)
	return nil
}
