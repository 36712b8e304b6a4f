package host

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/wit"
)

// actor is one signed module that runs here: its claims, and the pool of instances that answers its calls.
type actor struct {
	claims  *claims.Claims
	program *engine.Program
	pool    *engine.Pool
	started time.Time
	request control.StartRequest // what asked for it, to be asked for again after a restart
	logs    *logger

	freed sync.Once               // what close frees is freed once
	mu    sync.RWMutex            // guards funcs
	funcs map[string]*engine.Func // by the name they were asked for, so that a version is matched once
}

func (a *actor) id() string { return a.claims.ID }

// fn finds an exported function by "interface#function".
func (a *actor) fn(op string) (*engine.Func, error) {
	a.mu.RLock()
	f := a.funcs[op]
	a.mu.RUnlock()
	if f != nil {
		return f, nil
	}
	iface, name := splitOp(op)
	f, err := a.pool.Func(iface, name)
	if err != nil {
		return nil, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("actor %s exports no function %s", a.claims.Name, op),
			Hint: "`wattle inspect` on its file shows what it exports", Err: err}
	}
	a.mu.Lock()
	a.funcs[op] = f
	a.mu.Unlock()
	return f, nil
}

// invoke runs one invocation in an instance.
func (a *actor) invoke(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	if inv.Contract == httpContract {
		return lattice.Reply{}, a.handleHTTP(ctx, inv)
	}
	if lattice.ContractOf(inv.Op) != inv.Contract {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("%s is no operation of %s, which the call came for", inv.Op, inv.Contract)}
	}
	f, err := a.fn(inv.Op)
	if err != nil {
		return lattice.Reply{}, err
	}
	if hasHandles(f.Type()) {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrUnsupported,
			Msg: fmt.Sprintf("%s passes resources, which do not leave their host", inv.Op)}
	}
	out, err := f.Call(ctx, inv.Payload, nil, inv.Out)
	return lattice.Reply{Payload: out}, callError(a.claims.Name, err)
}

// close lets running calls end, until ctx does, and frees what the actor holds. Several may close it: the first whose ctx ends cuts off
// the calls.
func (a *actor) close(ctx context.Context) error {
	err := a.pool.Close(ctx)
	a.freed.Do(func() {
		a.program.Release()
		a.logs.Close()
	})
	return err
}

func (a *actor) info(host string) control.ActorInfo {
	s := a.pool.Stats()
	return control.ActorInfo{ID: a.id(), Name: a.claims.Name, Version: a.claims.Version, Issuer: a.claims.Root, Hash: a.claims.Hash, Host: host,
		Instances: s.Instances, Busy: s.Busy, Max: a.pool.Limits().Instances, Calls: s.Calls, Failures: s.Failures, Memory: s.Memory, Started: a.started, State: control.StateRunning,
		Exports: interfaces(a.program.World().Exports), Imports: interfaces(a.program.World().Imports)}
}

// interfaces names interfaces.
func interfaces(list []*wit.Interface) []string {
	names := make([]string, len(list))
	for i, in := range list {
		names[i] = in.Name
	}
	return names
}
