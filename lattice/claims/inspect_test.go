package claims

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestInspectTellsAllAboutAGoodFile(t *testing.T) {
	s := newSigner(t)
	original := wasm(componentHead, 10)
	file := s.sign(t, echo(), original)
	r := Inspect(file, s.trust, time.Now())
	if !r.Valid || len(r.Problems) != 0 || r.Claims == nil || r.Claims.Name != "echo" {
		t.Errorf("report %+v", r)
	}
	if r.Format != FormatComponent || r.Size != int64(len(original)) || r.FileSize != int64(len(file)) || r.Hash != Hash(original) {
		t.Errorf("report %+v", r)
	}
	if len(r.Signatures) != 1 || !r.Signatures[0].Accepted || !r.Signatures[0].Trusted || r.Signatures[0].IssuerName != "shop team" {
		t.Errorf("signatures %+v", r.Signatures)
	}
}

func TestInspectNamesEveryProblem(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	original := wasm(moduleHead, 10)
	old := echo()
	old.Expires = date0("2026-01-02")
	for name, test := range map[string]struct {
		file     []byte
		problems []string // parts of them, in order
	}{
		"unsigned":                {original, []string{"not signed"}},
		"empty":                   {nil, []string{"empty"}},
		"junk":                    {[]byte("junk and more junk"), []string{"no WebAssembly"}},
		"cut":                     {s.sign(t, echo(), original)[:100], []string{"does not fit"}},
		"expired":                 {s.sign(t, old, original), []string{"expired on 2026-01-02"}},
		"of a stranger, expired":  {stranger.sign(t, old, original), []string{"does not trust", "expired on 2026-01-02"}},
		"stranger, then expired":  {s.sign(t, old, stranger.sign(t, echo(), original)), []string{"expired", "does not trust"}},
		"another module's":        {Embed(original, s.token(t, echo(), wasm(moduleHead, 11))), []string{"not what " + s.id + " signed"}},
		"junk signature, and old": {Embed(s.sign(t, old, original), "a.b.c"), []string{"no valid claims", "expired"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := Inspect(test.file, s.trust, time.Now())
			if r.Valid || len(r.Problems) != len(test.problems) {
				t.Fatalf("valid %v, problems %q", r.Valid, r.Problems)
			}
			for i, want := range test.problems {
				if !strings.Contains(r.Problems[i], want) {
					t.Errorf("problem %q does not contain %q", r.Problems[i], want)
				}
			}
		})
	}
}

func TestInspectShowsClaimsOfARefusedFile(t *testing.T) {
	stranger := newSigner(t)
	file := stranger.sign(t, echo(), wasm(moduleHead, 10))
	for _, trust := range []Trust{nil, Roots{}} {
		r := Inspect(file, trust, time.Now())
		if r.Valid || r.Claims == nil || r.Claims.Issuer != stranger.id || r.Signatures[0].Trusted || r.Signatures[0].Accepted {
			t.Errorf("report %+v", r)
		}
	}
}

func TestInspectNeverShowsForgedClaims(t *testing.T) {
	s, forger := newSigner(t), newSigner(t)
	original := wasm(moduleHead, 10)
	file := Embed(original, forger.forge(t, payloadOf(t, s.token(t, echo(), original))))
	r := Inspect(file, s.trust, time.Now())
	if r.Valid || r.Claims != nil || r.Signatures[0].Claims != nil || len(r.Signatures[0].Problems) != 1 {
		t.Errorf("report %+v", r)
	}
}

// The keys are an interface: scripts read `wattle inspect --json`.
func TestReportAsJSON(t *testing.T) {
	s := newSigner(t)
	m := echo()
	m.NotBefore, m.Expires = date0("2026-01-02"), date0("2099-01-02")
	var report map[string]any
	marshal(t, Inspect(s.sign(t, m, wasm(moduleHead, 10)), s.trust, time.Now()), &report)
	wantKeys(t, report, "claims", "fileSize", "format", "hash", "problems", "signatures", "size", "valid")
	claims := report["claims"].(map[string]any)
	wantKeys(t, claims, "alias", "expires", "grants", "hash", "id", "issued", "issuer", "jti", "kind", "name", "notBefore", "revision",
		"root", "size", "tags", "version")
	wantKeys(t, claims["grants"].([]any)[0].(map[string]any), "cap", "ops", "scope")
	wantKeys(t, report["signatures"].([]any)[0].(map[string]any), "accepted", "claims", "issuerName", "problems", "trusted")
	if claims["expires"] != "2099-01-02T00:00:00Z" {
		t.Errorf("expires is %v", claims["expires"])
	}
	var junk map[string]any
	marshal(t, Inspect([]byte("junk"), s.trust, time.Now()), &junk)
	if junk["signatures"] == nil || junk["problems"] == nil {
		t.Errorf("lists are null: %v", junk)
	}
}

func marshal(t *testing.T, r Report, into any) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func wantKeys(t *testing.T, object map[string]any, want ...string) {
	t.Helper()
	if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
}
