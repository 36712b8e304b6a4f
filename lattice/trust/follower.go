package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// Follower knows the newest record. Until it has seen one it trusts nobody. Its methods may be called from any goroutine.
type Follower struct {
	lattice string
	file    string
	log     *slog.Logger
	watcher *bus.Watcher
	record  atomic.Pointer[Record]

	once  sync.Once
	known chan struct{} // closed when there is a record
}

var (
	_ claims.Trust = (*Follower)(nil)
	_ claims.Namer = (*Follower)(nil)
)

// Follow follows the trust of the lattice with that id, A…, until Close. It begins with what the file has, so that a host starts without its hub, and
// keeps there what comes. It needs the rights of bus.RoleHost. A file that is damaged, or was written by another lattice, is left out
// and logged: the hub has the record.
func Follow(nc *nats.Conn, latticeID, file string, log *slog.Logger) (*Follower, error) {
	f := &Follower{lattice: latticeID, file: file, log: log, known: make(chan struct{})}
	f.record.Store(&Record{})
	value, err := os.ReadFile(file)
	if err == nil {
		f.take(value, false)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("trust: %w", err)
	}
	b, err := bus.UseBucket(nc, bucketName)
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	if f.watcher, err = b.Follow(log, f.apply); err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	return f, nil
}

// Close ends it; what it knows stays.
func (f *Follower) Close() { f.watcher.Close() }

func (f *Follower) apply(records []bus.Record) {
	for _, r := range records {
		if r.Key == recordKey && !r.Deleted { // absence is no distrust
			f.take(r.Value, true)
		}
	}
}

// take believes a record that is signed and newer.
func (f *Follower) take(value []byte, save bool) {
	r, err := open(f.lattice, value)
	if err != nil {
		f.log.Warn("trust: a record is left out", "err", err)
		return
	}
	if before := f.record.Load().Revision; r.Revision <= before {
		if r.Revision < before {
			f.log.Warn("trust: the hub has an older record than this host; keeping the newer one", "revision", r.Revision, "seen", before)
		}
		return
	}
	f.record.Store(&r)
	f.once.Do(func() { close(f.known) })
	if !save {
		return
	}
	if err := f.save(value); err != nil {
		f.log.Error("trust: a change could not be kept on disk", "err", err)
	}
}

// save replaces the file whole.
func (f *Follower) save(value []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(f.file), ".trust-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(value)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), f.file)
}

// Wait returns when a record is known. ErrUnavailable if the context ends first.
func (f *Follower) Wait(ctx context.Context) error {
	select {
	case <-f.known:
		return nil
	case <-ctx.Done():
		return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "this host does not know yet whom its lattice trusts",
			Hint: "the hub tells it when it can be reached", Err: ctx.Err()}
	}
}

// Commands is whose commands and links count.
func (f *Follower) Commands() envelope.Trust { return f.record.Load().Commands }

// SignerOf reports whether root is trusted and signs for itself.
func (f *Follower) SignerOf(issuer, root string) bool {
	return f.record.Load().Issuers.SignerOf(issuer, root)
}

// NameOf is what people call an issuer, or "".
func (f *Follower) NameOf(root string) string { return f.record.Load().Issuers.NameOf(root) }

// Revoked reports false: records do not revoke single modules yet.
func (f *Follower) Revoked(*claims.Claims) bool { return false }
