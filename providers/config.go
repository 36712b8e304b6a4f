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

// nearest is the key with the smallest edit distance to s, if that is at most a third of its length (and at least one edit).
func nearest(s string, keys []string) string {
	best, dist := "", 0
	for _, k := range keys {
		if d := distance(s, k); d <= max(len(k)/3, 1) && (best == "" || d < dist) {
			best, dist = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes; strings longer than 64 bytes are far from everything.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
