package control

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

// Placement says that an actor is to run on a host: what a host starts again when it comes back.
type Placement struct {
	Host     string       `json:"host"`  // U…
	Actor    string       `json:"actor"` // M…
	Start    StartRequest `json:"start"`
	Revision uint64       `json:"revision"` // of the stored value
}

// Places keeps the placements in the hub's bucket "place". Its methods may be called from any goroutine.
type Places struct {
	bucket *bus.Bucket
	log    *slog.Logger
}

const maxPlacement = 256 << 10

// OpenPlaces makes the bucket if there is none. It needs the rights of bus.RoleService.
func OpenPlaces(ctx context.Context, nc *nats.Conn, log *slog.Logger) (*Places, error) {
	b, err := bus.OpenBucket(ctx, nc, bus.BucketConfig{Name: "place", MaxValue: maxPlacement, MaxBytes: 256 << 20})
	if err != nil {
		return nil, fmt.Errorf("control: places: %w", err)
	}
	return &Places{b, log}, nil
}

// Put stores a placement and returns it with its new revision. With Revision 0 it replaces whatever is there; otherwise only that revision:
// ErrConflict if somebody else changed it.
func (p *Places) Put(ctx context.Context, pl Placement) (Placement, error) {
	if err := pl.check(); err != nil {
		return Placement{}, err
	}
	expected := pl.Revision
	pl.Revision = 0
	value, err := json.Marshal(pl)
	if err != nil {
		return Placement{}, fmt.Errorf("control: places: %w", err)
	}
	if len(value) > maxPlacement {
		return Placement{}, &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("a placement of %d bytes; %d are allowed", len(value), maxPlacement)}
	}
	if pl.Revision, err = p.bucket.Put(ctx, pl.key(), value, expected); err != nil {
		return Placement{}, fmt.Errorf("control: places: %w", err)
	}
	return pl, nil
}

// Delete ends a placement. It is no error if there is none.
func (p *Places) Delete(ctx context.Context, host, actor string) error {
	pl := Placement{Host: host, Actor: actor}
	if err := pl.check(); err != nil {
		return err
	}
	r, err := p.bucket.Get(ctx, pl.key())
	if errors.Is(err, lattice.ErrNotFound) {
		return nil
	}
	if err == nil {
		_, err = p.bucket.Delete(ctx, r.Key, r.Revision)
	}
	if err != nil {
		return fmt.Errorf("control: places: %w", err)
	}
	return nil
}

// List reads the placements of a host, oldest first. Damaged ones are left out and logged.
func (p *Places) List(ctx context.Context, host string) ([]Placement, error) {
	records, err := p.bucket.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("control: places: %w", err)
	}
	var list []Placement
	for _, r := range records {
		if r.Deleted {
			continue
		}
		pl, err := decodePlacement(r.Key, r.Value, r.Revision)
		if err != nil {
			p.log.Warn("control: leaving out a damaged placement", "key", r.Key, "err", err)
		} else if pl.Host == host {
			list = append(list, pl)
		}
	}
	return list, nil
}

func (pl Placement) key() string { return pl.Host + "." + pl.Actor }

func (pl Placement) check() error {
	if !lattice.IsHostID(pl.Host) || !lattice.IsActorID(pl.Actor) {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("actor %.80q cannot be placed on host %.80q: these are no ids", pl.Actor, pl.Host)}
	}
	return nil
}

// decodePlacement reads a stored placement. The key is where it was found, and must be its own.
func decodePlacement(key string, value []byte, revision uint64) (Placement, error) {
	var pl Placement
	if err := json.Unmarshal(value, &pl); err != nil {
		return Placement{}, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("the placement stored as %.150q is no JSON", key), Err: err}
	}
	if err := pl.check(); err != nil {
		return Placement{}, err
	}
	if pl.key() != key {
		return Placement{}, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("the placement stored as %.150q is another one's", key)}
	}
	pl.Revision = revision
	return pl, nil
}
