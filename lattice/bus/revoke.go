package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// revocations is which credentials count no more: user id → time (Unix seconds); those issued until then are refused.
type revocations map[string]int64

// revokedFile is in the hub's directory, so that a restart forgets nothing.
const revokedFile = "revoked.json"

// maxRevocations bounds the list: each is sent to no host, but makes the account's claims 70 bytes longer.
const maxRevocations = 50_000

func loadRevocations(dir string) (revocations, error) {
	path := filepath.Join(dir, revokedFile)
	b, err := readSecretUpTo(path, maxRevocations*100)
	if errors.Is(err, lattice.ErrNotFound) {
		return revocations{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := make(revocations)
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, damaged(path, "it is no list of revocations")
	}
	return r, nil
}

func (r revocations) save(dir string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("bus: revocations: %w", err)
	}
	return replaceSecret(filepath.Join(dir, revokedFile), b)
}

// Revoke makes every credential that the user was given until now worthless, for good: connections that use one end within
// milliseconds, also after a restart of the hub. Credentials issued later count: a host can be invited again. It concerns this
// hub; Enrollment.Revoke concerns all of a cluster.
func (h *Hub) Revoke(userID string) error { return h.revokeUntil(userID, time.Now().Unix()) }

func (h *Hub) revokeUntil(userID string, at int64) error {
	if !lattice.IsHostID(userID) {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a user", userID),
			Hint: "an id has 56 characters and starts with U"}
	}
	h.trust.Lock()
	defer h.trust.Unlock()
	before, was := h.revoked[userID]
	if before >= at {
		return nil
	}
	if !was && len(h.revoked) >= maxRevocations {
		return &lattice.Error{Kind: lattice.ErrLimit, Msg: "too many credentials are revoked", Hint: "rotate the key of the role"}
	}
	h.revoked[userID] = at
	if err := h.revoked.save(h.dir); err != nil {
		if delete(h.revoked, userID); was {
			h.revoked[userID] = before
		}
		return err
	}
	return h.pushTrust()
}

// Trust makes the hub work with another version of its identity, see Rotate. Connections whose credentials it does not know end.
func (h *Hub) Trust(id *Identity) error {
	h.trust.Lock()
	defer h.trust.Unlock()
	if id.id != h.identity.id {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this is the identity of another lattice"}
	}
	h.identity = id
	return h.pushTrust()
}

// Identity is the identity that the hub works with.
func (h *Hub) Identity() *Identity {
	h.trust.Lock()
	defer h.trust.Unlock()
	return h.identity
}

// pushTrust gives the running server the account's claims as they are now.
func (h *Hub) pushTrust() error {
	_, token, err := h.identity.accountClaims(h.revoked)
	if err != nil {
		return fmt.Errorf("bus: sign claims of the lattice: %w", err)
	}
	if err := h.accounts.Store(h.identity.id, token); err != nil {
		return fmt.Errorf("bus: keep claims of the lattice: %w", err)
	}
	claims, err := decodeAccount(token)
	if err != nil {
		return err
	}
	account, err := h.server.LookupAccount(h.identity.id)
	if err != nil {
		return fmt.Errorf("bus: look up the lattice: %w", err)
	}
	h.server.UpdateAccountClaims(account, claims)
	return nil
}

// revokedBucket tells the hubs of a cluster of each other's revocations: user id → time.
const revokedBucket = "revoked"

// Revoke is Hub.Revoke for all hubs of a cluster: those that are down follow when they are back.
func (e *Enrollment) Revoke(ctx context.Context, userID string) error {
	at := time.Now().Unix()
	if err := e.hub.revokeUntil(userID, at); err != nil {
		return err
	}
	_, err := e.revoked.Put(ctx, userID, strconv.AppendInt(nil, at, 10), 0)
	return err
}

// followRevocations takes over what other hubs have revoked.
func (e *Enrollment) followRevocations(all []Record) {
	for _, r := range all {
		at, err := strconv.ParseInt(string(r.Value), 10, 64)
		if r.Deleted || err != nil {
			continue
		}
		if err := e.hub.revokeUntil(r.Key, at); err != nil {
			e.cfg.Log.Error("revocation by another hub", "user", r.Key, "err", err)
		}
	}
}
