package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/wit"
)

// Start runs a module that was uploaded before.
func (h *Host) Start(ctx context.Context, req control.StartRequest) (control.ActorInfo, error) {
	file, err := h.modules.Fetch(ctx, req.Hash)
	if err != nil {
		return control.ActorInfo{}, err
	}
	return h.start(ctx, file, req)
}

// StartModule runs a signed module that the caller has in hand. It does not run again after a restart of the host.
func (h *Host) StartModule(ctx context.Context, file []byte, req control.StartRequest) (control.ActorInfo, error) {
	return h.start(ctx, file, req)
}

func (h *Host) start(ctx context.Context, file []byte, req control.StartRequest) (control.ActorInfo, error) {
	a, err := h.admit(ctx, file, req)
	if err != nil {
		return control.ActorInfo{}, err
	}
	before, err := h.install(ctx, a)
	if err != nil {
		return control.ActorInfo{}, errors.Join(err, a.close(ctx))
	}
	h.drain(ctx, before)
	info := a.info(h.cfg.ID)
	info.Missing = h.missingLinks(a)
	return info, nil
}

// admit decides whether a module may run here, and makes its actor. Nothing of it is visible yet. That it may not is told to the lattice.
func (h *Host) admit(ctx context.Context, file []byte, req control.StartRequest) (*actor, error) {
	c, wasm, err := claims.Verify(file, h.cfg.Trust, h.cfg.Now())
	if err != nil {
		err = refused(err)
		h.refusal(file, &claims.Claims{}, err)
		return nil, err
	}
	a, err := h.prepare(ctx, c, wasm, req)
	if err != nil && ctx.Err() == nil {
		h.refusal(file, c, err)
	}
	return a, err
}

// prepare is admit for claims that hold.
func (h *Host) prepare(ctx context.Context, c *claims.Claims, wasm []byte, req control.StartRequest) (*actor, error) {
	if err := narrowed(c); err != nil {
		return nil, err
	}
	if err := checkLimits(req.Limits); err != nil {
		return nil, err
	}
	if err := h.mayStart(c, req); err != nil {
		return nil, err
	}
	return h.newActor(ctx, c, wasm, req)
}

// refusal tells the lattice that a module may not run here. Claims that were not believed are not repeated.
func (h *Host) refusal(file []byte, c *claims.Claims, err error) {
	h.log.Warn("a module is refused", "name", c.Name, "hash", control.ModuleHash(file), "err", err)
	data := map[string]string{"hash": control.ModuleHash(file), "kind": lattice.KindOf(err).Error(), "reason": clip(err.Error())}
	if c.Name != "" {
		data["name"], data["version"] = c.Name, c.Version
	}
	h.event("actor.refused", c.ID, data)
}

// maxReason bounds the text of an event, in bytes.
const maxReason = 2 << 10

// clip keeps what may quote a hostile module short enough for an event.
func clip(s string) string {
	if len(s) > maxReason {
		return strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return s
}

// checkLimits refuses limits that cannot be kept. Zero is the default; an idle time below zero keeps instances for ever.
func checkLimits(l control.Limits) error {
	if l.Instances < 0 || l.Instances > maxInstances || l.Mailbox < 0 || l.Mailbox > maxMailbox || l.Timeout < 0 {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "limits of an actor that cannot be kept",
			Hint: fmt.Sprintf("instances go up to %d, the mailbox up to %d, and no timeout is negative; 0 is the default", maxInstances, maxMailbox)}
	}
	return nil
}

const (
	maxInstances = 10_000
	maxMailbox   = 100_000 // a waiting call costs memory
)

// mayStart refuses a second version beside the one that runs.
func (h *Host) mayStart(c *claims.Claims, req control.StartRequest) error {
	running := h.actor(c.ID)
	if running == nil || req.Replace {
		return nil
	}
	return &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("%s runs already, in version %s", c.Name, running.claims.Version),
		Hint: "replace it with `wattle start --replace`, or stop it first"}
}

// refused turns what claims.Verify says into a refusal of the lattice.
func refused(err error) error {
	e := &lattice.Error{Kind: lattice.KindOf(err), Msg: err.Error(), Err: err}
	var c *claims.Error
	if errors.As(err, &c) {
		e.Msg, e.Hint = c.Msg, c.Hint
	}
	return e
}

