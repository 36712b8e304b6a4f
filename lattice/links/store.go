package links

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// Config says whose links count, and who writes.
type Config struct {
	Trust  func() envelope.Trust // whose signatures count, asked for each
	Signer *bus.User             // signs what is written: an administrator. Without one the store can only be read
	Log    *slog.Logger          // discarded unless given
	// Journal is a file in which each table keeps what it has applied: so it has it again after a restart, hub or no hub, and nobody can
	// bring an older link back. None unless given. Two tables must not share one.
	Journal string
	// Alone lets a table begin without the hub even if the journal knows no link, as one of a lattice that has none.
	Alone bool
}

// Store is the links as the hub keeps them. Its methods may be called from any goroutine.
type Store struct {
	bucket   *bus.Bucket
	nc       *nats.Conn
	verifier *envelope.Verifier
	cfg      Config
	log      *slog.Logger
}

// Open makes the bucket if there is none and returns the store. It needs the rights of bus.RoleService.
func Open(ctx context.Context, nc *nats.Conn, cfg Config) (*Store, error) {
	b, err := bus.OpenBucket(ctx, nc, bus.BucketConfig{Name: bucket, MaxValue: int32(maxRecord), MaxBytes: 256 << 20})
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return newStore(nc, b, cfg)
}

// Use returns the store of a lattice whose hub has opened it. It needs the right to read links.
func Use(nc *nats.Conn, cfg Config) (*Store, error) {
	b, err := bus.UseBucket(nc, bucket)
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return newStore(nc, b, cfg)
}

func newStore(nc *nats.Conn, b *bus.Bucket, cfg Config) (*Store, error) {
	if cfg.Trust == nil {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "links need to know whose signatures count"}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{bucket: b, nc: nc, verifier: envelope.NewVerifier(cfg.Trust, nil), cfg: cfg, log: cfg.Log}, nil
}

// Put signs and stores a link and returns it with its new revision. With Revision 0 it replaces whatever is there; otherwise only the link of
// that revision: ErrConflict if somebody else changed or deleted it. Without a name it is the default link. ErrInvalid as Check, ErrDenied
// if the signer may not.
func (s *Store) Put(ctx context.Context, l lattice.Link) (lattice.Link, error) {
	return s.put(ctx, l, 0)
}

// put gives the link a revision above the floor.
func (s *Store) put(ctx context.Context, l lattice.Link, floor uint64) (lattice.Link, error) {
	if l.Name == "" {
		l.Name = lattice.DefaultLink
	}
	if err := Check(l); err != nil {
		return lattice.Link{}, err
	}
	for again := false; ; again = true {
		stored, err := s.tryPut(ctx, l, floor, again)
		if err == nil || l.Revision != 0 || !errors.Is(err, lattice.ErrConflict) || ctx.Err() != nil {
			return stored, err
		}
	}
}

func (s *Store) tryPut(ctx context.Context, l lattice.Link, floor uint64, again bool) (lattice.Link, error) {
	now, err := s.current(ctx, l.Key(), again)
	if err != nil {
		return lattice.Link{}, err
	}
	if l.Revision != 0 && (l.Revision != now.Link.Revision || now.Deleted) {
		return lattice.Link{}, changed(l.Key())
	}
	l.Revision = nextRevision(max(now.Link.Revision, floor))
	if err := s.write(ctx, Update{Link: l}, now.at); err != nil {
		return lattice.Link{}, err
	}
	return l, nil
}

// nextRevision is the time in milliseconds, or one more than before. So revisions of a store that was restored from a backup still grow.
func nextRevision(before uint64) uint64 { return max(before+1, uint64(time.Now().UnixMilli())) }

// slot is what is stored under a key.
type slot struct {
	Update        // zero if there is nothing, or nothing that can be believed
	at     uint64 // revision of the bucket; 0 if the key was never written
}

