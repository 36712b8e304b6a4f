package control

import (
	"context"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// The verbs: the last token of a command's subject.
const (
	verbStart      = "start"
	verbStop       = "stop"
	verbPutLink    = "putlink"
	verbDeleteLink = "deletelink"
	verbAwaitLink  = "awaitlink"
	verbInventory  = "inventory"
	verbCall       = "call"
	verbScale      = "scale"
	verbDrain      = "drain"
	verbLabel      = "label"
	verbRemove     = "remove"
)

// verb is one kind of command.
type verb struct {
	do    func(ctx context.Context, node Node, data []byte) (any, error) // JSON in, what becomes JSON out
	roles []bus.Role                                                     // that may send it
	reads bool                                                           // it changes nothing: a copy may be carried out again
}

func verbs() map[string]verb {
	admin, anybody := []bus.Role{bus.RoleAdmin}, []bus.Role{bus.RoleAdmin, bus.RoleView}
	return map[string]verb{
		verbStart:      {handle(Node.Start), admin, false},
		verbStop:       {handle(nothing(Node.Stop)), admin, false},
		verbPutLink:    {handle(Node.PutLink), admin, false},
		verbDeleteLink: {handle(nothing(deleteLink)), admin, false},
		verbInventory:  {handle(func(n Node, ctx context.Context, _ empty) (Inventory, error) { return n.Inventory(ctx) }), anybody, true},
		verbCall:       {handle(Node.Call), admin, false},
		verbAwaitLink:  {able(nothing(awaitLink)), admin, true},
		verbScale:      {able(Placer.Scale), admin, false},
		verbDrain:      {able(Placer.Drain), admin, false},
		verbLabel:      {able(Placer.Label), admin, false},
		verbRemove:     {able(nothing(Remover.RemoveHost)), admin, false},
	}
}

// handle makes a command of a method.
func handle[N, Req, Rep any](do func(N, context.Context, Req) (Rep, error)) func(context.Context, N, []byte) (any, error) {
	return func(ctx context.Context, node N, data []byte) (any, error) {
		var req Req
		if err := decodeStrict(data, &req); err != nil {
			return nil, err
		}
		return do(node, ctx, req)
	}
}

// able makes a command of a method that not every node has.
func able[N, Req, Rep any](do func(N, context.Context, Req) (Rep, error)) func(context.Context, Node, []byte) (any, error) {
	command := handle(do)
	return func(ctx context.Context, node Node, data []byte) (any, error) {
		n, ok := node.(N)
		if !ok {
			return nil, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: "this host does not know the command", Hint: "is it of an older version?"}
		}
		return command(ctx, n, data)
	}
}

// nothing is a method whose answer is empty.
func nothing[N, Req any](do func(N, context.Context, Req) error) func(N, context.Context, Req) (empty, error) {
	return func(n N, ctx context.Context, req Req) (empty, error) { return empty{}, do(n, ctx, req) }
}

func deleteLink(n Node, ctx context.Context, k linkKey) error {
	return n.DeleteLink(ctx, lattice.LinkKey(k))
}

func awaitLink(n LinkWaiter, ctx context.Context, r awaitRequest) error {
	return n.AwaitLink(ctx, lattice.LinkKey(r.Key), r.Revision)
}
