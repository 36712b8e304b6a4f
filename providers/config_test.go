package providers

import (
	"errors"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
)

func TestAnUnknownKeyIsNamedWithTheNearestValidOne(t *testing.T) {
	keys := []string{"bucket", "ttl", "history", "replicas"}
	for key, near := range map[string]string{"buckt": "bucket", "bukcet": "bucket", "Bucket": "bucket", "tl": "ttl", "tll": "ttl", "histroy": "history", "colour": "",
		"": "", strings.Repeat("bucket", 20): ""} {
		err := CheckConfig(lattice.Link{Name: "default", Target: "keyvalue", Config: map[string]string{"bucket": "x", key: "y"}}, keys)
		if !errors.Is(err, lattice.ErrInvalid) {
			t.Fatalf("%q: error %v", key, err)
		}
		if _, said, _ := strings.Cut(err.Error(), "did you mean "); !strings.HasPrefix(said, `"`+near+`"`) && near != "" || near == "" && said != "" {
			t.Errorf("%q: error %q, want it to name %q", key, err, near)
		}
		if !strings.Contains(err.Error(), "valid keys: bucket, ttl") {
			t.Errorf("%q: error %q does not name the keys", key, err)
		}
	}
	if err := CheckConfig(lattice.Link{Config: map[string]string{"ttl": "1s"}}, keys); err != nil {
		t.Error(err)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}, {strings.Repeat("x", 65), "x", 64}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
