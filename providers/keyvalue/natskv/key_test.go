package natskv

import (
	"strings"
	"testing"

	"github.com/wattle-io/wattle/providers/keyvalue"
)

func TestKeysAreEscapedReversibly(t *testing.T) {
	for key, want := range map[string]string{"user.1": "user.1", "a b=c": "a=20b=3Dc", ".hidden": "=2Ehidden", "end.": "end=2E", "a..b": "a.=2Eb", "ü": "=C3=BC", "a/b_c-d": "a/b_c-d",
		"*": "=2A", "\x00": "=00", ".": "=2E"} {
		got, err := escape(key)
		if err != nil || got != want {
			t.Errorf("escape(%q) = %q, %v, want %q", key, got, err, want)
		}
		if back, ok := unescape(want); !ok || back != key {
			t.Errorf("unescape(%q) = %q, %v", want, back, ok)
		}
	}
}

func TestForeignKeysAreNotListed(t *testing.T) {
	for _, s := range []string{"", "a=", "a=2", "a=2e", "a=GG", "=41", "a=20b c", "=FF", strings.Repeat("a", keyvalue.MaxKey+1)} {
		if key, ok := unescape(s); ok {
			t.Errorf("unescape(%q) = %q", s, key)
		}
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"a", ".a.", "a..b", "=41", "ü", "\xff", "a=2Eb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e, err := escape(s); err == nil {
			if back, ok := unescape(e); !ok || back != s {
				t.Fatalf("%q became %q became %q, %v", s, e, back, ok)
			}
			if len(e) > 3*keyvalue.MaxKey || strings.ContainsAny(e, " *>\x00\r\n\t") || strings.Contains(e, "..") || e[0] == '.' || e[len(e)-1] == '.' {
				t.Fatalf("%q became %q", s, e)
			}
		}
		if key, ok := unescape(s); ok {
			if e, err := escape(key); err != nil || e != s {
				t.Fatalf("%q came from %q, which becomes %q, %v", key, s, e, err)
			}
		}
	})
}
