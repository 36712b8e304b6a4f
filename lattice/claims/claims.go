// Package claims signs WebAssembly modules and components, and says whether a signed one may be believed: who made it, what it
// may use, since when and until when.
//
// A signed file is the original followed by custom sections, each with one token:
//
//	original bytes ‖ custom("wattle.sig", token) ‖ custom("wattle.sig", token) …      at most 8, nothing after them
//
// A token is a JWT in the format of nats-io/jwt/v2, signed by an nkeys account key (A…). It holds the SHA-256 of the original
// bytes, so the file cut off before the first signature section is the original again, and a token can travel apart from it.
// Every signature stands for itself: a signed file without its last signature is still a signed file.
//
// Tokens are written with that library and read with a strict parser of this package: each set of claims has exactly one
// accepted spelling. The library's own reader is made for tokens from friends.
//
// What this package is not: it keeps no keys, knows no files, and holds no list of whom to trust. Callers bring a Trust. It does
// not look inside the module either; whether imports stay within the grants is for whoever loads it.
package claims

import (
	"time"
)

// Limits. Everything here is read from hostile input, so everything has a bound.
const (
	MaxModule     = 64 << 20 // bytes of an original module or component
	MaxToken      = 16 << 10 // bytes of one token
	MaxSignatures = 8        // signatures of one file
	// MaxFile is the size in bytes that no signed file exceeds: a reader may stop there.
	MaxFile = MaxModule + MaxSignatures*(MaxToken+maxFraming)

	maxGrants   = 64  // grants of one token
	maxOps      = 64  // operations of one grant
	maxTags     = 32  // tags of one token
	maxText     = 128 // bytes of a version, a tag, an operation
	maxRevision = 1<<53 - 1
	maxTime     = 253402300799 // the last second of year 9999, which is as far as RFC 3339 goes
)

// Kinds of modules.
const KindActor = "actor"

// Claims are what one token says. Parse makes sure of the format of each field and of the signature; Verify of the rest.
type Claims struct {
	ID        string    `json:"id"`                 // of the actor, M…: ActorID(Root, Name)
	Issuer    string    `json:"issuer"`             // A…: the key that signed
	Root      string    `json:"root"`               // A…: the identity that the issuer signs for; often the issuer itself
	Kind      string    `json:"kind"`               // KindActor
	Name      string    `json:"name"`               // 1 to 64 of a-z, 0-9, "-" (lattice.ValidName)
	Version   string    `json:"version,omitempty"`  // for people and references: "1.2.0"; up to 128 of A-Z, a-z, 0-9, ".", "+", "-", "_"
	Alias     string    `json:"alias,omitempty"`    // a name to call it by; formed like Name
	Revision  int64     `json:"revision"`           // grows with each release, 0 to 2^53-1: what "not below" compares
	Hash      string    `json:"hash"`               // "sha256:" and 64 hex digits, of the original bytes
	Size      int64     `json:"size"`               // of the original, in bytes
	Grants    []Grant   `json:"grants,omitempty"`   // what it asks to use; at most one per capability
	Tags      []string  `json:"tags,omitempty"`     // free text: up to 32 of up to 128 bytes, printable
	Issued    time.Time `json:"issued"`             // when it was signed, by the signer's clock; whole seconds, UTC
	NotBefore time.Time `json:"notBefore,omitzero"` // zero: valid at once
	Expires   time.Time `json:"expires,omitzero"`   // zero: never
	JTI       string    `json:"jti"`                // of the token: a digest of issuer, name and times, not of the module (use Hash)
}

// Allows reports whether the claims grant a capability, a WIT package such as "wasi:keyvalue", for at least some operations. Which
// ones, and on what, is in its Grant.
func (c *Claims) Allows(capability string) bool {
	_, ok := c.Grant(capability)
	return ok
}

// Grant returns the grant of a capability, and whether there is one.
func (c *Claims) Grant(capability string) (Grant, bool) {
	for _, g := range c.Grants {
		if g.Cap == capability {
			return g, true
		}
	}
	return Grant{}, false
}

// validate checks what any claims must fulfil, whether about to be signed or just read.
func (c *Claims) validate() error {
	if err := c.validateNames(); err != nil {
		return err
	}
	if err := c.validateTimes(); err != nil {
		return err
	}
	if err := validateTags(c.Tags); err != nil {
		return err
	}
	return validateGrants(c.Grants)
}
