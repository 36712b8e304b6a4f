package claims

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// signer is an issuer with a lattice that trusts it.
type signer struct {
	key   nkeys.KeyPair
	id    string
	trust Roots
}

func newSigner(t testing.TB) signer {
	t.Helper()
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, key)
}

// fuzzSigner is the same in every process: the fuzzer's workers must agree with it on what its corpus means.
func fuzzSigner(f *testing.F) signer {
	f.Helper()
	key, err := nkeys.FromRawSeed(nkeys.PrefixByteAccount, []byte("a seed for the fuzzers, 32 bytes"))
	if err != nil {
		f.Fatal(err)
	}
	return signerOf(f, key)
}

func signerOf(t testing.TB, key nkeys.KeyPair) signer {
	t.Helper()
	id, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, id, Roots{id: "shop team"}}
}

// echo is what most tests sign.
func echo() Module {
	return Module{
		Name: "echo", Version: "1.2.0", Alias: "parrot", Revision: 3, Tags: []string{"küche"},
		Grants: []Grant{
			{Cap: "wasi:keyvalue", Ops: []string{"get", "set"}, Scope: json.RawMessage(`{"buckets":["counts"]}`)},
			{Cap: "wasi:http"},
		},
	}
}

func (s signer) sign(t testing.TB, m Module, wasm []byte) []byte {
	t.Helper()
	signed, err := Sign(s.key, m, wasm)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (s signer) token(t testing.TB, m Module, wasm []byte) string {
	t.Helper()
	token, err := Token(s.key, m, wasm)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge signs any payload at all, under the right header.
func (s signer) forge(t testing.TB, payload string) string {
	t.Helper()
	return s.forgeUnder(t, `{"typ":"JWT","alg":"ed25519-nkey"}`, payload)
}

func (s signer) forgeUnder(t testing.TB, header, payload string) string {
	t.Helper()
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(payload))
	sig, err := s.key.Sign([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + enc.EncodeToString(sig)
}

func payloadOf(t testing.TB, token string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	moduleHead    = "\x00asm\x01\x00\x00\x00"
	componentHead = "\x00asm\x0d\x00\x01\x00"
)

// wasm is a binary with a custom section of n zero bytes.
func wasm(head string, n int) []byte {
	return append([]byte(head), custom("data", string(make([]byte, n)))...)
}

func custom(name, payload string) []byte {
	length := appendUleb(nil, uint32(len(name)))
	size := len(length) + len(name) + len(payload)
	b := append(make([]byte, 0, size+6), 0)
	b = append(append(appendUleb(b, uint32(size)), length...), name...)
	return append(b, payload...)
}

// wantKind also makes sure of what every error of the package owes: a type, a sentence and a kind of package lattice.
func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want %v", err, kind)
	}
	var e *Error
	if !errors.As(err, &e) || e.Msg == "" {
		t.Fatalf("error %#v is no *Error with a message", err)
	}
	if lattice.KindOf(err) == lattice.ErrInternal {
		t.Fatalf("error %v has no kind of package lattice", err)
	}
	if strings.ContainsFunc(err.Error(), isHidden) {
		t.Fatalf("error text has control characters: %q", err)
	}
}

func TestClaimsAllowOnlyWhatTheyGrant(t *testing.T) {
	s := newSigner(t)
	c, err := Parse(s.token(t, echo(), wasm(moduleHead, 1)))
	if err != nil {
		t.Fatal(err)
	}
	for capability, want := range map[string]bool{"wasi:keyvalue": true, "wasi:http": true, "wasi:key": false, "wasi": false, "": false} {
		if c.Allows(capability) != want {
			t.Errorf("Allows(%q) = %v, want %v", capability, !want, want)
		}
	}
	kv, _ := c.Grant("wasi:keyvalue")
	if !kv.AllowsOp("get") || kv.AllowsOp("delete") {
		t.Error("named operations are not those allowed")
	}
	if http, ok := c.Grant("wasi:http"); !ok || !http.AllowsOp("anything") {
		t.Error("a grant without operations does not allow them all")
	}
}

func TestActorIDBelongsToRootAndName(t *testing.T) {
	a, b := newSigner(t), newSigner(t)
	id := ActorID(a.id, "echo")
	if !lattice.IsActorID(id) {
		t.Errorf("%s has not the form of an actor id", id)
	}
	if ActorID(a.id, "echo") != id || ActorID(b.id, "echo") == id || ActorID(a.id, "echo2") == id {
		t.Error("the id does not depend on exactly root and name")
	}
}

// The vector pins the derivation: ids are stored in links and must never change. It was computed apart from this package, with Python's
// hashlib, base64 and binascii.crc_hqx.
func TestActorIDVector(t *testing.T) {
	const root = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPSAXJQ"
	const want = "MABQHDV7RJX4HQ7KIGXQY7YVLB6DHC4JTCPFTZ3KL3AF4J7WNHLMK3OS"
	if got := ActorID(root, "echo"); got != want {
		t.Errorf("ActorID = %s, want %s", got, want)
	}
}

func date0(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}
