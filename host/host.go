// Package host is one node of a lattice: it runs actors in the engine, starts the providers that it is given, and delivers every
// call along its link.
//
// It wires; it does not know any concrete provider, command line or file layout. What it does over the network is in package lattice/control
// (commands, and which hosts there are) and lattice/rpc (calls between hosts). The hub's host keeps its state in the hub; one that has
// joined keeps what it needs in its own directory, and works with that while there is no hub.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/links"
	"github.com/wattle-io/wattle/lattice/rpc"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/wit"
)

// Config is what a host is made of.
type Config struct {
	ID      string            // of the host, "U…"
	Name    string            // for people; the machine's name by default
	Labels  map[string]string // for placement
	Version string            // of the program
	Dir     string            // directory for compiled modules and the files of providers

	NATS    *nats.Conn            // of the hub's host with the rights of bus.RoleService, of others with those of bus.RoleHost
	Trust   claims.Trust          // whose modules may run
	Lattice func() envelope.Trust // whose links count
	Signer  *bus.User             // signs the links that are put here: an administrator. Without one none can be
	// Joined says that the hub is elsewhere. Modules, placements and links are then kept in Dir, and links are only read.
	Joined    bool
	RTT       func() time.Duration                         // how long a message takes to the hub and back; 0 by default
	Remove    func(ctx context.Context, host string) error // ends another host's membership; only the hub's host can
	Drivers   []providers.Driver
	Contracts []providers.Contract
	Settings  map[string]map[string]string // of each provider, by its name

	Log    *slog.Logger                                     // discarded by default
	Logs   func(control.LogRecord)                          // also gets what actors log; may be nil
	Now    func() time.Time                                 // time.Now by default: what validity is judged by
	Listen func(network, addr string) (net.Listener, error) // net.Listen by default
	Drain  time.Duration                                    // how long calls of a stopped or replaced actor may go on; 30 s by default
}

// Host is a running node.
type Host struct {
	cfg       Config
	log       *slog.Logger
	started   time.Time
	engine    *engine.Engine
	links     *links.Table
	modules   moduleStore
	places    placeStore
	directory *control.Directory
	away      *rpc.Client                   // calls other hosts
	calls     *rpc.Server                   // takes their calls
	drivers   []providers.Driver            // those given, and the host's own
	providers map[string]providers.Provider // by driver name; fixed once the host is made

	linked   sync.Mutex                        // held while providers are told of links that the hub stored; guards told
	told     map[lattice.LinkKey]lattice.Link  // that providers here were told of, on a host that follows the hub's links; nil until applyLinks
	mu       sync.Mutex                        // held by whoever changes actors or links; guards closed, draining
	actors   atomic.Pointer[map[string]*actor] // by id; replaced, never changed
	draining map[*actor]struct{}               // no longer among actors, with calls that may still run
	closed   bool
}

// moduleStore has the modules that were uploaded, placeStore what this host is to run.
type (
	moduleStore interface {
		Fetch(ctx context.Context, hash string) ([]byte, error)
	}
	placeStore interface {
		Put(ctx context.Context, p control.Placement) (control.Placement, error)
		Delete(ctx context.Context, host, actor string) error
		List(ctx context.Context, host string) ([]control.Placement, error)
	}
)

// New makes a host whose providers run, whose links are in force, and whose actors of before are started again. It takes calls of other hosts.
func New(ctx context.Context, cfg Config) (*Host, error) {
	h := &Host{cfg: withDefaults(cfg), started: time.Now(), providers: map[string]providers.Provider{}, draining: map[*actor]struct{}{}}
	h.log, h.drivers = h.cfg.Log, append(slices.Clone(cfg.Drivers), builtins()...)
	h.actors.Store(&map[string]*actor{})
	if err := h.open(ctx); err != nil {
		return nil, errors.Join(err, h.Close(context.WithoutCancel(ctx)))
	}
	h.applyLinks(ctx)
	h.restore(ctx)
	h.publish()
	var err error
	if h.calls, err = rpc.Serve(h.cfg.NATS, h.cfg.ID, h.receive, rpc.ServerConfig{Log: h.log}); err != nil {
		return nil, errors.Join(err, h.Close(context.WithoutCancel(ctx)))
	}
	return h, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Listen == nil {
		cfg.Listen = net.Listen
	}
	if cfg.Drain <= 0 {
		cfg.Drain = 30 * time.Second
	}
	return cfg
}

