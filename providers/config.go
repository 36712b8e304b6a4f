package providers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wattle-io/wattle/lattice"
)

// CheckConfig refuses a link whose config has a key that is not in keys. The error (lattice.ErrInvalid) names the key, the
// nearest key that is valid, and all of them.
func CheckConfig(link lattice.Link, keys []string) error {
	for _, k := range slices.Sorted(maps.Keys(link.Config)) {
		if slices.Contains(keys, k) {
			continue
		}
		msg := fmt.Sprintf("config of link %q to %s has no key %q", link.Name, link.Target, k)
		if near := nearest(k, keys); near != "" {
			msg += fmt.Sprintf(", did you mean %q?", near)
		}
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: msg, Hint: "valid keys: " + strings.Join(keys, ", ")}
	}
	return nil
}

// BadConfig is the error for a config key with a value that cannot be used: it names the key, the value and what is wanted.
func BadConfig(link lattice.Link, key, want string) error {
	return &lattice.Error{
		Kind: lattice.ErrInvalid,
		Msg:  fmt.Sprintf("config of link %q to %s: %s = %q", link.Name, link.Target, key, clip(link.Config[key])),
		Hint: "want " + want,
	}
}

// clip keeps what a stranger wrote short enough for a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// nearest is the key that takes the fewest edits to make s of, if they are few for its length.
func nearest(s string, keys []string) string {
	best, dist := "", len(s)/3+2
	for _, k := range keys {
		if d := distance(s, k); d < dist {
			best, dist = k, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete, replace or swap with their neighbour to turn a into b. Strings longer than 64 bytes are
// far from everything.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var d [65][65]int
	for i := range len(a) + 1 {
		for j := range len(b) + 1 {
			d[i][j] = edits(&d, a, b, i, j)
		}
	}
	return d[len(a)][len(b)]
}

// edits is the distance of a[:i] and b[:j], from the smaller ones in d.
func edits(d *[65][65]int, a, b string, i, j int) int {
	if i == 0 || j == 0 {
		return i + j
	}
	if a[i-1] == b[j-1] {
		return d[i-1][j-1]
	}
	n := 1 + min(d[i-1][j], d[i][j-1], d[i-1][j-1])
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		n = min(n, 1+d[i-2][j-2])
	}
	return n
}
