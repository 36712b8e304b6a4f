package rpc

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

const (
	root      = "rpc."
	verbCall  = "call"
	verbMore  = "more"
	verbPing  = "ping"
	nobody    = "-" // callee and caller of a ping
	tokenLen  = 26  // 128 bits in base32
	clientLen = 8
	maxEntity = 64 // bytes of the id of a callee or caller
	maxName   = 255
)

// subject is that of a frame to a callee.
func subject(dst, src, target, source, verb string) string {
	return root + dst + "." + src + "." + target + "." + source + "." + verb
}

// address is what the subject of a frame to a callee says. All is validated.
type address struct{ src, target, source, verb string }

// parseSubject reads a subject below prefix, "rpc.<this host>.". That a message came in on a subscription proves nothing: a consumer of a stream
// may have brought it, under the subject of something else.
func parseSubject(prefix, subject string) (a address, ok bool) {
	rest, ok := strings.CutPrefix(subject, prefix)
	if !ok {
		return a, false
	}
	a.src, rest, _ = strings.Cut(rest, ".")
	a.target, rest, _ = strings.Cut(rest, ".")
	a.source, a.verb, _ = strings.Cut(rest, ".")
	switch a.verb {
	case verbCall, verbMore:
		ok = isEntity(a.target) && isEntity(a.source)
	case verbPing:
		ok = a.target == nobody && a.source == nobody
	default:
		ok = false
	}
	return a, ok && lattice.IsHostID(a.src)
}

// isEntity reports whether s can be the id of a callee or caller: the id of an actor or the name of a provider, or of a kind that is yet to come.
func isEntity(s string) bool {
	return 0 < len(s) && len(s) <= maxEntity && s != nobody && isWord(s)
}

func isWord(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// parseReply reads the reply subject of a frame of src and returns its token. Another subject would make this host speak where its sender may not.
func parseReply(src, reply string) (token string, ok bool) {
	rest, ok := strings.CutPrefix(reply, bus.ReplyPrefix+".")
	if !ok || len(rest) != len(src)+clientLen+tokenLen+2 || rest[:len(src)] != src {
		return "", false
	}
	client, token, ok := strings.Cut(rest[len(src)+1:], ".")
	return token, ok && rest[len(src)] == '.' && len(client) == clientLen && isWord(client) && isToken(token)
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(s) == tokenLen
}

// randomText is n characters of base32, of which 8 have 40 random bits and 26 have 128.
func randomText(buf []byte, n int) []byte {
	var raw [16]byte
	var text [tokenLen]byte
	_, _ = rand.Read(raw[:]) // never fails: the program would end
	base32.StdEncoding.WithPadding(base32.NoPadding).Encode(text[:], raw[:])
	return append(buf, text[:n]...)
}

// checkInvocation refuses what cannot be sent.
func checkInvocation(dst string, inv *lattice.Invocation) error {
	switch {
	case !lattice.IsHostID(dst):
		return notBegun(lattice.ErrInvalid, fmt.Sprintf("%.80q is no id of a host", dst), "")
	case !isEntity(inv.Target), !isEntity(inv.Source):
		return notBegun(lattice.ErrInvalid, fmt.Sprintf("a call cannot go from %.80q to %.80q", inv.Source, inv.Target),
			"both are ids of actors or names of providers")
	case !isName(inv.Contract), !isName(inv.Link), !isName(inv.Op):
		return notBegun(lattice.ErrInvalid, fmt.Sprintf("a call of %.80q of %.80q over link %.80q cannot be", inv.Op, inv.Contract, inv.Link),
			"each has 1 to 255 printable ASCII characters")
	}
	return nil
}

// isName reports whether s can be a contract, an operation or the name of a link.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= maxName
}
