// Package trust says whom the hosts of a lattice believe: whose signed modules may run (issuers), and whose commands and links count (keys of
// roles). The hub's process publishes one record in the bucket "trust"; every host follows it and keeps it on its own disk.
//
// The record is signed with the key that the lattice's id is, which a host knows from its join token. So a hub that was turned can keep a change
// back, but can neither add an issuer nor bring an older record back. It does not judge modules or commands: packages claims and
// envelope do, and ask here.
//
// # Format
//
// The record is stored under the key "lattice": 64 bytes of ed25519 signature over "wattle-trust-1\n" and the JSON of a Record, then that JSON.
package trust

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// Limits of a record.
const (
	MaxIssuers = 1000
	maxRecord  = 512 << 10 // bytes

	bucketName = "trust"
	recordKey  = "lattice"
	context1   = "wattle-trust-1\n"
)

// Record is whom a lattice trusts.
type Record struct {
	Revision uint64         `json:"revision"` // grows with each change; set by Publish
	Issuers  claims.Roots   `json:"issuers"`  // public key A… → what people call it
	Commands envelope.Trust `json:"commands"`
}

// Publisher is the hub's side. Its methods must not be called at the same time.
type Publisher struct {
	id     *bus.Identity
	bucket *bus.Bucket
	last   Record
}

// NewPublisher makes the bucket if there is none. It needs the rights of bus.RoleService.
func NewPublisher(ctx context.Context, nc *nats.Conn, id *bus.Identity) (*Publisher, error) {
	b, err := bus.OpenBucket(ctx, nc, bus.BucketConfig{Name: bucketName, MaxValue: maxRecord, MaxBytes: 64 << 20})
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	p := &Publisher{id: id, bucket: b}
	r, err := b.Get(ctx, recordKey)
	if err == nil {
		p.last, err = open(id.ID(), r.Value)
	}
	if err != nil && !errors.Is(err, lattice.ErrNotFound) && !errors.Is(err, lattice.ErrDenied) && !errors.Is(err, lattice.ErrInvalid) {
		return nil, fmt.Errorf("trust: %w", err)
	}
	return p, nil // what cannot be believed is written anew
}

// Publish signs and stores who is trusted from now on. What was published already is not written again.
func (p *Publisher) Publish(ctx context.Context, issuers claims.Roots, commands envelope.Trust) error {
	next := Record{Revision: p.last.Revision, Issuers: issuers, Commands: commands}
	if p.last.Revision != 0 && reflect.DeepEqual(next, p.last) {
		return nil
	}
	next.Revision = max(p.last.Revision+1, uint64(time.Now().UnixMilli()))
	value, err := seal(p.id, next)
	if err != nil {
		return err
	}
	if _, err := p.bucket.Put(ctx, recordKey, value, 0); err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	p.last = next
	return nil
}

func seal(id *bus.Identity, r Record) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	sig, err := id.Sign(append([]byte(context1), body...))
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	value := append(sig, body...)
	_, err = open(id.ID(), value) // what no host would take is not written
	return value, err
}

// open reads a record and checks whose it is: ErrDenied if it was not signed by that lattice, ErrInvalid if it is none.
func open(latticeID string, value []byte) (r Record, err error) {
	if len(value) < ed25519.SignatureSize || len(value) > maxRecord {
		return r, invalid("it has %d bytes", len(value))
	}
	sig, body := value[:ed25519.SignatureSize], value[ed25519.SignatureSize:]
	if err := bus.VerifyLattice(latticeID, append([]byte(context1), body...), sig); err != nil {
		return r, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Record{}, invalid("%v", err)
	}
	return r, r.check(latticeID)
}

func (r Record) check(latticeID string) error {
	switch {
	case r.Revision == 0:
		return invalid("it has no revision")
	case r.Commands.Lattice != latticeID:
		return invalid("it is of lattice %.60q", r.Commands.Lattice)
	case len(r.Issuers) > MaxIssuers:
		return invalid("it has %d issuers; %d are allowed", len(r.Issuers), MaxIssuers)
	}
	for id := range r.Issuers {
		if !nkeys.IsValidPublicAccountKey(id) {
			return invalid("%.80q is no issuer", id)
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this is no record of trust: " + fmt.Sprintf(format, args...), Hint: "is it of another version?"}
}