// current reads the slot of a link. If it seems empty, but could not be filled, it has to be searched.
func (s *Store) current(ctx context.Context, key lattice.LinkKey, search bool) (slot, error) {
	r, err := s.bucket.Get(ctx, recordKey(key))
	if errors.Is(err, lattice.ErrNotFound) {
		r, err = bus.Record{}, nil
		if search {
			r, err = s.search(ctx, key)
		}
	}
	if err != nil {
		return slot{}, fmt.Errorf("links: %w", err)
	}
	c := slot{at: r.Revision}
	if r.Revision != 0 && !r.Deleted {
		c.Update, _ = s.update(r)
	}
	return c, nil
}

// search finds the record of a link where Get says that there is none: the marker of a plain delete, which this package does not make, but an older
// version did; or what somebody else has written since. The zero record if there is none.
func (s *Store) search(ctx context.Context, key lattice.LinkKey) (bus.Record, error) {
	all, err := s.bucket.Load(ctx)
	for _, r := range all {
		if r.Key == recordKey(key) {
			return r, err
		}
	}
	return bus.Record{}, err
}

// write signs and stores an update, if the bucket's revision of its key is still that one.
func (s *Store) write(ctx context.Context, u Update, at uint64) error {
	value, err := seal(s.cfg.Signer, u)
	if err != nil {
		return err
	}
	key := recordKey(u.Link.Key())
	if _, err := decode(s.verifier, key, value); err != nil { // what no host would take is not written
		return err
	}
	if at == 0 {
		return s.create(ctx, u.Link.Key(), value)
	}
	if _, err := s.bucket.Put(ctx, key, value, at); err != nil {
		return fmt.Errorf("links: %w", err)
	}
	return nil
}

// Get reads a link. ErrNotFound if there is none, ErrDenied if it is not signed by one whose links count.
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
	u, err := decode(s.verifier, r.Key, r.Value)
	if err == nil && u.Deleted {
		err = missing(key)
	}
	if err != nil {
		return lattice.Link{}, err
	}
	return u.Link, nil
}

// Delete ends a link. ErrNotFound if there is none, ErrConflict if somebody else changes it at the same time.
func (s *Store) Delete(ctx context.Context, key lattice.LinkKey) error {
	_, err := s.delete(ctx, key, 0)
	return err
}

// delete returns the revision of the end, which is above the floor.
func (s *Store) delete(ctx context.Context, key lattice.LinkKey, floor uint64) (uint64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	now, err := s.current(ctx, key, false)
	if err != nil {
		return 0, err
	}
	if now.Link.Revision == 0 || now.Deleted {
		return 0, missing(key)
	}
	end := lattice.Link{Source: key.Source, Contract: key.Contract, Name: key.Name, Revision: nextRevision(max(now.Link.Revision, floor))}
	return end.Revision, s.write(ctx, Update{Link: end, Deleted: true}, now.at)
}

func missing(k lattice.LinkKey) error {
	return &lattice.Error{Kind: lattice.ErrNotFound, Msg: fmt.Sprintf("%s has no link %q for %s", k.Source, k.Name, k.Contract)}
}

func changed(k lattice.LinkKey) error {
	return &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("somebody else changed the link %q of %s for %s in the meantime", k.Name, k.Source, k.Contract),
		Hint: "read it again and decide anew"}
}

// List reads all links, sorted by source, contract and name. What is damaged or not signed is left out and logged.
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

// update is what a record says, if it can be believed. The end of a link has only its key.
func (s *Store) update(r bus.Record) (Update, bool) {
	if r.Deleted {
		s.log.Warn("links: leaving out a deletion that nobody signed", "key", r.Key)
		return Update{}, false
	}
	u, err := decode(s.verifier, r.Key, r.Value)
	if err != nil {
		s.log.Warn("links: leaving out a link that is damaged or not signed", "key", r.Key, "err", err)
		return Update{}, false
	}
	return u, true
}
