package links

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Store is the links as the hub keeps them. Its methods may be called from any goroutine.
type Store struct {
	bucket *bus.Bucket
	log    *slog.Logger
}

// Open makes the bucket if there is none and returns the store. It needs the rights of bus.RoleService.
func Open(ctx context.Context, nc *nats.Conn, log *slog.Logger) (*Store, error) {
	b, err := bus.OpenBucket(ctx, nc, bus.BucketConfig{Name: bucket, MaxValue: maxRecord, MaxBytes: 256 << 20})
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return &Store{b, log}, nil
}

// Use returns the store of a lattice whose hub has opened it. It needs the right to read links.
func Use(nc *nats.Conn, log *slog.Logger) (*Store, error) {
	b, err := bus.UseBucket(nc, bucket)
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return &Store{b, log}, nil
}

// Put stores a link and returns it with its new revision. With Revision 0 it replaces whatever is there; otherwise only the link of
// that revision: ErrConflict if somebody else changed or deleted it. Without a name it is the default link. ErrInvalid as Check.
func (s *Store) Put(ctx context.Context, l lattice.Link) (lattice.Link, error) {
	if l.Name == "" {
		l.Name = lattice.DefaultLink
	}
	if err := Check(l); err != nil {
		return lattice.Link{}, err
	}
	expected := l.Revision
	l.Revision = 0
	value, err := json.Marshal(l)
	if err != nil {
		return lattice.Link{}, fmt.Errorf("links: put: %w", err)
	}
	if l.Revision, err = s.bucket.Put(ctx, recordKey(l.Key()), value, expected); err != nil {
		return lattice.Link{}, fmt.Errorf("links: %w", err)
	}
	return l, nil
}

// Get reads a link. ErrNotFound if there is none.
func (s *Store) Get(ctx context.Context, key lattice.LinkKey) (lattice.Link, error) {
	if err := checkKey(key); err != nil {
		return lattice.Link{}, err
	}
	r, err := s.bucket.Get(ctx, recordKey(key))
	if errors.Is(err, lattice.ErrNotFound) {
		return lattice.Link{}, missing(key)
	}
	if err != nil {
		return lattice.Link{}, fmt.Errorf("links: %w", err)
	}
	return decode(r.Key, r.Value, r.Revision)
}

// Delete ends a link. ErrNotFound if there is none, ErrConflict if somebody else changes it at the same time.
func (s *Store) Delete(ctx context.Context, key lattice.LinkKey) error {
	_, err := s.delete(ctx, key)
	return err
}

// delete returns the revision of the marker.
func (s *Store) delete(ctx context.Context, key lattice.LinkKey) (uint64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	r, err := s.bucket.Get(ctx, recordKey(key))
	if errors.Is(err, lattice.ErrNotFound) {
		return 0, missing(key)
	}
	if err != nil {
		return 0, fmt.Errorf("links: %w", err)
	}
	rev, err := s.bucket.Delete(ctx, r.Key, r.Revision)
	if err != nil {
		return 0, fmt.Errorf("links: %w", err)
	}
	return rev, nil
}

func missing(k lattice.LinkKey) error {
	return &lattice.Error{Kind: lattice.ErrNotFound, Msg: fmt.Sprintf("%s has no link %q for %s", k.Source, k.Name, k.Contract)}
}

// List reads all links, sorted by source, contract and name. Damaged records are left out and logged.
func (s *Store) List(ctx context.Context) ([]lattice.Link, error) {
	records, err := s.bucket.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	links := make(map[lattice.LinkKey]lattice.Link)
	for _, r := range records {
		if u, ok := s.update(r); ok && !u.Deleted {
			links[u.Link.Key()] = u.Link
		}
	}
	return sorted(links), nil
}

// update is what a record says. A deleted link has only its key.
func (s *Store) update(r bus.Record) (Update, bool) {
	if r.Deleted {
		k, ok := parseKey(r.Key)
		return Update{Link: lattice.Link{Source: k.Source, Contract: k.Contract, Name: k.Name, Revision: r.Revision}, Deleted: true}, ok
	}
	l, err := decode(r.Key, r.Value, r.Revision)
	if err != nil {
		s.log.Warn("links: leaving out a damaged link", "key", r.Key, "revision", r.Revision, "err", err)
		return Update{}, false
	}
	return Update{Link: l}, true
}
