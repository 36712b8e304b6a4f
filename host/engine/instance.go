package engine

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/host/wasmmod"
)

// Instance is one running copy of a program. It handles one message at a time: the pool gives it to one call at a time. All
// but stop is for the goroutine of that call.
type Instance struct {
	pool    *Pool
	modules []api.Module
	memory  memories
	views   []*memory      // by memory slot, nil until it is used
	funcs   []slot         // by function slot
	comps   []compInstance // by component instance
	frames  []*frame       // by depth of calls
	depth   int            // frames in use
	nested  int            // calls into the guest that are under way
	ctx     *callContext   // of the call, or a spare one
	fuel    []api.MutableGlobal
	calls   uint64 // calls begun
	slices  uint64 // slices of fuel handed out since takeFuel
	left    int64  // fuel left at the last takeFuel
	idle    int    // tick of the pool at which it was put back

	stopped atomic.Bool
	mu      sync.Mutex
	cancel  context.CancelFunc // guarded by mu; wakes a host function that waits
}

// compInstance is the state of a component instance.
type compInstance struct {
	handles            abi.Table
	mayLeave, mayEnter bool
}

// maxNested bounds the calls into a guest that stand on one stack: export, host function, realloc or destructor, and so on.
const maxNested = 32

// slot is a core function that the host calls. wazero's function objects must not be called while they run: that corrupts
// their stack. So a slot knows whether its object runs, and nested calls take spare ones.
type slot struct {
	f     api.Function
	busy  bool
	spare []api.Function
}

// call calls a core function. The results overwrite the parameters on stack.
func (in *Instance) call(n int, stack []uint64) *Error {
	s := &in.funcs[n]
	if s.busy || s.f == nil || in.nested >= maxNested {
		return in.callSpare(n, stack)
	}
	s.busy = true
	in.nested++
	trap := s.f.CallWithStack(in.ctx, stack)
	in.nested--
	s.busy = false
	if trap != nil {
		return callError(trap)
	}
	return nil
}

// callSpare is call for the first time, and for a function that runs already.
func (in *Instance) callSpare(n int, stack []uint64) *Error {
	s := &in.funcs[n]
	if in.nested >= maxNested {
		return errorf(ErrStack, "calls between guest and host are nested more than %d deep", maxNested)
	}
	if s.f == nil {
		f, err := in.lookup(n)
		if err != nil {
			return err
		}
		s.f = f
		return in.call(n, stack)
	}
	f, err := s.take(func() (api.Function, *Error) { return in.lookup(n) })
	if err != nil {
		return err
	}
	in.nested++
	trap := f.CallWithStack(in.ctx, stack)
	in.nested--
	s.spare = append(s.spare, f)
	return callError(trap)
}

// take gives a spare object, a new one if need be.
func (s *slot) take(lookup func() (api.Function, *Error)) (api.Function, *Error) {
	k := len(s.spare) - 1
	if k < 0 {
		return lookup()
	}
	f := s.spare[k]
	s.spare = s.spare[:k]
	return f, nil
}

// lookup makes a function object.
func (in *Instance) lookup(n int) (api.Function, *Error) {
	it := in.pool.program.plan.Funcs[n]
	m, name := in.pool.program.host, strconv.Itoa(it.Trampoline)
	if it.Instance >= 0 {
		m, name = in.modules[it.Instance], it.Name
	}
	if f := m.ExportedFunction(name); f != nil {
		return f, nil
	}
	return nil, errorf(ErrInvalidModule, "the module has no function %q", it.Name)
}

// memoryOf is the memory of a slot as it is now; slot -1 has none.
func (in *Instance) memoryOf(n int) []byte {
	if n < 0 {
		return nil
	}
	if m := in.views[n]; m != nil {
		return m.bytes
	}
	return in.findMemory(n)
}

// findMemory looks up the memory of a slot. It is one that the engine has allocated for the instance: which one, its
// address tells.
func (in *Instance) findMemory(n int) []byte {
	it := in.pool.program.plan.Memories[n]
	m := in.modules[it.Instance].ExportedMemory(it.Name)
	b, _ := m.Read(0, m.Size())
	if len(b) > 0 {
		in.views[n] = in.memory.at(&b[0])
	}
	return b
}

// instantiate makes an instance within the pool's limits and runs its initializers. ctx ends it early.
func (p *Pool) instantiate(ctx context.Context) (_ *Instance, err error) {
	plan := p.program.plan
	in := &Instance{pool: p, modules: make([]api.Module, 0, len(plan.Instances)), views: make([]*memory, len(plan.Memories)),
		funcs: make([]slot, len(plan.Funcs)), comps: make([]compInstance, plan.Components)}
	in.memory.limit = p.limits.Memory
	for i := range in.comps {
		in.comps[i] = compInstance{mayLeave: true, mayEnter: true}
		in.comps[i].handles.Limit = p.limits.Handles
		in.comps[i].handles.Owns = func(res int) bool { return p.program.ownedResource(i, res) }
	}
	p.track(in)
	defer func() {
		if r := recover(); r != nil {
			err = errorf(ErrInvalidModule, "instantiation: %v", r)
		}
		if err != nil {
			in.close()
		}
	}()
	if err := in.start(ctx); err != nil {
		return nil, err
	}
	return in, nil
}

