package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/lattice"
)

// callErrors says what an engine's error is in the lattice's terms.
var callErrors = []struct{ engine, kind error }{
	{engine.ErrDeadline, lattice.ErrDeadline},
	{engine.ErrCanceled, context.Canceled},
	{engine.ErrMemory, lattice.ErrLimit},
	{engine.ErrStack, lattice.ErrLimit},
	{engine.ErrHandles, lattice.ErrLimit},
	{engine.ErrBusy, lattice.ErrBusy},
	{engine.ErrClosed, lattice.ErrUnavailable},
	{engine.ErrNoFunc, lattice.ErrUnsupported},
	{engine.ErrInvalidModule, lattice.ErrInvalid},
	{engine.ErrImport, lattice.ErrUnsupported},
	{engine.ErrBadValue, lattice.ErrInvalid},
	{engine.ErrTrap, lattice.ErrTrap},
}

// callError turns the failure of a call into an error of the lattice. One that a host function gave (a denied or failed call
// of the actor's own) keeps its kind.
func callError(name string, err error) error {
	if err == nil {
		return nil
	}
	var own *lattice.Error
	if errors.As(err, &own) {
		return &lattice.Error{Kind: own.Kind, Msg: "actor " + name + ": " + own.Msg, Hint: own.Hint, Err: err}
	}
	for _, e := range callErrors {
		if errors.Is(err, e.engine) {
			return &lattice.Error{Kind: e.kind, Msg: fmt.Sprintf("actor %s: %v", name, err), Err: err}
		}
	}
	return &lattice.Error{Kind: lattice.KindOf(err), Msg: fmt.Sprintf("actor %s: %v", name, err), Err: err}
}

// notBegun reports whether a call failed only because its actor was closed before an instance took it. An error of a call that the
// actor itself made does not count: then its own had begun.
func notBegun(err error) bool {
	e, ok := errors.AsType[*engine.Error](err)
	return ok && e.Kind == engine.ErrClosed && e.Err != engine.ErrStopped
}

// splitOp cuts "interface#function"; a function outside any interface has no interface.
func splitOp(op string) (iface, fn string) {
	if i := strings.LastIndexByte(op, '#'); i >= 0 {
		return op[:i], op[i+1:]
	}
	return "", op
}
