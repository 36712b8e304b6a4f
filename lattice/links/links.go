// Package links keeps the links of a lattice: in the hub's bucket "links" (Store), and on each host as a table in memory that follows it (Table).
//
// A stored link is signed (package envelope) by an administrator, and so is its end; each has a revision that grows. Readers believe nothing
// else. So a hub that was turned can keep changes back, but can neither make links up nor bring old ones back while a host
// remembers a later one (Config.Journal keeps that over a restart).
//
// It does not carry calls and does not know providers: a host looks up a link for each call, and tells its providers of changes.
package links

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// Limits of a link.
const (
	MaxConfig      = 32       // entries of a link's config
	MaxConfigBytes = 4 << 10  // of all keys and values
	maxConfigKey   = 64       // bytes of a key
	maxBody        = 32 << 10 // bytes of a link as JSON, which can write a byte in six
	maxRecord      = maxBody + envelope.MaxOverhead
	bucket         = "links"
)

// Check reports what is wrong with a link: ErrInvalid, or nil. The source and target are the id of an actor or the name of a provider, the
// contract is "namespace:package", the name a lattice.ValidName. Config has at most MaxConfig entries and MaxConfigBytes bytes;
// keys are 1 to 64 of A-Z a-z 0-9 . _ -, values UTF-8 without NUL.
func Check(l lattice.Link) error {
	if err := checkKey(l.Key()); err != nil {
		return err
	}
	if !isEntity(l.Target) {
		return invalid("the target %.80q is neither the id of an actor nor a name of a provider", l.Target)
	}
	if len(l.Config) > MaxConfig {
		return invalid("a link's config has %d entries; %d are allowed", len(l.Config), MaxConfig)
	}
	size := 0
	for k, v := range l.Config {
		size += len(k) + len(v)
		if !isConfigKey(k) {
			return invalid("%.80q cannot be a key of a link's config", k)
		}
		if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
			return invalid("the value of %q in a link's config is no text", k)
		}
	}
	if size > MaxConfigBytes {
		return invalid("a link's config has %d bytes; %d are allowed", size, MaxConfigBytes)
	}
	return nil
}

func checkKey(k lattice.LinkKey) error {
	if !isEntity(k.Source) {
		return invalid("the source %.80q is neither the id of an actor nor a name of a provider", k.Source)
	}
	ns, pkg, _ := strings.Cut(k.Contract, ":")
	if !lattice.ValidName(ns) || !lattice.ValidName(pkg) {
		return invalid("%.150q is no contract: that is a WIT package without version, as wasi:keyvalue", k.Contract)
	}
	if !lattice.ValidName(k.Name) {
		return invalid("%.80q cannot name a link: use 1 to 64 of a-z, 0-9 and -", k.Name)
	}
	return nil
}

func isEntity(s string) bool { return lattice.IsActorID(s) || lattice.ValidName(s) }

func isConfigKey(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= maxConfigKey
}

func invalid(format string, args ...any) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf(format, args...)}
}

// recordKey is where a link is stored: <source>.<namespace>.<package>.<name>.
func recordKey(k lattice.LinkKey) string {
	return k.Source + "." + strings.Replace(k.Contract, ":", ".", 1) + "." + k.Name
}
