package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/wit"
)

// Func is an exported function of a pool's program. It is safe for concurrent use.
type Func struct {
	pool    *Pool
	export  *component.Export
	lift    *component.Lift
	handles bool // the result has handles
}

// Func finds an exported function by its interface ("" for a function of the world) and canonical name. The interface may be of a
// compatible version or without one. The error is of kind ErrNoFunc.
func (p *Pool) Func(iface, name string) (*Func, error) {
	plan := p.program.plan
	for i := range plan.Exports {
		e := &plan.Exports[i]
		if e.Name == name && matches(e.Interface, iface) {
			return &Func{pool: p, export: e, lift: &plan.Lifts[e.Lift], handles: e.Type.Result.HasHandles()}, nil
		}
	}
	return nil, errorf(ErrNoFunc, "%s does not export %s", p.name, wit.CanonicalName(iface, name))
}

// Type is the type of the function.
func (f *Func) Type() *wit.FuncType { return f.export.Type }

// Call calls the function on an instance of its own. args are the encoded parameters, handles the objects behind the handles in them;
// the encoded result is appended to out. Neither args nor out may be touched meanwhile.
//
// Own handles go to the guest: their objects are dropped when the guest drops them or its instance goes, which it does when the
// call fails. Those that the guest never got, because the call failed before, stay the caller's.
//
// The error is an *Error. Whatever the guest does, only this call fails.
func (f *Func) Call(ctx context.Context, args []byte, handles []any, out []byte) ([]byte, error) {
	if f.handles {
		return out, errorf(ErrHandleResult, "%s returns resource handles", f.export.Name)
	}
	res, _, err := f.run(ctx, args, handles, out)
	if err != nil {
		return out, err
	}
	return res, nil
}

// CallHandles is Call for functions whose result has handles. The objects behind them are the caller's from now on: it tells those that
// are Droppers when it is done with them. Resources that the guest itself defines cannot leave their instance: they are
// ErrHandleResult.
func (f *Func) CallHandles(ctx context.Context, args []byte, handles []any, out []byte) ([]byte, []any, error) {
	res, objects, err := f.run(ctx, args, handles, out)
	if err != nil {
		return out, nil, err
	}
	return res, objects, nil
}

// run makes the call on an instance of its own.
func (f *Func) run(ctx context.Context, args []byte, handles []any, out []byte) ([]byte, []any, *Error) {
	in, err := f.pool.acquire(ctx)
	if err != nil {
		return out, nil, err
	}
	in.begin(ctx)
	res, objects, err := in.lift(f.lift, args, handles, out)
	f.pool.done(in, in.end(), err)
	return res, objects, err
}

// done gives back an instance after a call.
func (p *Pool) done(in *Instance, spent time.Duration, err *Error) {
	var fuel uint64
	if err != nil || in.fuelDue() {
		fuel = in.takeFuel()
	}
	if err != nil {
		in.close() // its state is undefined
		in = nil
	}
	p.mu.Lock()
	p.stats.Calls++
	if err != nil {
		p.stats.Failures++
	}
	p.stats.Fuel += fuel
	p.stats.Time += spent
	gone := p.put(in)
	last := p.closing && p.holds == 0
	p.mu.Unlock()
	if gone != nil || last {
		p.settle(gone, last)
	}
}

// matches reports whether an exported interface is the wanted one: the same, of a compatible version, or any if the wanted
// one has no version.
func matches(have, want string) bool {
	if have == want || wit.CompatibleName(have) == wit.CompatibleName(want) {
		return true
	}
	base, _, _ := strings.Cut(have, "@")
	return base == want
}

func contextError(err error, doing string) *Error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errorf(ErrDeadline, "%s", doing)
	}
	return errorf(ErrCanceled, "%s", doing)
}