// newActor compiles a verified module and makes its pool. Nothing of it is visible yet.
func (h *Host) newActor(ctx context.Context, c *claims.Claims, wasm []byte, req control.StartRequest) (*actor, error) {
	program, err := h.engine.Load(ctx, wasm)
	if err != nil {
		return nil, callError(c.Name, err)
	}
	a := &actor{claims: c, program: program, request: req, started: time.Now(), funcs: map[string]*engine.Func{}, logs: newLogger(c.ID, c.Name, h.sendLog)}
	if err := checkGrants(c, program.Imports()); err != nil {
		program.Release()
		return nil, err
	}
	if a.pool, err = h.newPool(a); err != nil {
		program.Release()
		return nil, callError(c.Name, err)
	}
	return a, nil
}

func (h *Host) newPool(a *actor) (*engine.Pool, error) {
	imports, err := h.bind(a.id(), a.program.Imports(), h.ownImports(a))
	if err != nil {
		return nil, err
	}
	l := a.request.Limits
	return a.program.NewPool(engine.PoolConfig{Name: a.claims.Name, Imports: imports, Stdout: &a.logs.stdout, Stderr: &a.logs.stderr, Log: h.log,
		Limits: engine.Limits{Memory: l.Memory, Instances: l.Instances, Queue: l.Mailbox, Call: time.Duration(l.Timeout), Idle: time.Duration(l.Idle)}})
}

// ownImports are the contracts that the host itself serves.
func (h *Host) ownImports(a *actor) wit.Imports {
	return wasi.Imports(wasi.Config{
		Log: h.logOf(a), Stdout: &a.logs.stdout, Stderr: &a.logs.stderr,
		Config:    func(key string) (string, bool) { v, ok := h.settings(a)[key]; return v, ok },
		ConfigAll: func() []wasi.KV { return sorted(h.settings(a)) },
	})
}

// install makes an actor visible, in the place of the one before, which gets no new calls and has to be drained.
func (h *Host) install(ctx context.Context, a *actor) (before *actor, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "the host is being closed"}
	}
	if err := h.mayStart(a.claims, a.request); err != nil { // somebody else may have started it meanwhile
		return nil, err
	}
	if a.request.Hash != "" {
		if _, err := h.places.Put(ctx, control.Placement{Host: h.cfg.ID, Actor: a.id(), Start: a.request}); err != nil {
			return nil, err
		}
	}
	before = h.setActor(a.id(), a)
	h.event("actor.started", a.id(), map[string]string{"name": a.claims.Name, "version": a.claims.Version, "hash": a.claims.Hash})
	return before, nil
}

// Stop ends an actor, and that it is started again.
func (h *Host) Stop(ctx context.Context, req control.StopRequest) error {
	a, err := h.remove(ctx, req.Actor)
	if err != nil {
		return err
	}
	h.drain(ctx, a)
	h.event("actor.stopped", a.id(), map[string]string{"name": a.claims.Name})
	return nil
}

// remove takes an actor out of sight. It has to be drained.
func (h *Host) remove(ctx context.Context, ref string) (*actor, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, err := h.find(ref)
	if err != nil {
		return nil, err
	}
	if err := h.places.Delete(ctx, h.cfg.ID, a.id()); err != nil {
		return nil, err
	}
	return h.setActor(a.id(), nil), nil
}

// drain lets the calls of an actor end that gets no new ones; nil has none. That the command's sender gives up does not cut them off.
func (h *Host) drain(ctx context.Context, a *actor) {
	if a == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Drain)
	defer cancel()
	if err := a.close(ctx); err != nil {
		h.log.Warn("calls of a stopped actor were cut off", "actor", a.claims.Name, "err", err)
	}
	h.mu.Lock()
	delete(h.draining, a)
	h.mu.Unlock()
}

func (h *Host) event(kind, subject string, data map[string]string) {
	if err := control.PublishEvent(h.cfg.NATS, lattice.Event{Kind: kind, Host: h.cfg.ID, Subject: subject, Time: h.cfg.Now(), Data: data}); err != nil {
		h.log.Warn("an event was not published", "kind", kind, "err", err)
	}
}

func (h *Host) sendLog(r control.LogRecord) {
	if h.cfg.Logs != nil {
		h.cfg.Logs(r)
	}
	if err := control.PublishLog(h.cfg.NATS, h.cfg.ID, r); err != nil {
		h.log.Warn("a log record was not published", "err", err)
	}
}
