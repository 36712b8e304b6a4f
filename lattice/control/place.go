package control

import (
	"context"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// Placer is a Node that takes part in placement. A Node that is none hears no auctions and answers the commands with ErrUnsupported.
type Placer interface {
	// Bid answers an auction: what this host would take. It changes nothing and must be quick. An error is a bid of nothing.
	Bid(ctx context.Context, ask Ask) (Bid, error)
	// Scale changes how many instances of an actor may run here. ErrNotFound if it does not run here.
	Scale(ctx context.Context, req ScaleRequest) (ActorInfo, error)
	// Drain makes the host take no new placements, or take them again, and tells what runs. What runs goes on.
	Drain(ctx context.Context, req DrainRequest) (DrainReply, error)
	// Label changes the host's labels.
	Label(ctx context.Context, req LabelRequest) (HostInfo, error)
}

// LinkWaiter is a Node that can say when a link has reached it.
type LinkWaiter interface {
	// AwaitLink returns when the link of that revision or a later one, or its end, holds on this host. Errors: that of the context, or
	// why it does not hold here.
	AwaitLink(ctx context.Context, key lattice.LinkKey, revision uint64) error
}

// Ask is the question of an auction: who could run this? Zero values ask for nothing.
type Ask struct {
	Actor     string            `json:"actor,omitempty"`     // id M…, or name: who runs it says so
	Labels    map[string]string `json:"labels,omitempty"`    // that the host must have
	Contracts []string          `json:"contracts,omitempty"` // that a provider or actor on the host must offer
	Instances int               `json:"instances,omitempty"` // how many are to be placed in all
	Memory    uint64            `json:"memory,omitempty"`    // bytes that one instance may use
}

// Bid is a host's answer to an Ask.
type Bid struct {
	Host    string            `json:"host"` // U…; set by the asker from the subject, which permissions prove
	Name    string            `json:"name,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Free    int               `json:"free"`              // instances that it would take; 0 if Refused
	Memory  uint64            `json:"memory,omitempty"`  // bytes that are free
	Load    float64           `json:"load,omitempty"`    // 0 idle to 1 busy
	Refused string            `json:"refused,omitempty"` // why it takes none, for people: "has no label zone=kitchen"
	Running int               `json:"running,omitempty"` // instances of the asked actor that may run here already; 0 if it does not
	ActorID string            `json:"actorId,omitempty"` // id of the asked actor, if it runs here
	Start   *StartRequest     `json:"start,omitempty"`   // how it was started, if it runs here
	RTT     time.Duration     `json:"-"`                 // from question to answer, measured by the asker
}

// ScaleRequest asks a host to change how many instances of an actor may run on it.
type ScaleRequest struct {
	Actor     string `json:"actor"`     // id M…, or name
	Instances int    `json:"instances"` // at least 1; to have none, stop it
}

// DrainRequest asks a host to take no new placements.
type DrainRequest struct {
	Off bool `json:"off,omitempty"` // take them again
}

// DrainReply tells what runs on a host that is being drained.
type DrainReply struct {
	Actors []DrainActor `json:"actors"`
}

// DrainActor is an actor that has to move, and how to start it elsewhere.
type DrainActor struct {
	ID        string       `json:"id"` // M…
	Name      string       `json:"name"`
	Instances int          `json:"instances"`           // that may run at a time
	Contracts []string     `json:"contracts,omitempty"` // that it needs on its host
	Start     StartRequest `json:"start"`               // without hash if it cannot be started elsewhere: nobody has uploaded it
}

// LabelRequest asks to change a host's labels.
type LabelRequest struct {
	Set    map[string]string `json:"set,omitempty"`
	Remove []string          `json:"remove,omitempty"`
}

// awaitRequest is the arguments of AwaitLink on the wire.
type awaitRequest struct {
	Key      linkKey `json:"key"`
	Revision uint64  `json:"revision"`
}
