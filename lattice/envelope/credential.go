package envelope

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
)

// credentialHeader is {"typ":"JWT","alg":"ed25519-nkey"}, the only one accepted.
const credentialHeader = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ"

// credential is what counts of a NATS user JWT. Times are Unix seconds. (jwt/v2's own decoder is not for hostile input, and checks no times.)
type credential struct {
	Subject   string `json:"sub"`  // the user, U…
	Issuer    string `json:"iss"`  // key of a role, A…
	Name      string `json:"name"` // for people
	Issued    int64  `json:"iat"`
	Expires   int64  `json:"exp"` // 0: never
	NotBefore int64  `json:"nbf"`
	NATS      struct {
		Account string `json:"issuer_account"` // the lattice
		Type    string `json:"type"`
		Version int    `json:"version"`
	} `json:"nats"`
}

// parseCredential reads a user JWT and checks that the issuer it names has signed it. Whether the issuer counts is Trust's. The content needs no
// stricter reading: it is what a trusted issuer signed, or it does not count.
func parseCredential(token string) (*credential, error) {
	p := strings.Split(token, ".")
	if len(p) != 3 || p[0] != credentialHeader {
		return nil, malformed("its credential is no user JWT")
	}
	payload, ok := decodeBase64(p[1])
	sig, sigOK := decodeBase64(p[2])
	var c credential
	if !ok || !sigOK || len(sig) != ed25519.SignatureSize || json.Unmarshal(payload, &c) != nil {
		return nil, malformed("its credential is damaged")
	}
	if c.NATS.Type != "user" || c.NATS.Version != 2 || c.Expires < 0 || c.NotBefore < 0 {
		return nil, malformed("its credential is of another kind than a user's")
	}
	if !nkeys.IsValidPublicAccountKey(c.Issuer) || !nkeys.IsValidPublicUserKey(c.Subject) {
		return nil, malformed("its credential names no keys")
	}
	if !signedBy(c.Issuer, token[:len(p[0])+1+len(p[1])], sig) {
		return nil, refuse(ErrSignature, "", "the credential of %s is forged: the key that it names did not sign it", c.who())
	}
	return &c, nil
}

func signedBy(key, text string, sig []byte) bool {
	pub, err := nkeys.FromPublicKey(key)
	return err == nil && pub.Verify([]byte(text), sig) == nil
}

// who names the user to a person.
func (c *credential) who() string {
	if c.Name == "" {
		return fmt.Sprintf("%.60s", c.Subject)
	}
	return fmt.Sprintf("%.60q (%.60s)", c.Name, c.Subject)
}

// validAt checks the credential's own times.
func (c *credential) validAt(now time.Time) error {
	if exp := time.Unix(c.Expires, 0); c.Expires != 0 && now.After(exp.Add(Skew)) {
		return refuse(ErrCredential, "renew it; if it should still count, a clock is wrong", "the credential of %s expired at %s, and it is %s", c.who(), clock(exp), clock(now))
	}
	if nbf := time.Unix(c.NotBefore, 0); now.Add(Skew).Before(nbf) {
		return refuse(ErrCredential, "is a clock wrong?", "the credential of %s counts from %s on, and it is %s", c.who(), clock(nbf), clock(now))
	}
	return nil
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
