package claims

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wattle-io/wattle/lattice"
)

const nameHint = `use 1 to 64 of a-z, 0-9 and "-", not starting with "-"`

// validateNames checks everything that identifies. Names are plain ASCII, so that no two look alike but differ by script.
func (c *Claims) validateNames() error {
	if _, ok := publicKey(c.Issuer); !ok {
		return refuse(ErrToken, "sign with an issuer's key (A…)", "the issuer %s is no account key", quote(c.Issuer))
	}
	if _, ok := publicKey(c.Root); !ok {
		return refuse(ErrToken, "give the issuer's identity (A…)", "the issuer's root %s is no account key", quote(c.Root))
	}
	switch {
	case c.Kind != KindActor:
		return refuse(ErrToken, `only "actor" is known`, "the kind %s is unknown", quote(c.Kind))
	case !lattice.ValidName(c.Name):
		return refuse(ErrToken, nameHint, "%s is no name for an actor", quote(c.Name))
	case c.Alias != "" && !lattice.ValidName(c.Alias):
		return refuse(ErrToken, nameHint, "%s is no alias for an actor", quote(c.Alias))
	case len(c.Version) > maxText || !all(c.Version, isVersion):
		return refuse(ErrToken, `use up to 128 letters, digits, ".", "+", "-" and "_", like 1.2.0`, "%s is no version", quote(c.Version))
	case c.Revision < 0 || c.Revision > maxRevision:
		return refuse(ErrToken, "use 0 to 2^53-1", "the revision %d is out of range", c.Revision)
	case c.ID != ActorID(c.Root, c.Name):
		return refuse(ErrToken, "sign it again", "the id %s does not belong to the name %s under its issuer", quote(c.ID), c.Name)
	}
	return nil
}

func (c *Claims) validateTimes() error {
	for _, t := range []time.Time{c.Issued, c.NotBefore, c.Expires} {
		if s := t.Unix(); !t.IsZero() && (s <= 0 || s > maxTime) {
			return refuse(ErrToken, "use a date from 1970 to 9999", "a time in the claims is out of range")
		}
	}
	if !c.Expires.IsZero() && !c.Expires.After(c.NotBefore) {
		return refuse(ErrToken, "let it expire after it becomes valid", "the claims expire on %s, before they become valid on %s",
			date(c.Expires), date(c.NotBefore))
	}
	return nil
}

func validateTags(tags []string) error {
	if len(tags) > maxTags {
		return refuse(ErrTooLarge, "use fewer", "there are %d tags, more than %d", len(tags), maxTags)
	}
	for _, t := range tags {
		if t == "" || len(t) > maxText || !utf8.ValidString(t) || strings.IndexFunc(t, isHidden) >= 0 {
			return refuse(ErrToken, "use up to 128 bytes of printable text", "the tag %s is refused", quote(t))
		}
	}
	return nil
}

// date is how a time is told to people.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// isHidden finds what does not show or reorders what shows: controls, NUL, marks of direction, unusual spaces.
func isHidden(r rune) bool { return !unicode.IsPrint(r) }

func isLowerOrDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func isGraphic(c byte) bool { return c > ' ' && c < 0x7f }

func isVersion(c byte) bool {
	return isLowerOrDigit(c) || c >= 'A' && c <= 'Z' || c == '.' || c == '+' || c == '-' || c == '_'
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}
