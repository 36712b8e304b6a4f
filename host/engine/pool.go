package engine

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// Limits are the bounds of a pool and of each of its instances. The zero value stands for the defaults.
type Limits struct {
	Memory    uint64        // bytes of linear memory of an instance; default 64 MiB
	Stack     uint32        // bytes of a guest's call stack, about; default wasmmod.DefaultStack (1 MiB)
	Handles   int           // open resource handles of an instance; default 1024
	Instances int           // most instances at a time; default 16
	Queue     int           // calls that may wait for an instance; default 256
	Call      time.Duration // most time of a call, host functions included; default 30 s
	Idle      time.Duration // an instance that is idle for longer goes; default 5 min, negative: it stays
}

// withDefaults fills in what is not set.
func (l Limits) withDefaults() Limits {
	l.Memory = min(orDefault(l.Memory, 64<<20), maxMemory)
	l.Stack = orDefault(l.Stack, wasmmod.DefaultStack)
	l.Handles = orDefault(l.Handles, abi.DefaultHandles)
	l.Instances = orDefault(l.Instances, 16) // one that waits for a store or a peer holds no thread, only memory
	l.Queue = orDefault(l.Queue, 256)
	l.Call = orDefault(l.Call, 30*time.Second)
	l.Idle = orDefault(l.Idle, 5*time.Minute)
	return l
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// PoolConfig is how a Pool is made.
type PoolConfig struct {
	Name           string      // for logs
	Imports        wit.Imports // the functions behind the program's imports; compatible versions match
	Limits         Limits
	Stdout, Stderr io.Writer    // of WASI preview 1; default: discard
	Log            *slog.Logger // default: discard
	Env, Args      []string     // of WASI preview 1; Env as "KEY=value"
}

// Pool is the instances of a program that share limits and host functions. Calls take an idle instance, or make one, or wait
// for one in the order of their arrival. It is safe for concurrent use.
type Pool struct {
	name      string
	program   *Program
	limits    Limits
	log       *slog.Logger
	hostFuncs []wit.HostFunc // by import of the plan
	base      wazero.ModuleConfig

	mu       sync.Mutex
	all      map[*Instance]struct{} // guarded by mu, as the rest
	idle     []*Instance            // the last one is taken first
	reserved int                    // instances there are, those that are being made included
	waiting  []*waiter
	holds    int // calls that have or make an instance, and closings of idle ones: what Close waits for
	closing  bool
	closed   chan struct{} // closed when there are no holds after Close
	timer    *time.Timer
	tick     int
	stats    Stats
}

// waiter is a call that waits for an instance. It is sent one, or nil for the right to make one.
type waiter struct {
	ch chan *Instance
}

// NewPool makes a pool without instances: the first call makes one. The error is an *ImportError that lists all that
// cfg.Imports lacks, or an *Error of kind ErrMemory if the program needs more memory than the limit.
func (p *Program) NewPool(cfg PoolConfig) (*Pool, error) {
	limits := cfg.Limits.withDefaults()
	if p.minimum > limits.Memory {
		return nil, errorf(ErrMemory, "%s needs at least %d bytes of memory, the limit is %d", cfg.Name, p.minimum, limits.Memory)
	}
	funcs, err := p.bind(cfg.Imports)
	if err != nil {
		return nil, err
	}
	pool := &Pool{name: cfg.Name, program: p, limits: limits, log: cfg.Log, hostFuncs: funcs, all: map[*Instance]struct{}{},
		closed: make(chan struct{}), base: moduleConfig(p.base, cfg)}
	if pool.log == nil {
		pool.log = slog.New(slog.DiscardHandler)
	}
	p.engine.retain(p.load)
	return pool, nil
}

func moduleConfig(base wazero.ModuleConfig, cfg PoolConfig) wazero.ModuleConfig {
	base = base.WithArgs(cfg.Args...)
	if cfg.Stdout != nil {
		base = base.WithStdout(cfg.Stdout)
	}
	if cfg.Stderr != nil {
		base = base.WithStderr(cfg.Stderr)
	}
	for _, kv := range cfg.Env {
		k, v, _ := strings.Cut(kv, "=")
		base = base.WithEnv(k, v)
	}
	return base
}

// bind finds the Go function behind each import.
func (p *Program) bind(imports wit.Imports) ([]wit.HostFunc, error) {
	compatible := make(map[string]wit.HostFunc, len(imports))
	for name, f := range imports {
		iface, fn, _ := strings.Cut(name, "#")
		compatible[wit.CanonicalName(wit.CompatibleName(iface), fn)] = f
	}
	funcs := make([]wit.HostFunc, len(p.plan.Imports))
	missing := slices.Clone(p.plan.Missing)
	for i, im := range p.plan.Imports {
		name := wit.CanonicalName(im.Interface, im.Name)
		if funcs[i] = imports[name]; funcs[i] == nil {
			funcs[i] = compatible[wit.CanonicalName(wit.CompatibleName(im.Interface), im.Name)]
		}
		if funcs[i] == nil {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		slices.Sort(missing)
		return nil, &ImportError{Missing: slices.Compact(missing)}
	}
	return funcs, nil
}

// acquire gives the caller an instance of its own, until release or done.
func (p *Pool) acquire(ctx context.Context) (*Instance, *Error) {
	p.mu.Lock()
	if n := len(p.idle) - 1; n >= 0 && !p.closing {
		in := p.idle[n]
		p.idle[n] = nil
		p.idle = p.idle[:n]
		p.holds++
		p.mu.Unlock()
		return in, nil
	}
	w, err := p.reserve()
	p.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case w != nil:
		if in, err := p.wait(ctx, w); in != nil || err != nil {
			return in, err
		}
	}
	return p.fresh(ctx)
}

// reserve gives a waiter, or nothing: then the caller has to make an instance. It needs mu.
func (p *Pool) reserve() (*waiter, *Error) {
	switch {
	case p.closing:
		return nil, errorf(ErrClosed, "%s is being stopped", p.name)
	case p.reserved < p.limits.Instances:
		p.reserved++
		p.holds++
		return nil, nil
	case len(p.waiting) >= p.limits.Queue:
		return nil, errorf(ErrBusy, "%s: all %d instances work and %d calls wait; try again later, or allow it more instances",
			p.name, p.limits.Instances, p.limits.Queue)
	}
	w := &waiter{ch: make(chan *Instance, 1)}
	p.waiting = append(p.waiting, w)
	return w, nil
}

func (p *Pool) wait(ctx context.Context, w *waiter) (*Instance, *Error) {
	limit := time.NewTimer(p.limits.Call)
	defer limit.Stop()
	err := errorf(ErrDeadline, "%s: no instance became free in %v", p.name, p.limits.Call)
	select {
	case in, ok := <-w.ch:
		if !ok {
			return nil, errorf(ErrClosed, "%s is being stopped", p.name)
		}
		return in, nil
	case <-limit.C:
	case <-ctx.Done():
		err = contextError(ctx.Err(), "while waiting for an instance of "+p.name)
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // served meanwhile: pass it on
		if in, ok := <-w.ch; ok {
			p.release(in)
		}
	}
	return nil, err
}

// fresh makes an instance for a caller that has reserved one.
func (p *Pool) fresh(ctx context.Context) (*Instance, *Error) {
	in, err := p.instantiate(ctx)
	if err == nil {
		return in, nil
	}
	p.release(nil)
	typed, ok := err.(*Error)
	if !ok {
		typed = callError(err)
	}
	return nil, typed
}

// release ends a call. in goes to the next waiter or becomes idle; nil stands for one that is no more, whose place is free.
func (p *Pool) release(in *Instance) {
	p.mu.Lock()
	gone := p.put(in)
	last := p.closing && p.holds == 0
	p.mu.Unlock()
	p.settle(gone, last)
}

// settle does what put leaves to be done without mu.
func (p *Pool) settle(gone *Instance, last bool) {
	if gone != nil {
		gone.close()
	}
	if last {
		p.finish()
	}
}

// put is release under mu. It gives back an instance that nobody needs any more.
func (p *Pool) put(in *Instance) (gone *Instance) {
	p.holds--
	switch {
	case len(p.waiting) > 0:
		w := p.waiting[0]
		p.waiting[0] = nil
		p.waiting = p.waiting[1:]
		p.holds++
		w.ch <- in
	case in == nil:
		p.reserved--
	case p.closing:
		p.reserved--
		return in
	default:
		in.idle = p.tick
		p.idle = append(p.idle, in)
		p.startTimer()
	}
	return nil
}

// track counts an instance that is made.
func (p *Pool) track(in *Instance) {
	p.mu.Lock()
	p.all[in] = struct{}{}
	p.mu.Unlock()
}

func (p *Pool) untrack(in *Instance) {
	p.mu.Lock()
	delete(p.all, in)
	p.mu.Unlock()
}
