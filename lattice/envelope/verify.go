package envelope

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/wattle-io/wattle/lattice/bus"
)

// Opened is an envelope that was verified.
type Opened struct {
	Head
	Body []byte            // shares memory with the message
	User string            // id of the sender, U…
	Name string            // of the sender, for people
	Role bus.Role          // of the sender
	Key  [sha256.Size]byte // tells apart what was signed: equal only for copies of one envelope
}

// Verifier opens envelopes. Its methods may be called from any goroutine.
type Verifier struct {
	trust func() Trust
	now   func() time.Time

	mu    sync.Mutex
	known map[string]*credential // guarded by mu: those whose signature was checked
}

// maxKnown is how many credentials a verifier remembers. Few people drive a lattice.
const maxKnown = 256

// NewVerifier makes a verifier that asks for the trust each time, since keys come and go. A nil clock is time.Now.
func NewVerifier(trust func() Trust, now func() time.Time) *Verifier {
	if now == nil {
		now = time.Now
	}
	return &Verifier{trust: trust, now: now, known: make(map[string]*credential)}
}

// Fixed is a trust that does not change.
func Fixed(t Trust) func() Trust { return func() Trust { return t } }

// Command opens an envelope that came on a subject from a sender who must have one of the roles. It must expire, at most MaxAge after it was
// issued, and clocks may be Skew apart.
//
// Errors: ErrMalformed, ErrSignature, ErrForeign, ErrRevoked, ErrCredential, ErrRole, ErrSubject, ErrBody, ErrExpired, ErrFuture.
func (v *Verifier) Command(data []byte, subject string, roles ...bus.Role) (Opened, error) {
	o, c, err := v.open(data, subject, false, roles)
	if err != nil {
		return Opened{}, err
	}
	now := v.now()
	if err := o.inTime(now); err != nil {
		return Opened{}, err
	}
	return o, c.validAt(now)
}

// Stored opens an envelope that was kept under a place. The sender's credential must have counted when the envelope was made; it may have
// expired since. Errors as for Command, without ErrExpired and ErrFuture.
func (v *Verifier) Stored(data []byte, place string, roles ...bus.Role) (Opened, error) {
	o, c, err := v.open(data, place, true, roles)
	if err != nil {
		return Opened{}, err
	}
	if o.Expires != 0 {
		return Opened{}, refuse(ErrSubject, "", "what was sent as a command is no value to keep")
	}
	return o, c.validAt(time.UnixMilli(o.Issued))
}

// open checks all but time.
func (v *Verifier) open(data []byte, subject string, stored bool, roles []bus.Role) (Opened, *credential, error) {
	p, err := split(data)
	if err != nil {
		return Opened{}, nil, err
	}
	c, err := v.credential(string(p.credential))
	if err != nil {
		return Opened{}, nil, err
	}
	role, err := v.trust().admit(c, p.head.Issued, stored)
	if err != nil {
		return Opened{}, nil, err
	}
	if !signedBy(c.Subject, string(p.signed), p.sig) {
		return Opened{}, nil, refuse(ErrSignature, "", "the signature is not that of %s: the envelope was altered, or is forged", c.who())
	}
	o := Opened{Head: p.head, Body: p.body, User: c.Subject, Name: c.Name, Role: role, Key: sha256.Sum256(p.signed)}
	return o, c, o.fits(subject, roles, c)
}

// fits checks what the sender vouches for against what the receiver has.
func (o *Opened) fits(subject string, roles []bus.Role, c *credential) error {
	if o.Subject != subject {
		return refuse(ErrSubject, "", "it was made for %q, and came as %q", o.Subject, subject)
	}
	if sum := sha256.Sum256(o.Body); hex.EncodeToString(sum[:]) != o.Hash {
		return refuse(ErrBody, "", "its body is not the one that %s signed", c.who())
	}
	if !slices.Contains(roles, o.Role) {
		return refuse(ErrRole, "use a credential of another role", "%s has the role %s; this needs %v", c.who(), o.Role, roles)
	}
	return nil
}

// inTime checks a command's window.
func (o *Opened) inTime(now time.Time) error {
	issued, expires := time.UnixMilli(o.Issued), time.UnixMilli(o.Expires)
	const hint = "if it was sent just now, the sender's clock or this host's is wrong: set it right"
	switch {
	case o.Expires == 0 || expires.Sub(issued) > MaxAge:
		return refuse(ErrExpired, "", "a command counts for at most %s; this one says otherwise", MaxAge)
	case now.After(expires.Add(Skew)):
		return refuse(ErrExpired, hint, "the command was signed at %s by the sender's clock, and this host's clock says %s: %s later",
			clock(issued), clock(now), now.Sub(issued).Round(time.Second))
	case now.Add(Skew).Before(issued):
		return refuse(ErrFuture, hint, "the command was signed at %s by the sender's clock, and this host's clock says %s: %s earlier",
			clock(issued), clock(now), issued.Sub(now).Round(time.Second))
	}
	return nil
}

// credential reads a credential, or remembers that it did: a signature costs 50 µs to check.
func (v *Verifier) credential(token string) (*credential, error) {
	v.mu.Lock()
	c := v.known[token]
	v.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := parseCredential(token)
	if err != nil {
		return nil, err
	}
	if _, trusted := v.trust().role(c.Issuer); trusted { // others could only fill the memory
		v.mu.Lock()
		defer v.mu.Unlock()
		if len(v.known) >= maxKnown {
			clear(v.known)
		}
		v.known[token] = c
	}
	return c, nil
}
