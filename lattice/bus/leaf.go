package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// LeafConfig says how a host takes part in a lattice.
type LeafConfig struct {
	// User is the host's credential.
	User *User
	// Hubs is where a hub may be, as Hub.LeafURLs gives it: tls://host:port or wss://host:port. Up to 16; all are tried in turn.
	Hubs []string
	// Pin is the hub's key. Without one the system's certificate authorities decide, as for an existing NATS server; an address
	// of this machine may then also be plain (nats-leaf://).
	Pin Pin
	// Name of the host, for people; its id unless given.
	Name string
	// Dir is where the host's own JetStream keeps its state. It is made on demand, and locked while the leaf runs. Without one
	// there is no JetStream.
	Dir string
	// SyncAlways as in HubConfig.
	SyncAlways bool
	// OnRenew is given the host's new credential each time it has got one, to be saved. It must not call the leaf.
	OnRenew func(*User)
	// Watchdog is how long there may be no link, though a hub's port answers, before the link is set up anew; a minute unless
	// given.
	Watchdog time.Duration
	// Log takes what happens to the link; discarded unless given.
	Log *slog.Logger

	once bool // give up at the first refusal: for a join, where somebody waits
}

// Leaf is the host's own NATS server, joined to a hub when one can be reached. What runs in the host speaks to it through
// Connect and does not notice whether there is a hub, except that others do not answer. Its JetStream domain is the host's id.
type Leaf struct {
	cfg     LeafConfig
	lock    *flock.Flock // nil without Dir
	account string       // of the local server
	groups  [][]*url.URL // of hubs; one remote cannot mix TLS and websocket
	user    atomic.Pointer[User]
	server  atomic.Pointer[server.Server]
	nc      *nats.Conn // of the leaf itself
	link    *link
	local   *server.User // of the local server; whoever is in the process is this user
	cancel  context.CancelFunc
	done    chan struct{}

	mu       sync.Mutex    // guards what follows
	state    LinkState     // see State
	changed  chan struct{} // closed at the next change of state
	watchers map[int]func(bool)
	nextID   int
}

const maxHubs = 16

// StartLeaf starts a leaf and returns when the local server serves, whether or not a hub can be reached: see WaitUp. The context
// bounds the start only. Errors: ErrInvalid (hubs), ErrDenied (plain connection, store), ErrConflict (store locked), ErrLimit
// (disk full), ErrUnavailable.
func StartLeaf(ctx context.Context, cfg LeafConfig) (*Leaf, error) {
	if cfg.User == nil {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "a leaf needs a credential", Hint: "join the lattice first"}
	}
	groups, err := parseHubs(cfg.Hubs, cfg.Pin)
	if err != nil {
		return nil, err
	}
	l := &Leaf{cfg: cfg.withDefaults(), groups: groups, changed: make(chan struct{}), watchers: make(map[int]func(bool)), done: make(chan struct{})}
	l.user.Store(cfg.User)
	l.state.Since = time.Now()
	if err := l.openStore(); err != nil {
		return nil, err
	}
	if err := l.open(ctx); err != nil {
		l.closeServer()
		return nil, errors.Join(err, l.unlock())
	}
	return l, nil
}

func (cfg LeafConfig) withDefaults() LeafConfig {
	if cfg.Name == "" {
		cfg.Name = cfg.User.ID
	}
	if cfg.Watchdog == 0 {
		cfg.Watchdog = time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnRenew == nil {
		cfg.OnRenew = func(*User) {}
	}
	return cfg
}

// open starts the server, the leaf's own connection and what watches the link.
func (l *Leaf) open(ctx context.Context) error {
	l.link = newLink(l)
	if err := l.startServer(ctx, l.groups[0]); err != nil {
		return err
	}
	var err error
	if l.nc, err = l.Connect(); err != nil {
		return err
	}
	if err := l.link.listen(); err != nil {
		l.nc.Close()
		return err
	}
	loop, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go func() {
		defer close(l.done)
		l.link.run(loop)
	}()
	return nil
}

// parseHubs sorts the addresses into those of leaf ports and those of websocket ports, of which the group of the first comes first.
func parseHubs(hubs []string, pin Pin) (groups [][]*url.URL, err error) {
	bad := func(h, why string) error {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.100q is no address of a hub: %s", h, why),
			Hint: "use tls://host:port or wss://host:port"}
	}
	if len(hubs) == 0 || len(hubs) > maxHubs {
		return nil, bad("", fmt.Sprintf("a leaf needs 1 to %d addresses", maxHubs))
	}
	kind := make(map[bool]int)
	for _, h := range hubs {
		u, err := url.Parse(h)
		if err != nil || u.Port() == "" || u.Hostname() == "" || u.User != nil {
			return nil, bad(h, "it is not scheme://host:port")
		}
		ws := false
		switch u.Scheme {
		case "tls":
		case "wss":
			ws = true
		case "nats-leaf", "ws":
			if ip := net.ParseIP(u.Hostname()); !pin.IsZero() || ip == nil || !ip.IsLoopback() {
				return nil, &lattice.Error{Kind: lattice.ErrDenied, Msg: h + " would go over the network in plain text",
					Hint: "use tls:// or wss://"}
			}
			ws = u.Scheme == "ws"
		default:
			return nil, bad(h, "its scheme is unknown")
		}
		i, known := kind[ws]
		if !known {
			i, groups = len(groups), append(groups, nil)
			kind[ws] = i
		}
		groups[i] = append(groups[i], u)
	}
	return groups, nil
}

// Connect gives a connection within the process. It outlives restarts of the leaf's server. Close it before the leaf ends.
func (l *Leaf) Connect(opts ...nats.Option) (*nats.Conn, error) {
	own := append(l.user.Load().common(), nats.InProcessServer(localServer{l}), nats.Name(l.cfg.Name),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(10*time.Millisecond, 0))
	nc, err := nats.Connect("", append(own, opts...)...)
	if err != nil {
		return nil, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("the leaf takes no connection: %v", err), Err: err}
	}
	return nc, nil
}

// localServer is whichever server the leaf has at the moment.
type localServer struct{ leaf *Leaf }

func (s localServer) InProcessConn() (net.Conn, error) {
	if srv := s.leaf.server.Load(); srv != nil {
		return srv.InProcessConn()
	}
	return nil, errors.New("bus: the leaf has no server at the moment")
}

// ID is the host's id, U….
func (l *Leaf) ID() string { return l.user.Load().ID }

// User is the host's credential: the newest one.
func (l *Leaf) User() *User { return l.user.Load() }

// Shutdown ends the leaf and waits until it is down or the context ends; what is left then ends by itself.
func (l *Leaf) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.cancel()
		<-l.done
		l.nc.Close()
		l.closeServer()
		_ = l.unlock()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return &lattice.Error{Kind: lattice.ErrDeadline, Msg: "the leaf did not end in time", Err: ctx.Err()}
	}
}

func (l *Leaf) unlock() error {
	if l.lock == nil {
		return nil
	}
	return l.lock.Close()
}
