package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/wit"
)

// frame is the state of one call through the Canonical ABI, in either direction. Instances keep frames, one for each depth
// of calls, so that a call allocates nothing.
type frame struct {
	in      *Instance
	options *component.Options
	comp    *compInstance
	cx      abi.Context
	call    wit.Call
	args    []byte
	stack   [abi.MaxFlatParams + 1]uint64
	block   [4]uint64 // parameters of realloc
}

var _ abi.Guest = (*frame)(nil)

// maxKept is the largest buffer that a frame keeps for the next call.
const maxKept = 64 << 10

// push takes a frame for a call whose canonical options are o.
func (in *Instance) push(o *component.Options, comp int) *frame {
	if in.depth == len(in.frames) {
		f := &frame{in: in}
		f.cx.Guest = f
		in.frames = append(in.frames, f)
	}
	f := in.frames[in.depth]
	in.depth++
	f.cx.Reset()
	if f.options != o { // mostly the same function is called again
		f.options, f.comp = o, &in.comps[comp]
		f.cx.Encoding, f.cx.Handles = o.Encoding, &f.comp.handles
	}
	return f
}

// pop gives back the last frame taken.
func (in *Instance) pop(f *frame) {
	in.depth--
	if cap(f.args) > maxKept {
		f.args = nil
	}
	if cap(f.call.Result.Buf) > maxKept {
		f.call.Result.Buf = nil
	}
}

// Memory is the guest's memory as it is now.
func (f *frame) Memory() []byte { return f.in.memoryOf(f.options.Memory) }

// Realloc has the guest allocate. The guest must not call imports meanwhile.
func (f *frame) Realloc(align, size uint32) (uint32, error) {
	if f.options.Realloc < 0 {
		return 0, errorf(ErrTrap, "the guest has no realloc")
	}
	f.block = [4]uint64{2: uint64(align), 3: uint64(size)}
	may := f.comp.mayLeave
	f.comp.mayLeave = false
	err := f.in.call(f.options.Realloc, f.block[:])
	f.comp.mayLeave = may
	if err != nil {
		return 0, err
	}
	return uint32(f.block[0]), nil
}

// lower is "canon lower": the guest calls an import.
func (in *Instance) lower(t *component.Trampoline, stack []uint64) {
	in.mayLeave(t.Component)
	in.ctx.quickCheck()
	f := in.push(&t.Options, t.Component)
	out, err := f.cx.LiftParams(t.Type, stack, f.args[:0])
	if err != nil {
		f.cx.DropTaken()
		panic(valueError(err))
	}
	f.args = out
	ret := t.Type.ReturnPointer(stack)
	f.call.Reset(out, f.cx.Objects)
	if t.Lift >= 0 {
		in.callGuest(t, f)
	} else {
		if err := in.callHost(t.Import, &f.call); err != nil {
			panic(err)
		}
		f.cx.EndBorrows()
		f.results(f.call.Out())
	}
	if err := f.cx.LowerResult(t.Type, f.call.Result.Buf, stack, ret); err != nil {
		f.cx.DropObjects()
		panic(valueError(err))
	}
	in.pop(f)
}

// results takes the objects behind the handles of a result in the place of those of the parameters.
func (f *frame) results(objects []any) {
	if len(objects)+len(f.cx.Objects) > 0 {
		clear(f.cx.Objects)
		f.cx.Objects = append(f.cx.Objects[:0], objects...)
	}
}

// callGuest calls a function of another component instance of the program; f is the caller's frame.
//
// A component instance may be entered again while it runs, by way of another one: the specification allows it for synchronous
// functions. maxNested bounds it.
func (in *Instance) callGuest(t *component.Trampoline, f *frame) {
	out, callee, err := in.enter(&in.pool.program.plan.Lifts[t.Lift], f.args, f.cx.Objects, f.call.Result.Buf[:0], &f.cx)
	if err != nil {
		panic(err)
	}
	f.call.Result.Buf = out
	f.cx.EndBorrows()
	f.results(callee.cx.Objects)
	in.pop(callee)
}

// callHost calls the Go function behind an import.
func (in *Instance) callHost(n int, c *wit.Call) *Error {
	err := in.pool.hostFuncs[n](in.ctx, c)
	if err == nil {
		err = c.Args.Err()
	}
	if err == nil {
		return nil
	}
	im := &in.pool.program.plan.Imports[n]
	name := wit.CanonicalName(im.Interface, im.Name)
	if ours := in.ctx.ended(false); ours != nil {
		return ours
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: ErrDeadline, Msg: fmt.Sprintf("in host function %s: %v", name, err), Err: err}
	}
	return &Error{Kind: ErrTrap, Msg: fmt.Sprintf("host function %s: %v", name, err), Err: err}
}

