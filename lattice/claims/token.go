package claims

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

const (
	audience    = "wattle:module"
	tokenType   = "wattle-module-1" // no type that jwt/v2 knows: a module's token must never pass as a NATS credential
	jwtVersion  = 2
	tokenHeader = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ" // {"typ":"JWT","alg":"ed25519-nkey"}, the only one accepted
)

// payload is the middle part of a token. The order of the fields is that of jwt/v2's encoder: see Parse.
type payload struct {
	Audience  string `json:"aud"`
	Expires   int64  `json:"exp,omitempty"` // seconds since 1970, as all times
	JTI       string `json:"jti"`
	Issued    int64  `json:"iat"`
	Issuer    string `json:"iss"`
	Name      string `json:"name"`
	NotBefore int64  `json:"nbf,omitempty"`
	Subject   string `json:"sub"` // the actor's id
	Module    module `json:"nats"`
}

// module is what jwt/v2 writes as a map: keys in alphabetical order.
type module struct {
	Alias    string   `json:"alias,omitempty"`
	Grants   []Grant  `json:"caps,omitempty"`
	Hash     string   `json:"hash"`
	Kind     string   `json:"kind"`
	Revision int64    `json:"rev"`
	Root     string   `json:"root"`
	Size     int64    `json:"size"`
	Tags     []string `json:"tags,omitempty"`
	Type     string   `json:"type"`
	Version  string   `json:"ver,omitempty"`
	Format   int      `json:"version"`
}

// Parse reads a token. It makes sure of the format of everything in it and of the signature by the issuer that it names. It says nothing
// about whether that issuer is trusted, nor about time, nor about any module: see Verify.
//
// Errors: ErrTooLarge, ErrToken (malformed, or a token of another kind), ErrSignature.
func Parse(token string) (*Claims, error) {
	signed, middle, sig, err := cutToken(token)
	if err != nil {
		return nil, err
	}
	c, err := parsePayload(middle)
	if err != nil {
		return nil, err
	}
	key, ok := publicKey(c.Issuer)
	if !ok || key.Verify([]byte(signed), sig) != nil {
		return nil, refuse(ErrSignature, "do not use this file", "the signature is not by %s, whom it names as its issuer", c.Issuer)
	}
	return c, nil
}

// cutToken takes apart "header.payload.signature". The signature is made over the first two.
func cutToken(token string) (signed string, middle, sig []byte, err error) {
	if len(token) > MaxToken {
		return "", nil, nil, refuse(ErrTooLarge, "", "a token of %d bytes is larger than %d", len(token), MaxToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", nil, nil, badToken("it has %d parts, not 3", len(parts))
	}
	if parts[0] != tokenHeader {
		return "", nil, nil, badToken("its header is not that of an ed25519-nkey JWT")
	}
	middle, ok := decodeBase64(parts[1])
	if !ok {
		return "", nil, nil, badToken("its payload is not in base64url")
	}
	if sig, ok = decodeBase64(parts[2]); !ok || len(sig) != ed25519.SignatureSize {
		return "", nil, nil, badToken("its signature is not 64 bytes in base64url")
	}
	return token[:len(parts[0])+1+len(parts[1])], middle, sig, nil
}

// decodeBase64 accepts one spelling only. Go's decoder skips line ends.
func decodeBase64(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}

// parsePayload reads claims in their one accepted spelling: what our own encoder makes of them. That rules out, in one rule, keys that
// are there twice, in another case, or unknown, and spaces, escapes, number formats and broken UTF-8.
func parsePayload(b []byte) (*Claims, error) {
	var p payload
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, badToken("its payload is not the JSON of claims")
	}
	if p.Audience != audience || p.Module.Type != tokenType || p.Module.Format != jwtVersion {
		return nil, badToken("it was made for something else than modules: audience %s, type %s", quote(p.Audience), quote(p.Module.Type))
	}
	again, err := json.Marshal(&p)
	if err != nil || !bytes.Equal(again, b) {
		return nil, badToken("its payload is not in canonical form: a key is unknown, repeated or spelt in another case, " +
			"or a value in another format")
	}
	return p.claims()
}

// claims checks every value and makes Claims of them.
func (p *payload) claims() (*Claims, error) {
	m := &p.Module
	if p.Expires < 0 || p.NotBefore < 0 || p.Issued <= 0 { // one of the negative ones is Go's zero time: no expiry
		return nil, badToken("a time in it is before 1970")
	}
	if !isHash(m.Hash) || m.Size < headLen || m.Size > MaxModule {
		return nil, badToken("it names no possible hash and size of a module")
	}
	if !isJTI(p.JTI) {
		return nil, badToken("its id is not 52 characters of base32")
	}
	c := &Claims{
		ID: p.Subject, Issuer: p.Issuer, Root: m.Root, Kind: m.Kind, Name: p.Name, Version: m.Version, Alias: m.Alias,
		Revision: m.Revision, Hash: m.Hash, Size: m.Size, Grants: m.Grants, Tags: m.Tags,
		Issued: seconds(p.Issued), NotBefore: seconds(p.NotBefore), Expires: seconds(p.Expires), JTI: p.JTI,
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c, nil
}

func badToken(format string, args ...any) error {
	return refuse(ErrToken, "sign the original again with `wattle sign`", "the signature holds no valid claims: "+format, args...)
}

func seconds(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

func isHash(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	_, err := hex.DecodeString(digits)
	return ok && err == nil && len(digits) == 64 && strings.ToLower(digits) == digits
}

func isJTI(s string) bool {
	return len(s) == 52 && all(s, func(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '2' && c <= '7' })
}
