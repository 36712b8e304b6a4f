package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/wattle-io/wattle/lattice"
)

const (
	// reconnectInterval is how long a leaf waits before it tries again; the server adds up to as much at random.
	reconnectInterval = 250 * time.Millisecond
	accountFile       = "account"
)

// openStore locks the leaf's directory and reads the name of its local account, which must be hard to guess: a hub drops the
// link of whoever has the same server and account name as a newcomer. It is kept, since JetStream keeps its state under it.
func (l *Leaf) openStore() (err error) {
	if l.cfg.Dir == "" {
		l.account, err = randomName()
		return err
	}
	if l.lock, err = lockStore(l.cfg.Dir); err != nil {
		return err
	}
	if l.account, err = accountName(filepath.Join(l.cfg.Dir, accountFile)); err != nil {
		return errors.Join(err, l.unlock())
	}
	return nil
}

func accountName(path string) (string, error) {
	b, err := readSecret(path)
	if err == nil {
		if raw, err := hex.DecodeString(string(b)); err != nil || len(raw) != 16 {
			return "", damaged(path, "it is no name of an account")
		}
		return string(b), nil
	}
	if !errors.Is(err, lattice.ErrNotFound) {
		return "", err
	}
	name, err := randomName()
	if err != nil {
		return "", err
	}
	return name, replaceSecret(path, []byte(name))
}

func randomName() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("bus: random name: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// startServer starts the local server with the hubs as its remote.
func (l *Leaf) startServer(ctx context.Context, hubs []*url.URL) error {
	l.local = &server.User{Username: "local", Password: l.account, Account: server.NewAccount(l.account)}
	srv, err := server.NewServer(l.options(hubs))
	if err != nil {
		return fmt.Errorf("bus: leaf: %w", err)
	}
	log := &leafLog{serverLog: serverLog{log: l.cfg.Log}, link: l.link}
	srv.SetLogger(log, false, false)
	srv.Start()
	l.server.Store(srv)
	ready := log.fatal.Load() == nil && srv.ReadyForConnections(patience(ctx))
	if why := log.fatal.Load(); why != nil || !ready || ctx.Err() != nil {
		return notReady(why, ctx.Err())
	}
	return l.enableStore(srv)
}

func (l *Leaf) enableStore(srv *server.Server) error {
	if l.cfg.Dir == "" {
		return nil
	}
	account, err := srv.LookupAccount(l.account)
	if err == nil && !account.JetStreamEnabled() {
		err = account.EnableJetStream(nil, nil)
	}
	if err != nil {
		return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("the host's own JetStream does not start: %v", err), Err: err}
	}
	return nil
}

// options are made anew for each use: a running server owns those that it was given. User and account stay the same objects as
// long as the server runs: if a reload finds others, it makes all local connections new.
func (l *Leaf) options(hubs []*url.URL) *server.Options {
	o := &server.Options{
		ServerName: l.ID(), DontListen: true, NoSigs: true, MaxPayload: MaxPayload, PingInterval: pingInterval, MaxPingsOut: maxPingsOut,
		Accounts: []*server.Account{l.local.Account}, Users: []*server.User{l.local}, NoAuthUser: l.local.Username,
		JetStream: l.cfg.Dir != "", JetStreamDomain: l.ID(), StoreDir: l.cfg.Dir, SyncAlways: l.cfg.SyncAlways, DisableJetStreamBanner: true,
	}
	o.LeafNode.ReconnectInterval = reconnectInterval
	if len(hubs) > 0 {
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{l.remote(hubs)}
	}
	return o
}

func (l *Leaf) remote(hubs []*url.URL) *server.RemoteLeafOpts {
	r := &server.RemoteLeafOpts{LocalAccount: l.account, SignatureCB: l.sign, IgnoreDiscoveredServers: true, FirstInfoTimeout: handshakeSeconds * time.Second,
		DenyImports: []string{"loc.>"}, DenyExports: []string{"loc.>"}}
	for _, u := range hubs {
		clone := *u
		r.URLs = append(r.URLs, &clone)
		r.TLS = r.TLS || u.Scheme == "tls" || u.Scheme == "wss"
	}
	if r.TLS && !l.cfg.Pin.IsZero() {
		r.TLSConfig, r.TLSTimeout = pinnedTLS(l.cfg.Pin, func() { l.link.note(refusedPin, "") }), handshakeSeconds
		r.TLSHandshakeFirst = hubs[0].Scheme == "tls"
	}
	return r
}

// sign answers a hub's challenge with the credential of the moment.
func (l *Leaf) sign(nonce []byte) (string, []byte, error) {
	u := l.user.Load()
	sig, err := u.Sign(nonce)
	return u.JWT, sig, err
}

// solicit makes the running server drop its link and connect to these hubs; to none if there are none. The library compares
// functions when a remote is changed, and never finds them equal; so the remote is taken away, and then given back.
func (l *Leaf) solicit(hubs []*url.URL) error {
	srv := l.server.Load()
	if err := srv.ReloadOptions(l.options(nil)); err != nil || len(hubs) == 0 {
		return err
	}
	return srv.ReloadOptions(l.options(hubs))
}

// restart replaces the local server. Connections in the process come back by themselves.
func (l *Leaf) restart(ctx context.Context, hubs []*url.URL) error {
	l.closeServer()
	return l.startServer(ctx, hubs)
}

func (l *Leaf) closeServer() {
	if srv := l.server.Swap(nil); srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}