func (in *Instance) start(ctx context.Context) error {
	p := in.pool
	parent := experimental.WithMemoryAllocator(experimental.WithImportResolver(ctx, in.resolve), &in.memory)
	in.begin(parent)
	defer in.end()
	cfg := p.base.WithNanosleep(in.sleep)
	for _, c := range p.program.modules {
		m, err := p.program.engine.runtime.InstantiateModule(in.ctx, c, cfg)
		if err != nil {
			return callError(err)
		}
		in.modules = append(in.modules, m)
		if err := in.setup(m); err != nil {
			return err
		}
	}
	for _, n := range p.program.plan.Initialize {
		var stack [1]uint64
		if err := in.call(n, stack[:]); err != nil {
			return err
		}
	}
	return nil
}

// setup takes hold of a module's meter.
func (in *Instance) setup(m api.Module) error {
	fuel, ok := m.ExportedGlobal(wasmmod.FuelGlobal).(api.MutableGlobal)
	stack, ok2 := m.ExportedGlobal(wasmmod.StackGlobal).(api.MutableGlobal)
	if !ok || !ok2 {
		return errorf(ErrInvalidModule, "the module is not metered")
	}
	in.fuel = append(in.fuel, fuel)
	stack.Set(uint64(in.pool.limits.Stack))
	return nil
}

// resolve finds what a rewritten import means.
func (in *Instance) resolve(module string) api.Module {
	switch {
	case module == wasmmod.YieldModule:
		return in.pool.program.engine.yield
	case module == trampolineModule:
		return in.pool.program.host
	}
	if n, err := strconv.Atoi(module[min(len(module), len(instancePrefix)):]); err == nil && n >= 0 && n < len(in.modules) {
		return in.modules[n]
	}
	return nil // a module of the host, by its name
}

// begin makes ctx the context of the call that starts.
func (in *Instance) begin(ctx context.Context) {
	if in.ctx == nil {
		in.ctx = &callContext{in: in, limit: in.pool.limits.Call}
	}
	in.ctx.parent, in.ctx.start = ctx, time.Time{}
	if in.calls++; in.calls%sampling == 0 {
		in.ctx.startClock()
	}
}

// sampling is how many calls share one measurement of time, if they are too short to look at the clock anyway.
const sampling = 64

// end ends the call and tells the time that it is accounted with.
func (in *Instance) end() (spent time.Duration) {
	if start, sampled := in.ctx.start, in.calls%sampling == 0; !start.IsZero() {
		spent = time.Since(start)
		if sampled && in.slices == 0 && in.ctx.waiting.Load() == nil {
			spent *= sampling
		}
	}
	if !in.ctx.end() {
		in.onStop(nil)
		in.ctx = nil
	}
	return spent
}

// fuelDue reports whether fuel should be accounted now: calls that are too short to yield are accounted together.
func (in *Instance) fuelDue() bool { return in.slices > 0 || in.calls%sampling == 0 }

// takeFuel gives the fuel used since the last time.
func (in *Instance) takeFuel() uint64 {
	var left int64
	for _, g := range in.fuel {
		left += int64(int32(g.Get()))
	}
	used := int64(in.slices)*slice + in.left - left
	in.slices, in.left = 0, left
	return uint64(max(used, 0))
}

// sleep is the guest's sleep: it ends early with its call. The guest notices at its next yield.
func (in *Instance) sleep(ns int64) {
	t := time.NewTimer(time.Duration(max(ns, 0)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-in.ctx.Done():
	}
}

// onStop sets what stop calls to wake a host function.
func (in *Instance) onStop(cancel context.CancelFunc) {
	in.mu.Lock()
	in.cancel = cancel
	in.mu.Unlock()
	if cancel != nil && in.stopped.Load() {
		cancel()
	}
}

// stop makes the running call end soon. Any goroutine may call it.
func (in *Instance) stop() {
	in.stopped.Store(true)
	in.mu.Lock()
	cancel := in.cancel
	in.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// close frees the instance. No call may be running.
func (in *Instance) close() {
	for i := range in.comps {
		in.dropHandles(&in.comps[i])
	}
	for i := len(in.modules) - 1; i >= 0; i-- {
		if err := in.modules[i].Close(context.Background()); err != nil {
			in.pool.log.Warn("engine: closing an instance", "program", in.pool.name, "err", err)
		}
	}
	in.modules, in.views, in.funcs, in.fuel = nil, nil, nil, nil
	in.memory.release()
	in.pool.untrack(in)
}

// dropHandles ends what the guest still owned. The objects are the host's code: a panic there must not stop the others.
func (in *Instance) dropHandles(c *compInstance) {
	defer func() {
		if r := recover(); r != nil {
			in.pool.log.Error("engine: a resource panicked when it was dropped", "program", in.pool.name, "panic", fmt.Sprint(r))
		}
	}()
	c.handles.Clear()
}