func (in *Instance) mayLeave(comp int) {
	if !in.comps[comp].mayLeave {
		panic(errorf(ErrTrap, "the guest calls an import inside of realloc or post-return"))
	}
}

func (in *Instance) resourceNew(t *component.Trampoline, stack []uint64) {
	in.mayLeave(t.Component)
	h, err := in.comps[t.Component].handles.New(abi.Rep{Resource: t.Resource, Rep: uint32(stack[0])}, t.Resource)
	if err != nil {
		panic(valueError(err))
	}
	stack[0] = uint64(h)
}

func (in *Instance) resourceRep(t *component.Trampoline, stack []uint64) {
	object, err := in.comps[t.Component].handles.Get(uint32(stack[0]), t.Resource)
	if err != nil {
		panic(valueError(err))
	}
	rep, ok := object.(abi.Rep)
	if !ok {
		panic(errorf(ErrTrap, "resource.rep of a resource that the guest does not define"))
	}
	stack[0] = uint64(rep.Rep)
}

// resourceDrop ends a handle. What an own handle stands for is told: the host's object, or the guest's destructor.
func (in *Instance) resourceDrop(t *component.Trampoline, stack []uint64) {
	in.mayLeave(t.Component)
	in.ctx.quickCheck()
	object, owned, err := in.comps[t.Component].handles.Drop(uint32(stack[0]), t.Resource)
	if err != nil {
		panic(valueError(err))
	}
	if !owned {
		return
	}
	if d, ok := object.(wit.Dropper); ok {
		d.Drop()
		return
	}
	dtor := in.pool.program.plan.Resources[t.Resource].Destructor
	if rep, ok := object.(abi.Rep); ok && dtor >= 0 {
		st := [1]uint64{uint64(rep.Rep)}
		if err := in.call(dtor, st[:]); err != nil {
			panic(err)
		}
	}
}

// lift is "canon lift": the host calls an export. It appends the encoded result to out, and gives the objects behind its handles.
func (in *Instance) lift(l *component.Lift, args []byte, handles []any, out []byte) ([]byte, []any, *Error) {
	comp := &in.comps[l.Component]
	if !comp.mayEnter {
		return out, nil, errorf(ErrTrap, "the guest is entered again while it runs")
	}
	comp.mayEnter = false
	out, f, err := in.enter(l, args, handles, out, nil)
	if err != nil {
		return out, nil, err
	}
	var objects []any
	if len(f.cx.Objects) > 0 {
		if objects, err = f.objects(); err != nil {
			return out, nil, err
		}
	}
	in.pop(f)
	comp.mayEnter = true
	return out, objects, nil
}

// enter calls a lifted function. It gives the frame of the call, which has the objects behind the handles of the result; the
// caller pops it. from is the side of a calling guest: what it gave away and the callee did not get is dropped.
func (in *Instance) enter(l *component.Lift, args []byte, handles []any, out []byte, from *abi.Context) ([]byte, *frame, *Error) {
	f := in.push(&l.Options, l.Component)
	if len(handles) > 0 {
		f.cx.Objects = append(f.cx.Objects, handles...)
	}
	if _, err := f.cx.LowerParams(l.Type, args, f.stack[:]); err != nil {
		if from != nil {
			from.DropTakenIn(f.cx.Objects)
		}
		return out, nil, valueError(err)
	}
	if err := in.call(l.Func, f.stack[:]); err != nil {
		return out, nil, err
	}
	if len(handles) > 0 {
		clear(f.cx.Objects)
		f.cx.Objects = f.cx.Objects[:0]
	}
	out, err := f.cx.LiftResult(l.Type, f.stack[:], out)
	if err != nil {
		f.cx.DropTaken()
		return out, nil, valueError(err)
	}
	if err := in.postReturn(l, f); err != nil {
		f.cx.DropTaken()
		return out, nil, err
	}
	return out, f, nil
}

// objects are the objects behind the handles of a lifted result.
func (f *frame) objects() ([]any, *Error) {
	for _, o := range f.cx.Objects {
		if rep, ok := o.(abi.Rep); ok {
			f.cx.DropTaken()
			r := &f.in.pool.program.plan.Resources[rep.Resource]
			return nil, errorf(ErrHandleResult, "a %s of %s cannot leave the instance that defines it", r.Name, r.Interface)
		}
	}
	return append([]any(nil), f.cx.Objects...), nil
}

// postReturn lets the guest free the result, and checks that it has dropped what it borrowed.
func (in *Instance) postReturn(l *component.Lift, f *frame) *Error {
	if l.Options.PostReturn >= 0 {
		f.comp.mayLeave = false
		err := in.call(l.Options.PostReturn, f.stack[:])
		f.comp.mayLeave = true
		if err != nil {
			return err
		}
	}
	if n := f.cx.Borrows(); n != 0 {
		return errorf(ErrTrap, "the guest returned without dropping %d borrowed handles", n)
	}
	return nil
}
