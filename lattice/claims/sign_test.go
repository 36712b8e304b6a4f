package claims

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"pgregory.net/rapid"
)

func TestSignKeepsTheOriginal(t *testing.T) {
	s := newSigner(t)
	original := wasm(moduleHead, 100)
	signed := s.sign(t, echo(), original)
	if !bytes.HasPrefix(signed, original) {
		t.Error("the original is not the start of the signed file")
	}
	if stripped, err := Strip(signed); err != nil || !bytes.Equal(stripped, original) {
		t.Errorf("Strip: %v", err)
	}
}

func TestSignAddsToOtherSignatures(t *testing.T) {
	author, reviewer := newSigner(t), newSigner(t)
	original := wasm(componentHead, 100)
	twice := reviewer.sign(t, echo(), author.sign(t, echo(), original))
	for _, s := range []signer{author, reviewer} {
		c, got, err := Verify(twice, s.trust, time.Now())
		if err != nil || c.Issuer != s.id || !bytes.Equal(got, original) {
			t.Errorf("Verify for one of two signers: %v", err)
		}
	}
}

func TestSigningTheSameTwiceChangesNothing(t *testing.T) {
	s := newSigner(t)
	once := s.sign(t, echo(), wasm(moduleHead, 10))
	for { // the second signature is the same only within the same second
		start := time.Now().Unix()
		once = s.sign(t, echo(), wasm(moduleHead, 10))
		twice := s.sign(t, echo(), once)
		if time.Now().Unix() != start {
			continue
		}
		if !bytes.Equal(once, twice) {
			t.Error("a repeated signature was added")
		}
		return
	}
}

