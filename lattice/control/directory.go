package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// StaleAfter is how long after its last sign of life a host is marked as stale. It stays in the directory: that one hears nothing of a host
// does not mean that it is gone.
const StaleAfter = 3 * time.Second

const (
	inventoryBucket = "inv"
	maxPresence     = 256 << 10
	heartbeatEvery  = time.Second
)

// Presence is what a host tells of itself, when it changes: record inv.<host> of the bucket "inv".
type Presence struct {
	Host      HostInfo   `json:"host"` // without Uptime and Memory, which change all the time
	Actors    []Resident `json:"actors,omitempty"`
	Providers []Offer    `json:"providers,omitempty"`
}

// Resident is an actor that runs on a host.
type Resident struct {
	ID   string `json:"id"`   // M…
	Name string `json:"name"` //
	Hash string `json:"hash"` // of the uploaded module
}

// Offer is a provider that runs on a host.
type Offer struct {
	Name      string   `json:"name"`
	Contracts []string `json:"contracts,omitempty"`
}

// Load is how busy a host is: what a heartbeat tells.
type Load struct {
	Busy      float64 `json:"busy"`      // part of its capacity that is in use, 0 to 1
	Calls     int     `json:"calls"`     // under way
	Instances int     `json:"instances"` // of actors
	Memory    uint64  `json:"memory"`    // bytes that the process has from the system
}

// HostState is what the directory knows of a host. What it refers to is shared: do not change it.
type HostState struct {
	Presence
	Load  Load
	Seen  time.Time     // last sign of life, by this machine's clock; zero if there was none since the directory was opened
	RTT   time.Duration // estimate of a round trip from here: both hosts' ways to the hub
	Stale bool          // no sign of life for StaleAfter, or it said that it ends
	Left  bool          // it said that it ends
}

// DirectoryConfig says how a directory works.
type DirectoryConfig struct {
	// Host is the id of this host. Empty for one that only looks.
	Host string
	// RTT is how long a message takes to the hub and back; 0 unless given. It is asked every second.
	RTT func() time.Duration
	// Load is how busy this host is. It is asked every second.
	Load func() Load
	// Log is discarded unless given.
	Log *slog.Logger
}

// Directory knows which hosts there are, what runs on them, and which of them is best asked. It is a live view: it works while the hub is away (with
// what it knew), and catches up by itself. Its methods may be called from any goroutine.
type Directory struct {
	nc     *nats.Conn
	cfg    DirectoryConfig
	bucket *bus.Bucket
	sub    *nats.Subscription // of the digests
	view   atomic.Pointer[view]
	wake   chan struct{} // asks run to look now
	end    context.CancelFunc
	loops  sync.WaitGroup

	watcher *bus.Watcher // used by run only; nil until the hub could be reached

	mu      sync.Mutex
	own     Presence           // guarded by mu: of this host
	beats   Heartbeat          // guarded by mu: the last one of this host
	unsaved bool               // guarded by mu: own is not stored yet
	saved   uint64             // guarded by mu: revision of what is stored
	members map[string]*member // guarded by mu
	changes uint64             // guarded by mu: how often a presence has changed
	resync  bool               // guarded by mu: a member has told of a newer presence than is known
}

// member is one host.
type member struct {
	known    bool // presence is; otherwise only heartbeats came, or the host was removed
	presence Presence
	revision uint64    // of its record or marker
	beat     Heartbeat // the last one
	rtt      time.Duration
	seen     time.Time
}