func (h *Host) open(ctx context.Context) (err error) {
	if h.engine, err = engine.New(ctx, engine.Config{CacheDir: filepath.Join(h.cfg.Dir, "cache"), Contracts: wit.Contracts(), CompileWorkers: runtime.NumCPU(), Log: h.log}); err != nil {
		return err
	}
	if err = h.openStores(ctx); err != nil {
		return err
	}
	if h.away, err = rpc.NewClient(h.cfg.NATS, h.cfg.ID, rpc.ClientConfig{Log: h.log}); err != nil {
		return err
	}
	if h.directory, err = control.OpenDirectory(h.cfg.NATS, control.DirectoryConfig{Host: h.cfg.ID, RTT: h.cfg.RTT, Load: h.load, Log: h.log}); err != nil {
		return err
	}
	for _, d := range h.drivers {
		if err := h.startProvider(d); err != nil {
			return fmt.Errorf("provider %s: %w", d.Name, err)
		}
	}
	return nil
}

func (h *Host) startProvider(d providers.Driver) error {
	p, err := d.New(providers.Env{
		Host: h.cfg.ID, Log: h.log.With("provider", d.Name), NATS: h.cfg.NATS, Actors: h, Listen: h.cfg.Listen,
		Dir: filepath.Join(h.cfg.Dir, "providers", d.Name), Settings: h.cfg.Settings[d.Name],
	})
	if err != nil {
		return err
	}
	h.providers[d.Name] = p
	return nil
}

// applyLinks tells the providers the links that are stored.
func (h *Host) applyLinks(ctx context.Context) {
	h.linked.Lock()
	defer h.linked.Unlock()
	h.told = map[lattice.LinkKey]lattice.Link{}
	for _, l := range h.links.List() {
		h.tell(ctx, l)
	}
}

// restore starts the actors that ran when the host stopped. One that is refused by now leaves the others alone.
func (h *Host) restore(ctx context.Context) {
	places, err := h.places.List(ctx, h.cfg.ID)
	if err != nil {
		h.log.Error("cannot read what to start", "err", err)
	}
	for _, p := range places {
		if _, err := h.Start(ctx, p.Start); err != nil {
			h.log.Error("an actor of before cannot be started", "actor", p.Actor, "hash", p.Start.Hash, "err", err)
		}
	}
}

// ID is the id of the host.
func (h *Host) ID() string { return h.cfg.ID }

// Provider is the provider of that name, or nil.
func (h *Host) Provider(name string) providers.Provider { return h.providers[name] }

// actor is the running actor with that id, or nil.
func (h *Host) actor(id string) *actor { return (*h.actors.Load())[id] }

// setActor puts an actor in the place of the one with its id, or with nil takes it away, and returns the one before. h.mu is held.
func (h *Host) setActor(id string, a *actor) (before *actor) {
	all := maps.Clone(*h.actors.Load())
	before = all[id]
	if all[id] = a; a == nil {
		delete(all, id)
	}
	if before != nil {
		h.draining[before] = struct{}{}
	}
	h.actors.Store(&all)
	h.publish()
	return before
}

// Close stops taking calls from outside, lets actors finish until ctx ends, and frees everything. Only the first Close does.
func (h *Host) Close(ctx context.Context) error {
	if !h.shut() {
		return nil
	}
	errs := h.closeProviders(func(d providers.Driver) bool { return len(d.Calls) > 0 })
	if h.directory != nil {
		h.directory.Close() // tells the others
	}
	if h.calls != nil {
		errs = append(errs, h.calls.Close(ctx))
	}
	errs = append(errs, h.closeActors(ctx)...)
	errs = append(errs, h.closeProviders(func(d providers.Driver) bool { return len(d.Calls) == 0 })...)
	if h.links != nil {
		h.links.Close()
	}
	if h.away != nil {
		h.away.Close()
	}
	if h.engine != nil {
		errs = append(errs, h.engine.Close(ctx))
	}
	return errors.Join(errs...)
}

// shut lets no actor start any more. It reports whether it is the first.
func (h *Host) shut() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := !h.closed
	h.closed = true
	return first
}

func (h *Host) closeProviders(which func(providers.Driver) bool) (errs []error) {
	for _, d := range slices.Backward(h.drivers) {
		if p := h.providers[d.Name]; p != nil && which(d) {
			errs = append(errs, p.Close())
		}
	}
	return errs
}

// closeActors closes all actors at once, so that each has all the time that there is.
func (h *Host) closeActors(ctx context.Context) []error {
	h.mu.Lock()
	all := slices.Concat(slices.Collect(maps.Values(*h.actors.Load())), slices.Collect(maps.Keys(h.draining)))
	h.mu.Unlock()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, a := range all {
		wg.Go(func() { errs[i] = a.close(ctx) })
	}
	wg.Wait()
	return errs
}
