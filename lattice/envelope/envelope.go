// Package envelope signs what drives a lattice: commands, and values in its store. An envelope says who sent a body, what it is for, when, and
// until when it counts; whoever opens it checks that against the keys of the lattice (Trust), and need not believe the wire.
//
// It does not remember what it has opened: that a command is carried out once only is package control's, that a stored value does not go back
// to an older one is package links'. And it hides nothing: the body travels in the clear.
//
// # Format
//
// Five parts, each of the first four ended by a line feed:
//
//	wattle-envelope-1
//	<credential: the sender's NATS user JWT>
//	<head: {"id":"…","sub":"ctl.U….start","iat":1763716441000,"exp":1763716471000,"rev":1,"sha256":"…"}>
//	<signature: base64url of ed25519 by the sender's user key over the three lines before, line feeds included>
//	<body: any bytes>
//
// The credential is signed by the key of a role (package bus), which belongs to the lattice. So sender, role and lattice are proven, and the
// signature holds sender, purpose, time and body together.
package envelope

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wattle-io/wattle/lattice/bus"
)

// Limits of an envelope.
const (
	// MaxOverhead is the most bytes that an envelope adds to its body.
	MaxOverhead = len(version) + maxCredential + maxHead + sigLen + 4
	// MaxAge is the longest that a command may count.
	MaxAge = 60 * time.Second
	// Skew is how far two clocks of a lattice may be apart.
	Skew = 60 * time.Second

	version       = "wattle-envelope-1"
	maxCredential = 4 << 10
	maxHead       = 2 << 10
	maxSubject    = 512
	idLen         = 26 // of rand.Text: 130 bits of base32
)

const sigLen = (ed25519.SignatureSize*8 + 5) / 6 // in base64url

// Head is what an envelope says of its body. Times are milliseconds since 1970.
type Head struct {
	ID       string `json:"id"`            // no two envelopes have the same
	Subject  string `json:"sub"`           // what the body is for: a NATS subject, or the place of a stored value
	Issued   int64  `json:"iat"`           // by the sender's clock
	Expires  int64  `json:"exp,omitempty"` // 0: never; a command always does
	Revision uint64 `json:"rev,omitempty"` // of a stored value: grows with each change
	Hash     string `json:"sha256"`        // of the body, in hex
}

// Seal signs a body for a subject. With ttl 0 it does not expire: for what is stored.
func Seal(u *bus.User, subject string, ttl time.Duration, revision uint64, body []byte) ([]byte, error) {
	now := time.Now()
	h := Head{Subject: subject, Issued: now.UnixMilli(), Revision: revision}
	if ttl != 0 {
		h.Expires = now.Add(ttl).UnixMilli()
	}
	return h.Seal(u, body)
}

// Seal signs a body under this head, whose ID and Hash it makes.
func (h Head) Seal(u *bus.User, body []byte) ([]byte, error) {
	sum := sha256.Sum256(body)
	h.ID, h.Hash = rand.Text(), hex.EncodeToString(sum[:])
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	signed := fmt.Appendf(nil, "%s\n%s\n%s\n", version, u.JWT, head)
	sig, err := u.Sign(signed)
	if err != nil {
		return nil, fmt.Errorf("envelope: sign as %s: %w", u.ID, err)
	}
	out := base64.RawURLEncoding.AppendEncode(signed, sig)
	return append(append(out, '\n'), body...), nil
}

// parts are the pieces of an envelope, not yet believed. All share memory with the message.
type parts struct {
	signed     []byte // the first three lines
	credential []byte
	head       Head
	sig        []byte
	body       []byte
}

// split takes a message apart. It checks form and sizes, not truth.
func split(data []byte) (p parts, err error) {
	first, rest, ok := bytes.Cut(data[:min(len(data), MaxOverhead)], []byte{'\n'})
	if !ok || string(first) != version {
		return p, malformed("it does not begin with %q", version)
	}
	credential, rest, ok := bytes.Cut(rest, []byte{'\n'})
	if !ok || len(credential) > maxCredential {
		return p, malformed("it has no credential of at most %d bytes", maxCredential)
	}
	head, rest, ok := bytes.Cut(rest, []byte{'\n'})
	if !ok || len(head) > maxHead {
		return p, malformed("it has no head of at most %d bytes", maxHead)
	}
	sig, _, ok := bytes.Cut(rest, []byte{'\n'})
	if !ok || len(sig) != sigLen {
		return p, malformed("it has no signature")
	}
	p.credential = credential
	p.signed = data[:len(version)+len(credential)+len(head)+3]
	p.body = data[len(p.signed)+len(sig)+1:]
	if p.sig, ok = decodeBase64(string(sig)); !ok {
		return p, malformed("its signature is not in base64url")
	}
	p.head, err = parseHead(head)
	return p, err
}

// parseHead reads a head in its one accepted spelling, what our own encoder makes of it: no key is there twice, in another case, or unknown.
func parseHead(b []byte) (h Head, err error) {
	if json.Unmarshal(b, &h) != nil {
		return h, malformed("its head is no JSON of one")
	}
	again, err := json.Marshal(h)
	if err != nil || !bytes.Equal(again, b) {
		return h, malformed("its head is not in canonical form")
	}
	if len(h.ID) != idLen || len(h.Subject) == 0 || len(h.Subject) > maxSubject || len(h.Hash) != 2*sha256.Size {
		return h, malformed("a value of its head has a wrong length")
	}
	if h.Issued <= 0 || h.Expires < 0 || h.Expires != 0 && h.Expires < h.Issued {
		return h, malformed("a time of its head cannot be")
	}
	return h, nil
}

// decodeBase64 accepts one spelling only. Go's decoder skips line ends.
func decodeBase64(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && !bytes.ContainsAny([]byte(s), "\r\n")
}
