package bus

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/wattle-io/wattle/lattice"
)

func FuzzReadEnrollRequest(f *testing.F) {
	f.Add([]byte(`{"op":"join","token":"a.b.c","host":"U","proof":"AA=="}`))
	f.Add([]byte(`{"op":"ping"} {}`))
	f.Add([]byte(`{"op":1}`))
	f.Add([]byte(`[[[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := readEnrollRequest(b); err == nil && len(q.Token)+len(q.Host)+len(q.Proof) > 2*maxEnrollRequest {
			t.Errorf("%d bytes became more", len(b))
		} else if err != nil && !errors.Is(err, lattice.ErrInvalid) {
			t.Errorf("wrong kind: %v", err)
		}
	})
}

func FuzzReadEnrollReply(f *testing.F) {
	f.Add([]byte(`{"now":1,"jwt":"a.b.c","hubs":["tls://h:1"],"labels":{"a":"b"}}`))
	f.Add([]byte(`{"kind":"denied","msg":"no","hint":"yes","now":1}`))
	f.Add([]byte(`{"kind":"nonsense"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := readEnrollReply(b)
		var e *lattice.Error
		if err != nil && (!errors.As(err, &e) || e.Kind == nil) {
			t.Errorf("no kind: %v", err)
		}
	})
}

func FuzzReadClaims(f *testing.F) {
	id, err := NewIdentity("test")
	if err != nil {
		f.Fatal(err)
	}
	u, err := id.User(RoleHost, "a", 3600e9)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(u.JWT)
	f.Add("e30.e30.e30")
	f.Add("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":-1,"sub":"U"}`)) + ".e30")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := readClaims(s)
		if err != nil {
			if !errors.Is(err, lattice.ErrInvalid) {
				t.Errorf("wrong kind: %v", err)
			}
			return
		}
		if c.lifetime() < 0 || !lattice.IsHostID(c.Subject) {
			t.Errorf("claims %+v live %s", c, c.lifetime())
		}
		_ = c.halfLife()
		if _, err := c.invitation(); err != nil && !errors.Is(err, lattice.ErrInvalid) {
			t.Errorf("wrong kind: %v", err)
		}
		if _, err := verifyClaims(s, id.roles[RoleHost]); err == nil && s != u.JWT {
			t.Errorf("verified what nobody signed: %q", s)
		}
	})
}

// FuzzTokenPack puts any payload through the packing of a token: it must come back as it was.
func FuzzTokenPack(f *testing.F) {
	f.Add([]byte(`{"sub":"UDEZD26QUNHUBATP3CJGSWXVOVVSJYTEDU3PPZIVEDTDFHLYPEYCY2ZZ"}`))
	f.Add([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
	f.Add([]byte{3, 4, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range b {
			if c == squeezedKey || c == squeezedID {
				return // JSON has none
			}
		}
		if got, ok := expand(squeeze(b)); !ok || string(got) != string(b) {
			t.Errorf("%q became %q", b, got)
		}
		expand(b) // must not panic
	})
}

func FuzzParseRefusal(f *testing.F) {
	f.Add("Error trying to connect as leafnode to remote server \"h:1\" (attempt 1): dial tcp: refused")
	f.Add("127.0.0.1:1 - lid:1 - Leafnode Error 'User Authentication Revoked'")
	f.Fuzz(func(t *testing.T, s string) {
		if r, why, ok := parseRefusal(s); ok && (r < 0 || r >= numRefusals || len(why) > 4*200) {
			t.Errorf("%d %q", r, why)
		}
	})
}
