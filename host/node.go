package host

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/wit"
)

var _ control.Node = (*Host)(nil)

// Inventory is what runs here, and which other hosts there are.
func (h *Host) Inventory(context.Context) (control.Inventory, error) {
	inv := control.Inventory{Hosts: append([]control.HostInfo{h.info()}, h.company()...), Actors: []control.ActorInfo{}, Providers: []control.ProviderInfo{},
		Links: append([]lattice.Link{}, h.links.List()...)}
	for _, a := range *h.actors.Load() {
		inv.Actors = append(inv.Actors, a.info(h.cfg.ID))
	}
	slices.SortFunc(inv.Actors, func(a, b control.ActorInfo) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	for _, d := range h.drivers {
		p := control.ProviderInfo{Name: d.Name, Doc: d.Doc, Contracts: d.Contracts, Calls: d.Calls, Host: h.cfg.ID}
		if i, ok := h.providers[d.Name].(providers.Describer); ok {
			p.Details = i.Describe()
		}
		inv.Providers = append(inv.Providers, p)
	}
	return inv, nil
}

func (h *Host) info() control.HostInfo {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return control.HostInfo{State: control.HostUp, ID: h.cfg.ID, Name: h.cfg.Name, Labels: h.cfg.Labels, Version: h.cfg.Version, Started: h.started,
		Uptime: control.Duration(time.Since(h.started)), Memory: m.Sys - m.HeapReleased}
}

// Call runs an exported function for the lattice's administrator: arguments and result are JSON, typed by the function's WIT.
func (h *Host) Call(ctx context.Context, req control.CallRequest) (control.CallReply, error) {
	a, err := h.find(req.Actor)
	if err != nil {
		return control.CallReply{}, err
	}
	f, err := a.fn(req.Func)
	if err != nil {
		return control.CallReply{}, err
	}
	if hasHandles(f.Type()) {
		return control.CallReply{}, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("%s passes resources: only a program can call it", req.Func)}
	}
	args, err := wit.EncodeJSON(f.Type().Params, req.Args)
	if err != nil {
		return control.CallReply{}, &lattice.Error{Kind: lattice.ErrInvalid, Msg: err.Error(), Hint: "its type is " + f.Type().String(), Err: err}
	}
	began := time.Now()
	out, err := h.callActor(ctx, a, lattice.Invocation{Contract: lattice.ContractOf(req.Func), Target: a.id(), Op: req.Func, Payload: args})
	if err != nil {
		return control.CallReply{}, err
	}
	reply := control.CallReply{Took: control.Duration(time.Since(began))}
	if f.Type().Result != nil {
		reply.Result, err = wit.DecodeJSON(f.Type().Result, out.Payload)
	}
	return reply, err
}

// find resolves an actor's id or, if only one has it, its name.
func (h *Host) find(ref string) (*actor, error) {
	all := *h.actors.Load()
	if a := all[ref]; a != nil {
		return a, nil
	}
	var found *actor
	for _, a := range all {
		if a.claims.Name != ref {
			continue
		}
		if found != nil {
			return nil, &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("several actors are named %q", ref), Hint: "give the id; `wattle get actors --json` has it"}
		}
		found = a
	}
	if found == nil {
		return nil, &lattice.Error{Kind: lattice.ErrNotFound, Msg: fmt.Sprintf("no actor %q runs here", ref), Hint: "`wattle get actors` lists those that do"}
	}
	return found, nil
}
