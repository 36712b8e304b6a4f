package bus

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// claims is what a credential says. (The library's decoder takes more than is good: it is not for what others sent.)
type claims struct {
	Expires int64  `json:"exp"` // Unix seconds; 0 for never
	Issued  int64  `json:"iat"`
	Issuer  string `json:"iss"` // signing key, A…
	Name    string `json:"name"`
	Subject string `json:"sub"` // user, U…
	NATS    struct {
		Account string   `json:"issuer_account"` // lattice, A…
		Tags    []string `json:"tags"`
	} `json:"nats"`
}

// readClaims reads a credential without looking at its signature.
func readClaims(token string) (claims, error) {
	var c claims
	bad := &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this is no credential"}
	parts := strings.Split(token, ".")
	if len(token) > maxCreds || !isToken(token) {
		return c, bad
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil || !lattice.IsHostID(c.Subject) || c.Expires < 0 || c.Issued < 0 {
		return claims{}, bad
	}
	return c, nil
}

// verifyClaims reads a credential that the key signed.
func verifyClaims(token string, key nkeys.KeyPair) (claims, error) {
	c, err := readClaims(token)
	if err != nil {
		return c, err
	}
	bad := &lattice.Error{Kind: lattice.ErrDenied, Msg: "this credential was not made by this lattice"}
	i := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil || key == nil || key.Verify([]byte(token[:i]), sig) != nil {
		return claims{}, bad
	}
	if pub, err := key.PublicKey(); err != nil || pub != c.Issuer {
		return claims{}, bad
	}
	return c, nil
}

// lifetime is from issue to expiry.
func (c claims) lifetime() time.Duration {
	if c.Expires == 0 {
		return math.MaxInt64
	}
	return time.Duration(min(max(c.Expires-c.Issued, 0), math.MaxInt64/int64(time.Second))) * time.Second
}

// halfLife is when a new one should be asked for.
func (c claims) halfLife() time.Time { return time.Unix(c.Issued, 0).Add(c.lifetime() / 2) }

func (u *User) claims() claims {
	c, err := readClaims(u.JWT)
	if err != nil {
		return claims{} // never expires, by its own account: the hub knows better
	}
	return c
}

func (u *User) lifetime() time.Duration { return u.claims().lifetime() }

// expired reports whether the credential has expired by the clock of this machine.
func (u *User) expired(now time.Time) bool {
	c := u.claims()
	return c.Expires != 0 && now.Unix() >= c.Expires
}

// Expires is when the credential ends; zero if it does not.
func (u *User) Expires() time.Time {
	if c := u.claims(); c.Expires != 0 {
		return time.Unix(c.Expires, 0)
	}
	return time.Time{}
}
