package bus

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// User is a holder of a credential: a host, a person, a service.
type User struct {
	ID  string // public key, U…
	JWT string // the credential: public key, role and expiry, signed by the lattice

	key nkeys.KeyPair
}

func newUser(kp nkeys.KeyPair, token string) (*User, error) {
	pub, err := kp.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("bus: user key: %w", err)
	}
	return &User{ID: pub, JWT: token, key: kp}, nil
}

// Seed is the secret key, SU….
func (u *User) Seed() ([]byte, error) { return u.key.Seed() }

// Creds is the credential with its secret key in the form of NATS ".creds" files.
func (u *User) Creds() ([]byte, error) {
	seed, err := u.key.Seed()
	if err != nil {
		return nil, fmt.Errorf("bus: creds of %s: %w", u.ID, err)
	}
	return fmt.Appendf(nil, credsForm, u.JWT, seed), nil
}

// credsForm is the form of a .creds file. (The library's own writer decodes the JWT first, and its decoder is not for hostile
// input.)
const credsForm = `-----BEGIN NATS USER JWT-----
%s
------END NATS USER JWT------

************************* IMPORTANT *************************
Whoever has this file may do what its user may. Keep it secret.

-----BEGIN USER NKEY SEED-----
%s
------END USER NKEY SEED------
`

// Sign signs what the hub asks a connection to sign.
func (u *User) Sign(nonce []byte) ([]byte, error) { return u.key.Sign(nonce) }

// options are those of every connection of the user to a hub.
func (u *User) options() []nats.Option {
	return append(u.common(), nats.UserJWT(func() (string, error) { return u.JWT, nil }, u.Sign))
}

// common are those of every connection of the user. What happens on the connection is not printed (nats.go's default handler
// would). Nothing is buffered while disconnected: a command must not be carried out minutes later.
func (u *User) common() []nats.Option {
	return []nats.Option{
		nats.CustomInboxPrefix(ReplyPrefix + "." + u.ID),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1),
		nats.SyncQueueLen(4096), // of 65536, which would be half a megabyte for each request that waits for several answers
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
}

const maxCreds = 16 << 10

// ParseCreds reads a credential of the form that Creds gives, at most 16 KiB. Whether it is any good the hub decides.
func ParseCreds(b []byte) (*User, error) {
	bad := func(why string) error {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this is no credential: " + why,
			Hint: "make one with the lattice's identity"}
	}
	if len(b) > maxCreds {
		return nil, bad("it has more than 16 KiB")
	}
	token, err := jwt.ParseDecoratedJWT(b)
	if err != nil || !isToken(token) {
		return nil, bad("it has no JWT")
	}
	kp, err := jwt.ParseDecoratedUserNKey(b)
	if err != nil {
		return nil, bad("it has no user key")
	}
	return newUser(kp, token)
}

// isToken reports whether s has the form of a JWT: three parts of base64url.
func isToken(s string) bool {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if b, err := base64.RawURLEncoding.DecodeString(p); err != nil || len(b) == 0 || strings.ContainsAny(p, "\r\n") {
			return false
		}
	}
	return len(parts) == 3
}

// withJWT is the user with another credential for the same key.
func (u *User) withJWT(token string) (*User, error) {
	c, err := readClaims(token)
	if err != nil {
		return nil, err
	}
	if c.Subject != u.ID {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this credential is for another key"}
	}
	return newUser(u.key, token)
}

// NewHostKey makes the key of a new host: a user without a credential, which Enroll gets for it.
func NewHostKey() (*User, error) {
	kp, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("bus: make key of a host: %w", err)
	}
	return newUser(kp, "")
}
