package claims

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
)

func FuzzSplit(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(wasm(moduleHead, 3))
	f.Add(Embed(Embed(wasm(componentHead, 3), "one"), "two"))
	f.Add(append(Embed(wasm(moduleHead, 3), "one"), custom("x", "y")...))
	f.Add([]byte(moduleHead + "\x00\x8d\x00\x0awattle.sigto"))
	f.Fuzz(func(t *testing.T, file []byte) {
		original, tokens, err := Split(file)
		if err != nil {
			return
		}
		again := original
		for _, token := range tokens {
			again = Embed(again, token)
		}
		if !bytes.Equal(again, file) {
			t.Error("the parts do not make up the file: it has another spelling, or bytes that belong to neither")
		}
	})
}

// FuzzParse signs whatever payload it is given, so that it gets past the signature.
func FuzzParse(f *testing.F) {
	s := fuzzSigner(f)
	good := payloadOf(f, s.token(f, echo(), wasm(moduleHead, 5)))
	f.Add(good)
	f.Add(strings.Replace(good, `"rev":3`, `"rev":3.0`, 1))
	f.Add(strings.Replace(good, `"name":"echo"`, `"name":"evil","Name":"echo"`, 1))
	f.Add(`{"iss":"` + s.id + `","type":"user"}`)
	f.Add(`[[[[`)
	f.Fuzz(func(t *testing.T, payload string) {
		token := s.forge(t, payload)
		c, err := Parse(token)
		if err != nil {
			return
		}
		g, err := jwt.DecodeGeneric(token)
		if err != nil || g.Subject != c.ID || g.Issuer != c.Issuer || g.Name != c.Name || g.Data["hash"] != c.Hash {
			t.Errorf("another reader takes it for %v, %v", g, err)
		}
		if err := c.validate(); err != nil {
			t.Errorf("invalid claims were accepted: %v", err)
		}
	})
}

// FuzzToken is about all that comes before the signature.
func FuzzToken(f *testing.F) {
	s := fuzzSigner(f)
	f.Add(s.token(f, echo(), wasm(moduleHead, 5)))
	f.Add(s.forgeUnder(f, `{"typ":"jwt","alg":"ed25519"}`, `{}`))
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := Parse(token); err != nil && c != nil {
			t.Error("claims besides an error")
		}
	})
}

func FuzzScope(f *testing.F) {
	for _, s := range []string{`{"buckets":["counts"]}`, `{"a":{"b":[1,2.50,null,true,"\u0000"]}}`, `{"a":1,"A":2}`, `{"a":[[[[[[[[`, `[]`, `{} {}`, `{"a":[1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, scope []byte) {
		canonical, err := canonicalScope(scope)
		if err != nil {
			return
		}
		if !json.Valid(canonical) {
			t.Errorf("canonical form is no JSON: %s", canonical)
		}
		again, err := canonicalScope(canonical)
		if len(canonical) <= maxScope && (err != nil || !bytes.Equal(again, canonical)) {
			t.Errorf("canonical form %s becomes %s, %v", canonical, again, err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	s := fuzzSigner(f)
	original := wasm(moduleHead, 20)
	signed := s.sign(f, echo(), original)
	f.Add(signed)
	f.Add(s.sign(f, Module{Name: "other"}, signed))
	f.Add(original)
	f.Add([]byte(componentHead))
	now := time.Now()
	f.Fuzz(func(t *testing.T, file []byte) {
		c, got, err := Verify(file, s.trust, now)
		if err == nil && !bytes.Equal(got, original) {
			t.Error("bytes were accepted that were never signed")
		}
		if err == nil && (c.Issuer != s.id || c.Hash != Hash(got)) {
			t.Errorf("accepted with claims %+v", c)
		}
		r := Inspect(file, s.trust, now)
		if r.Valid != (err == nil) || r.Valid != (len(r.Problems) == 0) {
			t.Errorf("Verify says %v, Inspect %v, %q", err, r.Valid, r.Problems)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("report as JSON: %v", err)
		}
	})
}