func TestSignerCanSignForItsRoot(t *testing.T) {
	root, ci := newSigner(t), newSigner(t)
	m := echo()
	m.Root = root.id
	c, err := Parse(ci.token(t, m, wasm(moduleHead, 10)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Issuer != ci.id || c.Root != root.id || c.ID != ActorID(root.id, "echo") {
		t.Errorf("issuer %s, root %s, id %s", c.Issuer, c.Root, c.ID)
	}
}

func TestScopeIsSignedInCanonicalForm(t *testing.T) {
	s := newSigner(t)
	m := Module{Name: "echo", Grants: []Grant{{Cap: "wasi:http", Scope: json.RawMessage("{ \"hosts\" : [\"A\"], \"b\":1.50 }")}}}
	given := string(m.Grants[0].Scope)
	c, err := Parse(s.token(t, m, wasm(moduleHead, 10)))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Grants[0].Scope); got != `{"b":1.50,"hosts":["A"]}` {
		t.Errorf("scope is %s", got)
	}
	if string(m.Grants[0].Scope) != given {
		t.Error("the caller's grants were changed")
	}
}

func TestSignRefuses(t *testing.T) {
	s := newSigner(t)
	user := newUser(t)
	public, err := nkeys.FromPublicKey(s.id)
	if err != nil {
		t.Fatal(err)
	}
	full := wasm(moduleHead, 1)
	for range MaxSignatures {
		full = newSigner(t).sign(t, echo(), full)
	}
	good := wasm(moduleHead, 10)
	grant := func(g Grant) Module { return Module{Name: "echo", Grants: []Grant{g}} }
	for name, test := range map[string]struct {
		key  nkeys.KeyPair
		m    Module
		file []byte
		kind error
	}{
		"no key":                     {nil, echo(), good, ErrToken},
		"user's key":                 {user.key, echo(), good, ErrToken},
		"public key only":            {public, echo(), good, ErrToken},
		"no wasm":                    {s.key, echo(), []byte("#!/bin/sh\n"), ErrFormat},
		"empty file":                 {s.key, echo(), nil, ErrFormat},
		"cut file":                   {s.key, echo(), good[:len(good)-1], ErrFormat},
		"file too large":             {s.key, echo(), wasm(moduleHead, MaxModule), ErrTooLarge},
		"signed eight times already": {s.key, echo(), full, ErrTooLarge},
		"no name":                    {s.key, Module{}, good, ErrToken},
		"name in upper case":         {s.key, Module{Name: "Echo"}, good, ErrToken},
		"name with NUL":              {s.key, Module{Name: "echo\x00"}, good, ErrToken},
		"name with a look-alike":     {s.key, Module{Name: "есho"}, good, ErrToken},
		"name too long":              {s.key, Module{Name: string(bytes.Repeat([]byte("a"), 65))}, good, ErrToken},
		"alias with a dot":           {s.key, Module{Name: "echo", Alias: "a.b"}, good, ErrToken},
		"kind unknown":               {s.key, Module{Name: "echo", Kind: "provider"}, good, ErrToken},
		"root no key":                {s.key, Module{Name: "echo", Root: "shop"}, good, ErrToken},
		"version with a space":       {s.key, Module{Name: "echo", Version: "1 0"}, good, ErrToken},
		"revision negative":          {s.key, Module{Name: "echo", Revision: -1}, good, ErrToken},
		"tag with a control":         {s.key, Module{Name: "echo", Tags: []string{"\x1b[2J"}}, good, ErrToken},
		"expires before valid":       {s.key, Module{Name: "echo", NotBefore: date0("2026-02-01"), Expires: date0("2026-01-01")}, good, ErrToken},
		"expires before 1970":        {s.key, Module{Name: "echo", Expires: date0("1969-01-01")}, good, ErrToken},
		"expires after year 9999":    {s.key, Module{Name: "echo", Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, good, ErrToken},
		"capability no package":      {s.key, grant(Grant{Cap: "keyvalue"}), good, ErrToken},
		"operation empty":            {s.key, grant(Grant{Cap: "wasi:http", Ops: []string{""}}), good, ErrToken},
		"scope no JSON":              {s.key, grant(Grant{Cap: "wasi:http", Scope: json.RawMessage(`{"a":`)}), good, ErrToken},
		"scope cut in a list":        {s.key, grant(Grant{Cap: "wasi:http", Scope: json.RawMessage(`{"a":[1`)}), good, ErrToken},
		"scope no object":            {s.key, grant(Grant{Cap: "wasi:http", Scope: json.RawMessage(`"all"`)}), good, ErrToken},
		"scope and more":             {s.key, grant(Grant{Cap: "wasi:http", Scope: json.RawMessage(`{}{}`)}), good, ErrToken},
		"scope with a key twice":     {s.key, grant(Grant{Cap: "wasi:http", Scope: json.RawMessage(`{"a":1,"A":2}`)}), good, ErrToken},
		"scope too large":            {s.key, grant(Grant{Cap: "wasi:http", Scope: bytes.Repeat([]byte(" "), maxScope+1)}), good, ErrToken},
		"claims too large":           {s.key, largeModule(), good, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			signed, err := Sign(test.key, test.m, test.file)
			wantKind(t, err, test.kind)
			if signed != nil {
				t.Error("Sign gave a file besides the error")
			}
		})
	}
}

// largeModule keeps within every limit but that of the whole token.
func largeModule() Module {
	m := Module{Name: "echo"}
	for i := range 5 {
		scope := fmt.Sprintf(`{"a":%q}`, bytes.Repeat([]byte("x"), maxScope-10))
		m.Grants = append(m.Grants, Grant{Cap: fmt.Sprintf("x:a%d", i), Scope: json.RawMessage(scope)})
	}
	return m
}

// Whatever Sign accepts, Verify accepts and gives back.
func TestSignedModulesVerify(t *testing.T) {
	s := newSigner(t)
	rapid.Check(t, func(t *rapid.T) {
		m := drawModule(t)
		original := wasm(rapid.SampledFrom([]string{moduleHead, componentHead}).Draw(t, "head"), rapid.IntRange(0, 300).Draw(t, "size"))
		signed, err := Sign(s.key, m, original)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		c, got, err := Verify(signed, s.trust, time.Now())
		if err != nil || !bytes.Equal(got, original) {
			t.Fatalf("%+v: %v", m, err)
		}
		back := Module{Name: c.Name, Version: c.Version, Alias: c.Alias, Revision: c.Revision, Grants: c.Grants, Tags: c.Tags, Expires: c.Expires}
		if fmt.Sprint(back) != fmt.Sprint(m) {
			t.Fatalf("got %+v, want %+v", back, m)
		}
	})
}

func drawModule(t *rapid.T) Module {
	name := rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,63}`)
	grant := rapid.Custom(func(t *rapid.T) Grant {
		return Grant{
			Cap: rapid.StringMatching(`[a-z][a-z0-9]{0,9}(-[a-z][a-z0-9]{0,9})?:[a-z][a-z0-9]{0,9}`).Draw(t, "cap"),
			Ops: rapid.SliceOfNDistinct(rapid.StringMatching(`[!-~]{1,20}`), 0, 4, rapid.ID).Draw(t, "ops"),
		}
	})
	return Module{
		Name:     name.Draw(t, "name"),
		Version:  rapid.StringMatching(`[0-9A-Za-z.+_-]{0,20}`).Draw(t, "version"),
		Alias:    rapid.OneOf(rapid.Just(""), name).Draw(t, "alias"),
		Revision: rapid.Int64Range(0, maxRevision).Draw(t, "revision"),
		Grants:   rapid.SliceOfNDistinct(grant, 0, 8, func(g Grant) string { return g.Cap }).Draw(t, "grants"),
		Tags:     rapid.SliceOfN(rapid.StringMatching(`[a-z<>&"\\ éß🦜]{1,20}`), 0, 5).Draw(t, "tags"),
		Expires:  rapid.SampledFrom([]time.Time{{}, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}).Draw(t, "expires"),
	}
}