// OpenDirectory makes a directory that follows the lattice until Close. It needs the rights of bus.RoleHost, or of a viewer. If the hub cannot be
// reached it is empty but for this host, until it can.
func OpenDirectory(nc *nats.Conn, cfg DirectoryConfig) (*Directory, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Host != "" && !lattice.IsHostID(cfg.Host) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a host", cfg.Host)}
	}
	b, err := bus.UseBucket(nc, inventoryBucket)
	if err != nil {
		return nil, fmt.Errorf("control: directory: %w", err)
	}
	d := &Directory{nc: nc, cfg: cfg, bucket: b, wake: make(chan struct{}, 1), members: make(map[string]*member)}
	d.view.Store(&view{})
	if d.sub, err = nc.Subscribe(digestSubject, d.digest); err != nil {
		return nil, fmt.Errorf("control: directory: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.end = cancel
	d.loops.Go(func() { d.run(ctx) })
	d.loops.Go(func() { d.pulse(ctx) })
	return d, nil
}

// Publish tells the lattice what this host has. It holds here at once, elsewhere as soon as the hub can be reached. Publishing what was
// published already costs nothing.
func (d *Directory) Publish(p Presence) error {
	p.Host.Uptime, p.Host.Memory = 0, 0
	if err := p.check(); err != nil {
		return err
	}
	if p.Host.ID != d.cfg.Host {
		return invalid("host %.80q cannot publish for host %.80q", d.cfg.Host, p.Host.ID)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if reflect.DeepEqual(p, d.own) {
		return nil
	}
	d.own, d.unsaved = p, true
	d.changes++
	d.rebuild()
	d.poke()
	return nil
}

// Resync looks at everything again soon: for a host whose link to the hub came back.
func (d *Directory) Resync() {
	d.mu.Lock()
	d.resync = true
	d.mu.Unlock()
	d.poke()
}

func (d *Directory) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Close says that this host ends, and ends the directory; its view stays as it is.
func (d *Directory) Close() {
	d.end()
	d.loops.Wait()
	_ = d.sub.Unsubscribe() // fails only if the connection is gone, and the subscription with it
}

// run keeps what this host has in the bucket, and what the bucket has here.
func (d *Directory) run(ctx context.Context) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		d.follow(ctx)
		d.save(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-d.wake:
		}
	}
	if d.watcher != nil {
		d.watcher.Close()
	}
}

// pulse shows that this host lives and looks which others do. It has a goroutine of its own since a request to the hub may hang for seconds.
func (d *Directory) pulse(ctx context.Context) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		d.beat(false)
		d.refresh()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	d.beat(true)
	_ = d.nc.FlushTimeout(heartbeatEvery) // or others find out by themselves, as after a crash
}

// follow sees to it that the bucket is watched, and read again if something was missed.
func (d *Directory) follow(ctx context.Context) {
	d.mu.Lock()
	again := d.resync
	d.resync = false
	d.mu.Unlock()
	if d.watcher != nil {
		if again {
			d.watcher.Resync()
		}
		return
	}
	w, err := d.bucket.Watch(ctx, d.cfg.Log, d.apply)
	if err != nil {
		d.cfg.Log.Debug("directory: no snapshot yet", "err", err)
		return
	}
	d.watcher = w
}

// save stores what this host has, if that has changed.
func (d *Directory) save(ctx context.Context) {
	d.mu.Lock()
	own, unsaved := d.own, d.unsaved
	d.unsaved = false
	d.mu.Unlock()
	if !unsaved {
		return
	}
	value, err := json.Marshal(own)
	if err == nil {
		var rev uint64
		if rev, err = d.bucket.Put(ctx, own.Host.ID, value, 0); err == nil {
			d.mu.Lock()
			d.saved = rev
			d.mu.Unlock()
			return
		}
	}
	d.cfg.Log.Debug("directory: not published yet", "err", err)
	d.mu.Lock()
	d.unsaved = true
	d.mu.Unlock()
}

// beat publishes a heartbeat.
func (d *Directory) beat(leaving bool) {
	if d.cfg.Host == "" {
		return
	}
	hb := Heartbeat{Left: leaving}
	if d.cfg.RTT != nil {
		hb.RTT = d.cfg.RTT().Microseconds()
	}
	if d.cfg.Load != nil {
		hb.Load = d.cfg.Load()
	}
	d.mu.Lock()
	hb.Revision = d.saved
	d.beats = hb
	d.mu.Unlock()
	data, err := json.Marshal(hb)
	if err == nil {
		err = d.nc.Publish("hb."+d.cfg.Host, data)
	}
	if err != nil {
		d.cfg.Log.Debug("directory: no heartbeat", "err", err)
	}
}
