package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

const subject = "ctl.UABC.start"

var body = []byte(`{"hash":"ab"}` + "\n\n")

func identity(t testing.TB) *bus.Identity {
	t.Helper()
	id, err := bus.NewIdentity("test")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func user(t testing.TB, id *bus.Identity, role bus.Role, ttl time.Duration) *bus.User {
	t.Helper()
	u, err := id.User(role, "ann", ttl)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func trustOf(t testing.TB, id *bus.Identity) Trust {
	t.Helper()
	trust, err := TrustOf(id)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func seal(t testing.TB, u *bus.User, h Head) []byte {
	t.Helper()
	b, err := h.Seal(u, body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// at is the head of a command for the subject that was signed at that time and counts for 30 s.
func at(issued time.Time) Head {
	return Head{Subject: subject, Issued: issued.UnixMilli(), Expires: issued.Add(30 * time.Second).UnixMilli()}
}

func refused(t *testing.T, what string, err, reason error, parts ...string) {
	t.Helper()
	var e *lattice.Error
	if !errors.Is(err, reason) || !errors.As(err, &e) || e.Kind != lattice.ErrDenied && e.Kind != lattice.ErrInvalid {
		t.Errorf("%s: got %v, want %v", what, err, reason)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%s: %q does not say %q", what, err, p)
		}
	}
}

func TestWhatWasSealedIsOpened(t *testing.T) {
	id := identity(t)
	admin := user(t, id, bus.RoleAdmin, time.Hour)
	v := NewVerifier(Fixed(trustOf(t, id)), nil)
	for _, body := range [][]byte{nil, body, bytes.Repeat([]byte{'\n'}, 300_000)} {
		data, err := Seal(admin, subject, 30*time.Second, 7, body)
		if err != nil {
			t.Fatal(err)
		}
		if extra := len(data) - len(body); extra > MaxOverhead {
			t.Errorf("an envelope adds %d bytes", extra)
		}
		for range 2 { // the second time with a credential that it knows
			o, err := v.Command(data, subject, bus.RoleView, bus.RoleAdmin)
			if err != nil || !bytes.Equal(o.Body, body) || o.User != admin.ID || o.Name != "ann" || o.Role != bus.RoleAdmin || o.Revision != 7 {
				t.Fatalf("opened %+v, %v", o, err)
			}
		}
	}
}

func TestTwoEnvelopesOfTheSameAreToldApart(t *testing.T) {
	id := identity(t)
	admin := user(t, id, bus.RoleAdmin, 0)
	v := NewVerifier(Fixed(trustOf(t, id)), nil)
	h := at(time.Now())
	open := func(b []byte) Opened {
		t.Helper()
		o, err := v.Command(b, subject, bus.RoleAdmin)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	one := seal(t, admin, h)
	if a, b, copied := open(one), open(seal(t, admin, h)), open(bytes.Clone(one)); a.Key == b.Key || a.Key != copied.Key {
		t.Error("keys do not tell envelopes apart")
	}
}

func TestEveryAlteredByteIsRefused(t *testing.T) {
	id := identity(t)
	v := NewVerifier(Fixed(trustOf(t, id)), nil)
	data := seal(t, user(t, id, bus.RoleAdmin, 0), at(time.Now()))
	for i := range data {
		for _, bit := range []byte{1, 0x20} {
			damaged := bytes.Clone(data)
			damaged[i] ^= bit
			if _, err := v.Command(damaged, subject, bus.RoleAdmin); err == nil {
				t.Fatalf("with byte %d altered it is opened: %q", i, damaged)
			}
		}
		if _, err := v.Command(data[:i], subject, bus.RoleAdmin); err == nil {
			t.Fatalf("cut to %d bytes it is opened", i)
		}
	}
	_, err := v.Command(append(bytes.Clone(data), 'x'), subject, bus.RoleAdmin)
	refused(t, "longer body", err, ErrBody)
}

func TestRefusals(t *testing.T) {
	id, other := identity(t), identity(t)
	admin := user(t, id, bus.RoleAdmin, 0)
	now := time.Now()
	stale := at(now)
	stale.Expires = 0
	long := at(now)
	long.Expires = now.Add(MaxAge + time.Second).UnixMilli()
	elsewhere := at(now)
	elsewhere.Subject = "ctl.UXYZ.start"
	mixed := *admin // credential of an admin, key of somebody else
	mixed.JWT = user(t, id, bus.RoleAdmin, 0).JWT
	for name, c := range map[string]struct {
		data   []byte
		reason error
		says   string
	}{
		"another host":           {seal(t, admin, elsewhere), ErrSubject, "ctl.UXYZ.start"},
		"expired":                {seal(t, admin, at(now.Add(-31*time.Second-Skew))), ErrExpired, "clock"},
		"clock an hour behind":   {seal(t, admin, at(now.Add(-time.Hour))), ErrExpired, "1h0m0s later"},
		"clock an hour ahead":    {seal(t, admin, at(now.Add(time.Hour))), ErrFuture, "1h0m0s earlier"},
		"never expires":          {seal(t, admin, stale), ErrExpired, "at most"},
		"counts too long":        {seal(t, admin, long), ErrExpired, "at most"},
		"view role":              {seal(t, user(t, id, bus.RoleView, 0), at(now)), ErrRole, "view"},
		"host role":              {seal(t, user(t, id, bus.RoleHost, 0), at(now)), ErrRole, "host"},
		"foreign lattice":        {seal(t, user(t, other, bus.RoleAdmin, 0), at(now)), ErrForeign, id.ID()},
		"expired credential":     {seal(t, user(t, id, bus.RoleAdmin, time.Nanosecond), at(now)), nil, ""}, // within the skew
		"another's credential":   {seal(t, &mixed, at(now)), ErrSignature, "ann"},
		"junk":                   {[]byte(`{"hash":"x"}`), ErrMalformed, "envelope"},
		"nothing":                {nil, ErrMalformed, ""},
		"only line feeds":        {bytes.Repeat([]byte{'\n'}, 100), ErrMalformed, ""},
		"endless credential":     {[]byte(version + "\n" + strings.Repeat("a", 1<<20)), ErrMalformed, "credential"},
		"signature is no base64": {bytes.Replace(seal(t, admin, at(now)), []byte("}\n"), []byte("}\n*"), 1), ErrMalformed, "signature"},
	} {
		v := NewVerifier(Fixed(trustOf(t, id)), func() time.Time { return now })
		_, err := v.Command(c.data, subject, bus.RoleAdmin)
		if c.reason == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.reason != nil {
			refused(t, name, err, c.reason, c.says)
		}
	}
	v := NewVerifier(Fixed(Trust{}), nil)
	_, err := v.Command(seal(t, admin, at(now)), subject, bus.RoleAdmin)
	refused(t, "no trust", err, ErrForeign)
}

func TestClocksMayBeASkewApart(t *testing.T) {
	id := identity(t)
	admin, now := user(t, id, bus.RoleAdmin, 0), time.Now()
	v := NewVerifier(Fixed(trustOf(t, id)), func() time.Time { return now })
	for _, d := range []time.Duration{-Skew - 29*time.Second, -Skew, 0, Skew - time.Second} {
		if _, err := v.Command(seal(t, admin, at(now.Add(d))), subject, bus.RoleAdmin); err != nil {
			t.Errorf("%s apart: %v", d, err)
		}
	}
}

func TestCredentialsOwnTimesCount(t *testing.T) {
	id := identity(t)
	admin := user(t, id, bus.RoleAdmin, time.Hour)
	now := time.Now().Add(time.Hour + Skew + 2*time.Second)
	v := NewVerifier(Fixed(trustOf(t, id)), func() time.Time { return now })
	_, err := v.Command(seal(t, admin, at(now)), subject, bus.RoleAdmin)
	refused(t, "an expired credential", err, ErrCredential, "expired")

	kept := Head{Subject: "links/a", Issued: time.Now().UnixMilli(), Revision: 3}
	if o, err := v.Stored(seal(t, admin, kept), "links/a", bus.RoleAdmin); err != nil || o.Revision != 3 {
		t.Errorf("a value that was signed while the credential counted: %v", err)
	}
	kept.Issued = now.UnixMilli()
	_, err = v.Stored(seal(t, admin, kept), "links/a", bus.RoleAdmin)
	refused(t, "a value signed after it expired", err, ErrCredential)
	_, err = v.Stored(seal(t, admin, at(time.Now())), subject, bus.RoleAdmin)
	refused(t, "a command as a value", err, ErrSubject)
	_, err = v.Stored(seal(t, admin, kept), "links/b", bus.RoleAdmin)
	refused(t, "a value of another place", err, ErrSubject)
}

func TestRevokedCredentialsDoNotCount(t *testing.T) {
	id := identity(t)
	admin, now := user(t, id, bus.RoleAdmin, 0), time.Now()
	before := seal(t, admin, Head{Subject: "links/a", Issued: now.Add(-time.Minute).UnixMilli()})
	after := seal(t, admin, Head{Subject: "links/a", Issued: now.Add(time.Minute).UnixMilli()})
	for _, who := range []string{admin.ID, "*"} {
		trust := trustOf(t, id)
		v := NewVerifier(func() Trust { return trust }, nil)
		command := seal(t, admin, at(now))
		if _, err := v.Command(command, subject, bus.RoleAdmin); err != nil {
			t.Fatal(err)
		}
		trust.Revoked = map[string]int64{who: now.Unix()}
		_, err := v.Command(command, subject, bus.RoleAdmin)
		refused(t, "revoked", err, ErrRevoked)
		if _, err := v.Stored(before, "links/a", bus.RoleAdmin); err != nil {
			t.Errorf("a value from before the revocation: %v", err)
		}
		_, err = v.Stored(after, "links/a", bus.RoleAdmin)
		refused(t, "a value from after the revocation", err, ErrRevoked)
	}
}

// A key of a role that is taken away, or whose role changes, counts no more from then on, remembered or not.
func TestTrustIsAskedEachTime(t *testing.T) {
	id, next := identity(t), identity(t)
	trust := trustOf(t, id)
	v := NewVerifier(func() Trust { return trust }, nil)
	command := seal(t, user(t, id, bus.RoleAdmin, 0), at(time.Now()))
	if _, err := v.Command(command, subject, bus.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	old := trust.Roles[bus.RoleAdmin]
	trust.Roles = trustOf(t, next).Roles
	_, err := v.Command(command, subject, bus.RoleAdmin)
	refused(t, "a key that was taken away", err, ErrForeign)
	trust = trust.With(map[bus.Role][]string{bus.RoleView: old})
	_, err = v.Command(command, subject, bus.RoleAdmin)
	refused(t, "a key of another role", err, ErrRole)
	trust = trustOf(t, next).With(map[bus.Role][]string{bus.RoleAdmin: old})
	trust.Lattice = id.ID()
	if _, err = v.Command(command, subject, bus.RoleAdmin); err != nil {
		t.Errorf("a retiring key: %v", err)
	}
}

func TestTrustSurvivesJSON(t *testing.T) {
	trust := trustOf(t, identity(t))
	trust.Revoked = map[string]int64{"*": 1}
	b, err := json.Marshal(trust)
	if err != nil {
		t.Fatal(err)
	}
	var got Trust
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, trust) {
		t.Errorf("%s gives %+v, %v", b, got, err)
	}
}

// A module's token, an account's claims, or anything else that the key of a role might ever sign is no user's credential.
func TestOnlyUserCredentialsCount(t *testing.T) {
	id := identity(t)
	admin := user(t, id, bus.RoleAdmin, 0)
	p := strings.Split(admin.JWT, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(p[1])
	for _, edit := range [][2]string{{`"type":"user"`, `"type":"account"`}, {`"version":2`, `"version":1`}, {admin.ID, id.ID()}, {`"sub":"U`, `"sub":"X`}} {
		forged := strings.Replace(string(payload), edit[0], edit[1], 1)
		if forged == string(payload) {
			t.Fatalf("no %s in %s", edit[0], payload)
		}
		u := *admin
		u.JWT = p[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(forged)) + "." + p[2]
		v := NewVerifier(Fixed(trustOf(t, id)), nil)
		_, err := v.Command(seal(t, &u, at(time.Now())), subject, bus.RoleAdmin)
		refused(t, edit[1], err, ErrMalformed)
	}
	forged := strings.Replace(string(payload), `"name":"ann"`, `"name":"eve"`, 1)
	u := *admin
	u.JWT = p[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(forged)) + "." + p[2]
	v := NewVerifier(Fixed(trustOf(t, id)), nil)
	_, err := v.Command(seal(t, &u, at(time.Now())), subject, bus.RoleAdmin)
	refused(t, "an altered credential", err, ErrSignature, "forged")
}

func TestMemoryForCredentialsIsBounded(t *testing.T) {
	id, other := identity(t), identity(t)
	v := NewVerifier(Fixed(trustOf(t, id)), nil)
	for range maxKnown + 1 {
		if _, err := v.credential(user(t, id, bus.RoleAdmin, 0).JWT); err != nil {
			t.Fatal(err)
		}
		if _, err := v.credential(user(t, other, bus.RoleAdmin, 0).JWT); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.known) > maxKnown || len(v.known) == 0 {
		t.Errorf("it remembers %d", len(v.known))
	}
}

func FuzzOpen(f *testing.F) {
	id := identity(f)
	admin := user(f, id, bus.RoleAdmin, 0)
	good := seal(f, admin, at(time.Now()))
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(seal(f, user(f, identity(f), bus.RoleAdmin, 0), at(time.Now())))
	f.Add([]byte(version + "\n\n\n\n"))
	f.Add([]byte(version + "\n" + credentialHeader + ".e30.AA\n{}\n" + strings.Repeat("A", sigLen) + "\n"))
	v := NewVerifier(Fixed(trustOf(f, id)), nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := v.Command(data, subject, bus.RoleAdmin)
		if err != nil {
			if !errors.Is(err, lattice.ErrInvalid) && !errors.Is(err, lattice.ErrDenied) {
				t.Errorf("wrong kind: %v", err)
			}
			return
		}
		if !bytes.Equal(data, good) || !bytes.Equal(o.Body, body) {
			t.Errorf("opened what nobody sealed: %q", data)
		}
	})
}

func FuzzCredential(f *testing.F) {
	f.Add(user(f, identity(f), bus.RoleAdmin, time.Hour).JWT)
	f.Add(credentialHeader + ".e30.AA")
	f.Add(credentialHeader + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"nats":{"type":"user","version":2},"exp":-1}`)) + "." + strings.Repeat("A", 86))
	f.Fuzz(func(t *testing.T, token string) {
		c, err := parseCredential(token)
		if err == nil && (!lattice.IsHostID(c.Subject) || c.NATS.Type != "user") {
			t.Errorf("%q is taken for %+v", token, c)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	admin := user(b, identity(b), bus.RoleAdmin, 0)
	for b.Loop() {
		seal(b, admin, Head{Subject: subject, Issued: 1})
	}
}

func BenchmarkOpen(b *testing.B) {
	id := identity(b)
	data := seal(b, user(b, id, bus.RoleAdmin, 0), at(time.Now()))
	v := NewVerifier(Fixed(trustOf(b, id)), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Command(data, subject, bus.RoleAdmin); err != nil {
			b.Fatal(err)
		}
	}
}
