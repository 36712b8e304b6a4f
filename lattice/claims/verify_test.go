package claims

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

func TestVerifyAcceptsModulesAndComponents(t *testing.T) {
	s := newSigner(t)
	for _, head := range []string{moduleHead, componentHead} {
		original := wasm(head, 100)
		c, got, err := Verify(s.sign(t, echo(), original), s.trust, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "echo" || !bytes.Equal(got, original) {
			t.Errorf("got claims of %s and %d bytes", c.Name, len(got))
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	now := time.Now()
	original := wasm(moduleHead, 100)
	token := s.token(t, echo(), original)
	with := func(change func(*Module)) []byte {
		m := echo()
		change(&m)
		return s.sign(t, m, original)
	}
	changed := Embed(original, token)
	changed[50] ^= 1
	claimsRoot := echo()
	claimsRoot.Root = s.id
	for name, test := range map[string]struct {
		file []byte
		kind error
	}{
		"unsigned":                         {original, ErrUnsigned},
		"empty":                            {nil, ErrFormat},
		"junk":                             {[]byte("junk, junk and more junk"), ErrFormat},
		"tampered":                         {changed, ErrHash},
		"transplanted to another module":   {Embed(wasm(moduleHead, 101), token), ErrHash},
		"grown by a section":               {Embed(append(bytes.Clone(original), custom("x", "y")...), token), ErrHash},
		"followed by a section":            {append(Embed(original, token), custom("x", "y")...), ErrPlace},
		"followed by junk":                 {append(Embed(original, token), 0xff), ErrFormat},
		"repeated":                         {Embed(Embed(original, token), token), ErrPlace},
		"no token in the signature":        {Embed(original, ""), ErrToken},
		"junk in the signature":            {Embed(original, "a.b.c"), ErrToken},
		"one good signature, one junk":     {Embed(Embed(original, token), "a.b.c"), ErrToken},
		"one good, one of another module":  {Embed(Embed(original, token), s.token(t, echo(), wasm(moduleHead, 9))), ErrHash},
		"signature by somebody else":       {Embed(original, stranger.forge(t, payloadOf(t, token))), ErrSignature},
		"signed by a stranger":             {stranger.sign(t, echo(), original), ErrIssuer},
		"signed by a stranger for our own": {stranger.sign(t, claimsRoot, original), ErrIssuer},
		"expired":                          {with(func(m *Module) { m.Expires = now.Add(-2 * Skew) }), ErrExpired},
		"expired for years":                {with(func(m *Module) { m.Expires = date0("1999-12-31") }), ErrExpired},
		"not yet valid":                    {with(func(m *Module) { m.NotBefore = now.Add(2 * Skew) }), ErrNotYet},
		"too large":                        {wasm(moduleHead, MaxFile), ErrTooLarge},
		"size that is not the original's":  {Embed(original, s.forge(t, strings.Replace(payloadOf(t, token), `"size":1`, `"size":2`, 1))), ErrHash},
	} {
		t.Run(name, func(t *testing.T) {
			c, got, err := Verify(test.file, s.trust, now)
			wantKind(t, err, test.kind)
			if c != nil || got != nil {
				t.Error("Verify gave something besides the error")
			}
		})
	}
}

func TestClocksMayDifferALittle(t *testing.T) {
	s := newSigner(t)
	now := time.Now().Truncate(time.Second)
	m := echo()
	m.NotBefore, m.Expires = now.Add(time.Hour), now.Add(2*time.Hour)
	file := s.sign(t, m, wasm(moduleHead, 10))
	for _, test := range []struct {
		at   time.Time
		kind error
	}{
		{m.NotBefore.Add(-Skew - time.Second), ErrNotYet},
		{m.NotBefore.Add(-Skew), nil},
		{m.Expires.Add(Skew - time.Second), nil},
		{m.Expires.Add(Skew), ErrExpired},
		{now.Add(-maxAhead - time.Hour), ErrNotYet},
	} {
		if _, _, err := Verify(file, s.trust, test.at); !errors.Is(err, test.kind) {
			t.Errorf("at %v: %v, want %v", test.at, err, test.kind)
		}
	}
}

func TestTokenFromTheFutureMeansAWrongClock(t *testing.T) {
	s := newSigner(t)
	file := s.sign(t, echo(), wasm(moduleHead, 10))
	_, _, err := Verify(file, s.trust, date0("1970-01-05")) // a machine without a clock
	wantKind(t, err, ErrNotYet)
	if !strings.Contains(err.Error(), "clock") {
		t.Errorf("%q does not point at the clock", err)
	}
}

func TestNilTrustTrustsNobody(t *testing.T) {
	s := newSigner(t)
	_, _, err := Verify(s.sign(t, echo(), wasm(moduleHead, 10)), nil, time.Now())
	wantKind(t, err, ErrIssuer)
}

// teams is a Trust with signing keys and revocation.
type teams struct {
	signers map[string]string // issuer to root
	below   int64             // revisions below are revoked
}

func (r teams) SignerOf(issuer, root string) bool { return r.signers[issuer] == root }
func (r teams) Revoked(c *Claims) bool            { return c.Revision < r.below }

func TestSigningKeysStandForTheirRootOnly(t *testing.T) {
	root, ci, other := newSigner(t), newSigner(t), newSigner(t)
	trust := teams{signers: map[string]string{ci.id: root.id}}
	m := echo()
	m.Root = root.id
	if _, _, err := Verify(ci.sign(t, m, wasm(moduleHead, 10)), trust, time.Now()); err != nil {
		t.Error(err)
	}
	m.Root = other.id
	_, _, err := Verify(ci.sign(t, m, wasm(moduleHead, 10)), trust, time.Now())
	wantKind(t, err, ErrIssuer)
}

func TestRevokedClaimsAreRefused(t *testing.T) {
	s := newSigner(t)
	file := s.sign(t, echo(), wasm(moduleHead, 10))
	trust := teams{signers: map[string]string{s.id: s.id}, below: 3}
	if _, _, err := Verify(file, trust, time.Now()); err != nil {
		t.Errorf("revision 3, revoked below 3: %v", err)
	}
	trust.below = 4
	_, _, err := Verify(file, trust, time.Now())
	wantKind(t, err, ErrRevoked)
}

func TestOneGoodSignatureIsEnough(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	original := wasm(moduleHead, 10)
	old, fresh := echo(), echo()
	old.Expires = date0("2020-01-01")
	fresh.Revision = 4
	file := s.sign(t, fresh, s.sign(t, old, stranger.sign(t, echo(), original)))
	c, _, err := Verify(file, s.trust, time.Now())
	if err != nil || c.Revision != 4 {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestTheErrorIsAboutTheSignatureOfAFriend(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	old := echo()
	old.Expires = date0("2020-01-01")
	original := wasm(moduleHead, 10)
	for _, file := range [][]byte{
		s.sign(t, old, stranger.sign(t, echo(), original)),
		stranger.sign(t, echo(), s.sign(t, old, original)),
	} {
		_, _, err := Verify(file, s.trust, time.Now())
		wantKind(t, err, ErrExpired)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	old := echo()
	old.Expires = date0("2026-01-02")
	for _, test := range []struct {
		file []byte
		want []string
	}{
		{wasm(moduleHead, 1), []string{"not signed", "wattle sign"}},
		{s.sign(t, old, wasm(moduleHead, 1)), []string{"echo", "expired on 2026-01-02", "sign it again"}},
		{stranger.sign(t, echo(), wasm(moduleHead, 1)), []string{stranger.id, "does not trust", "wattle trust add"}},
		{Embed(wasm(moduleHead, 2), s.token(t, echo(), wasm(moduleHead, 1))), []string{s.id, "not what", "signed"}},
		{[]byte("\x7fELF\x1b[31m..."), []string{"no WebAssembly", `\x7fELF\x1b[31`}},
	} {
		_, _, err := Verify(test.file, s.trust, time.Now())
		if err == nil {
			t.Fatal("accepted")
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not contain %q", err, want)
			}
		}
	}
}

func TestErrorKindsAreThoseOfTheLattice(t *testing.T) {
	for kind, want := range map[error]error{
		ErrUnsigned: lattice.ErrDenied, ErrHash: lattice.ErrDenied, ErrSignature: lattice.ErrDenied, ErrExpired: lattice.ErrDenied,
		ErrNotYet: lattice.ErrDenied, ErrIssuer: lattice.ErrDenied, ErrRevoked: lattice.ErrDenied,
		ErrFormat: lattice.ErrInvalid, ErrPlace: lattice.ErrInvalid, ErrToken: lattice.ErrInvalid, ErrTooLarge: lattice.ErrLimit,
	} {
		if got := lattice.KindOf(&Error{Kind: kind, Msg: "x"}); got != want {
			t.Errorf("kind of %v is %v, want %v", kind, got, want)
		}
	}
}

func TestNoFlippedBitVerifies(t *testing.T) {
	author, reviewer := newSigner(t), newSigner(t)
	file := author.sign(t, Module{Name: "echo"}, wasm(moduleHead, 30))
	file = reviewer.sign(t, Module{Name: "echo"}, file)
	trust := Roots{author.id: "author", reviewer.id: "reviewer"}
	now := time.Now()
	if _, _, err := Verify(file, trust, now); err != nil {
		t.Fatal(err)
	}
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			if _, _, err := Verify(file, trust, now); err == nil {
				t.Errorf("bit %d of byte %d is not covered", bit, i)
			}
			file[i] ^= 1 << bit
		}
	}
}

func TestNoCutFileVerifies(t *testing.T) {
	s := newSigner(t)
	file := s.sign(t, echo(), wasm(moduleHead, 100))
	for n := range file {
		if _, _, err := Verify(file[:n], s.trust, time.Now()); err == nil {
			t.Errorf("the first %d of %d bytes verify", n, len(file))
		}
	}
}

func TestNoBytesCanBeLostOrAdded(t *testing.T) {
	s := newSigner(t)
	file := s.sign(t, echo(), wasm(moduleHead, 40))
	for i := range len(file) + 1 {
		for _, b := range []byte{0, 1, 0x80, 'A', 0xff} {
			longer := bytes.Join([][]byte{file[:i], {b}, file[i:]}, nil)
			if _, _, err := Verify(longer, s.trust, time.Now()); err == nil {
				t.Errorf("byte %#x added at %d verifies", b, i)
			}
		}
		if i == len(file) {
			break
		}
		if _, _, err := Verify(append(bytes.Clone(file[:i]), file[i+1:]...), s.trust, time.Now()); err == nil {
			t.Errorf("verifies without byte %d", i)
		}
	}
}
