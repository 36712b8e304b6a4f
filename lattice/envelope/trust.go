package envelope

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Trust is whose signatures count in a lattice. It holds no secret, and is JSON as it stands: a host gets it when it joins.
// The zero Trust trusts nobody.
type Trust struct {
	Lattice string                `json:"lattice"`           // id of the lattice account, A…
	Roles   map[bus.Role][]string `json:"roles"`             // public keys, A…, that sign the credentials of each role
	Revoked map[string]int64      `json:"revoked,omitempty"` // user id → Unix seconds: credentials issued until then do not count
}

// TrustOf is the trust that an identity stands for: its lattice, and the present key of each role.
func TrustOf(id *bus.Identity) (Trust, error) {
	t := Trust{Lattice: id.ID(), Roles: make(map[bus.Role][]string)}
	for _, role := range bus.Roles() {
		u, err := id.User(role, "trust", time.Second) // its credential names the key of the role
		if err != nil {
			return Trust{}, fmt.Errorf("envelope: trust: %w", err)
		}
		c, err := parseCredential(u.JWT)
		if err != nil {
			return Trust{}, fmt.Errorf("envelope: trust: %w", err)
		}
		t.Roles[role] = []string{c.Issuer}
	}
	return t, nil
}

// With is t with more keys for its roles: those that are being retired, say.
func (t Trust) With(roles map[bus.Role][]string) Trust {
	all := maps.Clone(t.Roles)
	for role, keys := range roles {
		all[role] = slices.Concat(all[role], keys)
	}
	t.Roles = all
	return t
}

// role is what credentials signed by that key may be.
func (t Trust) role(issuer string) (bus.Role, bool) {
	for role, keys := range t.Roles {
		if slices.Contains(keys, issuer) {
			return role, true
		}
	}
	return "", false
}

// admit gives the role of a credential whose signature was checked, if it belongs to the lattice and was not revoked by the time, in milliseconds.
// What was signed before the revocation of a stored value's author stays: else to lose an administrator would be to lose his links.
func (t Trust) admit(c *credential, issued int64, stored bool) (bus.Role, error) {
	role, known := t.role(c.Issuer)
	if !known || c.NATS.Account != t.Lattice || !lattice.IsHostID(c.Subject) {
		return "", refuse(ErrForeign, "use a credential of this lattice", "%s is not known here: its credential is signed by %.60q for lattice %.60q, not for %s",
			c.who(), c.Issuer, c.NATS.Account, t.Lattice)
	}
	for _, user := range []string{c.Subject, "*"} {
		at, revoked := t.Revoked[user]
		if revoked && c.Issued <= at && !(stored && issued < at*1000) {
			return "", refuse(ErrRevoked, "ask for a new credential", "the credential of %s is revoked", c.who())
		}
	}
	return role, nil
}
