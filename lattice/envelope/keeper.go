package envelope

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// The trust of a lattice is kept in the hub's bucket "trust", signed by an administrator. A host takes it over when it joins, if it is of the lattice of
// its own credential, and keeps it in a file; each later version must be signed by an administrator of the one before. So a hub can lie to
// a host once, at its first contact, over a connection that the join token has pinned; never after.
const (
	trustBucket = "trust"
	trustKey    = "roles"
	trustPlace  = trustBucket + "/" + trustKey
	maxTrust    = 512 << 10
)

// Publish makes t the trust of the lattice, signed by an administrator that it trusts, and that the one before trusts. It needs the rights of bus.RoleService.
func (t Trust) Publish(ctx context.Context, nc *nats.Conn, u *bus.User) error {
	bucket, err := bus.OpenBucket(ctx, nc, bus.BucketConfig{Name: trustBucket, MaxValue: maxTrust, MaxBytes: 64 << 20})
	if err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	value, err := Seal(u, trustPlace, 0, 0, body)
	if err != nil {
		return err
	}
	if len(value) > maxTrust {
		return &lattice.Error{Kind: lattice.ErrLimit, Msg: "the trust of the lattice is too large: too many credentials are revoked", Hint: "rotate the key of the role"}
	}
	if _, err := NewVerifier(Fixed(t), nil).Stored(value, trustPlace, bus.RoleAdmin); err != nil {
		return err
	}
	if _, err = bucket.Put(ctx, trustKey, value, 0); err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	return nil
}

// Keeper knows whom a host trusts, and follows what the lattice says of that.
type Keeper struct {
	path    string
	lattice string
	log     *slog.Logger
	watcher *bus.Watcher
	current atomic.Pointer[keep]
}

// keep is what the file has.
type keep struct {
	Trust  Trust `json:"trust"`
	Issued int64 `json:"iat"` // when it was signed, in milliseconds: older versions are refused
}

// Keep opens the keeper of the host that has the credential. What it knows is in the file at path. ErrUnavailable if it knows nothing yet and the hub
// cannot be reached; ErrDenied if the hub has the trust of another lattice; ErrInvalid if the file is damaged.
func Keep(ctx context.Context, nc *nats.Conn, host *bus.User, path string, log *slog.Logger) (*Keeper, error) {
	c, err := parseCredential(host.JWT)
	if err != nil {
		return nil, err
	}
	k := &Keeper{path: path, lattice: c.NATS.Account, log: log}
	if err := k.load(); err != nil {
		return nil, err
	}
	bucket, err := bus.UseBucket(nc, trustBucket)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	k.watcher, err = bucket.Watch(ctx, log, k.apply)
	switch {
	case k.current.Load() != nil && (err == nil || errors.Is(err, lattice.ErrUnavailable)):
		return k, nil // without the hub with what is known; see Follow
	case err == nil:
		k.watcher.Close()
		return nil, refuse(ErrForeign, "ask for a new join token", "the hub has not said whom lattice %s trusts", k.lattice)
	}
	return nil, fmt.Errorf("envelope: %w", err)
}

// Follow is for a host whose link to the hub came back: it takes over what was missed.
func (k *Keeper) Follow(ctx context.Context, nc *nats.Conn) error {
	if k.watcher != nil {
		k.watcher.Resync()
		return nil
	}
	bucket, err := bus.UseBucket(nc, trustBucket)
	if err == nil {
		k.watcher, err = bucket.Watch(ctx, k.log, k.apply)
	}
	return err
}

// Trust is whom the host trusts now. It takes no lock.
func (k *Keeper) Trust() Trust { return k.current.Load().Trust }

// Close ends the following.
func (k *Keeper) Close() {
	if k.watcher != nil {
		k.watcher.Close()
	}
}

func (k *Keeper) apply(records []bus.Record) {
	for _, r := range records {
		if r.Key != trustKey || r.Deleted {
			continue
		}
		if err := k.take(r.Value); err != nil {
			k.log.Warn("envelope: what the hub says of trust is refused", "err", err)
		}
	}
}

// take takes over a version, if it may follow on the present one.
func (k *Keeper) take(value []byte) error {
	before := k.current.Load()
	next, o, err := k.read(value, before)
	if err != nil {
		return err
	}
	if before != nil && o.Issued <= before.Issued {
		return nil
	}
	if err := k.save(next); err != nil {
		return err
	}
	k.current.Store(next)
	return nil
}

// read verifies a version: by the present one, or if there is none yet by itself.
func (k *Keeper) read(value []byte, before *keep) (*keep, Opened, error) {
	p, err := split(value)
	if err != nil {
		return nil, Opened{}, err
	}
	var next keep
	if len(value) > maxTrust || json.Unmarshal(p.body, &next.Trust) != nil {
		return nil, Opened{}, malformed("it holds no trust")
	}
	if next.Trust.Lattice != k.lattice {
		return nil, Opened{}, refuse(ErrForeign, "", "it is the trust of lattice %.60q, and this host is a member of %s", next.Trust.Lattice, k.lattice)
	}
	by := next.Trust
	if before != nil {
		by = before.Trust
	}
	o, err := NewVerifier(Fixed(by), nil).Stored(value, trustPlace, bus.RoleAdmin)
	next.Issued = o.Issued
	return &next, o, err
}

func (k *Keeper) load() error {
	b, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var known keep
	if err != nil || json.Unmarshal(b, &known) != nil || known.Trust.Lattice == "" {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%s, which says whom this host trusts, is damaged", k.path), Hint: "restore it, or join again", Err: err}
	}
	if known.Trust.Lattice == k.lattice { // else the host has joined another lattice since
		k.current.Store(&known)
	}
	return nil
}

// save replaces the file, all of it or nothing.
func (k *Keeper) save(next *keep) error {
	b, err := json.Marshal(next)
	if err != nil {
		return err
	}
	tmp := k.path + ".tmp"
	err = errors.Join(os.MkdirAll(filepath.Dir(k.path), 0o700), os.WriteFile(tmp, b, 0o600))
	if err == nil {
		err = os.Rename(tmp, k.path)
	}
	if err != nil {
		return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("whom this host trusts cannot be kept in %s: %v", k.path, err), Err: err}
	}
	return nil
}
