package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// HubConfig says how a hub runs.
type HubConfig struct {
	Identity *Identity
	// Dir is where JetStream keeps the lattice's state. It is made on demand, and locked while the hub runs.
	Dir string
	// Listen is host:port for clients; "127.0.0.1:0", which picks a port, unless given.
	Listen string
	// Public allows Listen to be an address that other machines can reach.
	Public bool
	// LeafListen is host:port where hosts join as leaves, as "0.0.0.0:7422"; none unless given. It speaks TLS with the hub's own
	// certificate and admits only holders of credentials, so it may be public.
	LeafListen string
	// Websocket is host:port where hosts (and people) that cannot reach LeafListen join by wss://; none unless given.
	Websocket string
	// Advertise is where hosts reach the hub, if it is not where it listens: host, host:port or URL (tls://, wss://).
	Advertise []string
	// Cluster makes the hub one of several; see ClusterConfig. Alone unless given.
	Cluster *ClusterConfig
	// Name of the server, for people; "hub" unless given. In a cluster each needs its own.
	Name string
	// Log takes what the NATS server says; discarded unless given.
	Log *slog.Logger
	// SyncAlways makes each write wait for the disk. Without it a power cut may lose the last two minutes; the end of the
	// process loses nothing.
	SyncAlways bool
}

// Hub is a running embedded NATS server with JetStream.
type Hub struct {
	server   *server.Server
	lock     *flock.Flock
	log      *slog.Logger
	dir      string
	pin      Pin
	leaves   []string // URLs
	accounts *server.MemAccResolver

	trust    sync.Mutex  // guards what follows
	identity *Identity   // see Trust
	revoked  revocations // see Revoke
}

// minFree is how much of the disk must be free for a hub to start.
const minFree = 16 << 20

// StartHub starts a hub and returns when it serves. The context bounds the start only. Errors: ErrConflict (port in use, store
// locked by another process), ErrDenied (store unwritable, address public), ErrLimit (disk full), ErrInvalid (address),
// ErrUnavailable (the rest).
func StartHub(ctx context.Context, cfg HubConfig) (*Hub, error) {
	cfg = cfg.withDefaults()
	if cfg.Identity == nil || cfg.Dir == "" {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "a hub needs an identity and a directory"}
	}
	ports, err := checkPorts(ctx, cfg)
	if err != nil {
		return nil, err
	}
	lock, err := lockStore(cfg.Dir)
	if err != nil {
		return nil, err
	}
	hub := &Hub{lock: lock, log: cfg.Log, dir: cfg.Dir, identity: cfg.Identity, accounts: &server.MemAccResolver{}}
	if err := hub.start(ctx, cfg, ports); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return hub, nil
}

func (cfg HubConfig) withDefaults() HubConfig {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Name == "" {
		cfg.Name = "hub"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func (h *Hub) start(ctx context.Context, cfg HubConfig, ports hubPorts) error {
	opts, err := h.options(cfg, ports)
	if err != nil {
		return fmt.Errorf("bus: hub: %w", err)
	}
	if h.server, err = server.NewServer(opts); err != nil {
		return fmt.Errorf("bus: hub: %w", err)
	}
	log := &serverLog{log: cfg.Log}
	h.server.SetLogger(log, false, false)
	h.server.Start()
	ready := log.fatal.Load() == nil && h.server.ReadyForConnections(patience(ctx)) && h.server.JetStreamEnabled()
	if why := log.fatal.Load(); why != nil || !ready || ctx.Err() != nil {
		h.stop()
		return notReady(why, ctx.Err())
	}
	h.leaves = leafURLs(cfg, ports)
	return nil
}

// patience is how long a server may take to get ready.
func patience(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(readyTimeout, time.Until(deadline))
	}
	return readyTimeout
}

func notReady(why *string, cause error) error {
	e := &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "the hub did not get ready in time", Err: cause}
	if why != nil {
		e.Msg = "the hub did not start: " + *why
	}
	return e
}

func (h *Hub) options(cfg HubConfig, ports hubPorts) (*server.Options, error) {
	id := cfg.Identity
	var err error
	if h.revoked, err = loadRevocations(cfg.Dir); err != nil {
		return nil, err
	}
	_, account, err := id.accountClaims(h.revoked)
	if err = errors.Join(err, h.accounts.Store(id.id, account), h.accounts.Store(id.systemID, id.systemJWT)); err != nil {
		return nil, err
	}
	o := &server.Options{
		ServerName: cfg.Name, Host: ports.client.IP.String(), Port: ports.client.Port, NoSigs: true,
		JetStream: true, JetStreamDomain: Domain, StoreDir: cfg.Dir, SyncAlways: cfg.SyncAlways, DisableJetStreamBanner: true,
		MaxPayload: MaxPayload, AuthTimeout: handshakeSeconds, PingInterval: pingInterval, MaxPingsOut: maxPingsOut,
		SystemAccount: id.systemID, AccountResolver: h.accounts,
	}
	o.TrustedOperators = append(o.TrustedOperators, id.operatorClaims)
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	if err := h.listenForLeaves(o, cfg, ports); err != nil {
		return nil, err
	}
	return o, cfg.Cluster.apply(o, id)
}

// lockStore makes the directory and takes its lock. JetStream has none of its own, and two servers on one store destroy it.
func lockStore(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fileError("write", dir, err)
	}
	if free, ok := freeBytes(dir); ok && free < minFree {
		return nil, &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("the disk of %s has only %d MiB left", dir, free>>20),
			Hint: fmt.Sprintf("free at least %d MiB", minFree>>20)}
	}
	path := filepath.Join(dir, "lock")
	lock := flock.New(path, flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fileError("write", path, err)
	}
	if !got {
		return nil, &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("another process uses the state in %s", dir),
			Hint: "stop it, or choose another directory"}
	}
	if err := checkWritable(dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// checkWritable finds a read-only or full disk before the server does: its own messages do not say what to do.
func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return fileError("write", dir, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 4096))
	if err = errors.Join(err, f.Close()); err != nil {
		return fileError("write", dir, err)
	}
	return nil
}

// ClientURL is where clients connect: nats://127.0.0.1:4222.
func (h *Hub) ClientURL() string {
	addr, ok := h.server.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	return "nats://" + net.JoinHostPort(addr.IP.String(), strconv.Itoa(addr.Port))
}

// Connect gives the user a connection within the process. Close it before the hub ends: it would try to come back for ever.
func (h *Hub) Connect(u *User, opts ...nats.Option) (*nats.Conn, error) {
	own := append(u.options(), nats.InProcessServer(h.server), nats.Name(u.ID))
	nc, err := nats.Connect("", append(own, opts...)...)
	if err != nil {
		return nil, connectError("the hub", err)
	}
	return nc, nil
}

// Shutdown ends the hub and waits until it is down or the context ends; what is left then ends by itself.
func (h *Hub) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.stop()
		_ = h.lock.Close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return &lattice.Error{Kind: lattice.ErrDeadline, Msg: "the hub did not end in time", Err: ctx.Err()}
	}
}

func (h *Hub) stop() {
	h.server.Shutdown()
	h.server.WaitForShutdown()
}
