package bus

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// refusal is what a hub, or the way to it, has against a leaf.
type refusal int

const (
	refusedRevoked refusal = iota
	refusedExpired
	refusedAuth // without a reason
	refusedTwin // another leaf of the same name took the link over
	refusedPin
	refusedDial
	numRefusals
)

// note takes down a refusal.
func (k *link) note(r refusal, why string) {
	k.mu.Lock()
	k.seen[r]++
	if r == refusedDial {
		k.why = why
	}
	k.mu.Unlock()
	k.wake()
}

func (k *link) saw(r refusal) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen[r] > 0
}

// forget is for when the link is up.
func (k *link) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen, k.why = [numRefusals]int{}, ""
}

// refused says why there is no link, as far as is known, and gives up or rests if trying again is of no use.
func (k *link) refused(now time.Time) error {
	k.mu.Lock()
	seen, why := k.seen, k.why
	k.mu.Unlock()
	u, where := k.leaf.user.Load(), hubList(k.leaf.groups)
	switch {
	case seen[refusedRevoked] > 0:
		k.giveUp()
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: "the lattice has revoked this host's credential",
			Hint: "join again with a new token"}
	case seen[refusedAuth]+seen[refusedExpired] > 0 && u.expired(now):
		k.giveUp()
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: "this host's credential has expired",
			Hint: "join again with a new token"}
	case seen[refusedExpired] > 0 && seen[refusedAuth] > 0: // the hub ended the link when the credential did, and there was none newer
		k.giveUp()
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: "this host's credential has expired by the hub's clock",
			Hint: "join again with a new token"}
	case seen[refusedAuth] >= restAfter:
		k.rest(now)
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: "the hub does not take this host's credential",
			Hint: "it may be revoked, expired, or another lattice's: join again with a new token"}
	case seen[refusedTwin] > 1:
		return &lattice.Error{Kind: lattice.ErrConflict, Msg: "another process uses this host's identity and state",
			Hint: "was the directory or the disk copied? join one of them anew"}
	case seen[refusedPin] > 0:
		if k.leaf.cfg.once && seen[refusedPin] >= 2*len(k.leaf.cfg.Hubs) { // all were tried
			k.giveUp()
		}
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: "what answers at " + where + " is not the hub of this lattice: it has another key",
			Hint: "check the address; if the lattice was made anew, join it with a new token"}
	case why != "":
		return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("no hub answers at %s: %s", where, why),
			Hint: "is the hub running, and can this machine reach it?"}
	case now.Sub(k.lost) > time.Second:
		return unreachable(where, nil)
	}
	return nil
}

// rest tries again later: the hub does not say whether its refusal is for good.
func (k *link) rest(now time.Time) {
	if k.leaf.cfg.once {
		k.giveUp()
		return
	}
	k.resume = now.Add(restFor)
	k.disconnect()
}

func unreachable(where string, cause error) error {
	return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "no hub answers at " + where,
		Hint: "is the hub running, and can this machine reach it?", Err: cause}
}

func hubList(groups [][]*url.URL) string {
	var all []string
	for _, g := range groups {
		for _, u := range g {
			all = append(all, u.String())
		}
	}
	return strings.Join(all, ", ")
}

// leafLog is the log of a leaf's server. All of it is detail (what matters the leaf says itself), but it is also how the leaf
// hears what a hub has against it: the server keeps that to itself.
type leafLog struct {
	serverLog
	link *link
}

func (l *leafLog) hear(format string, v []any) {
	s := fmt.Sprintf(format, v...)
	if r, why, ok := parseRefusal(s); ok {
		l.link.note(r, why)
	}
	l.link.wake()
	l.serverLog.Debugf("%s", s)
}

// parseRefusal finds the refusal in a message of the server.
func parseRefusal(s string) (r refusal, why string, ok bool) {
	switch {
	case strings.Contains(s, "User Authentication Revoked"):
		return refusedRevoked, "", true
	case strings.Contains(s, "Authentication Expired"):
		return refusedExpired, "", true
	case strings.Contains(s, "Authorization Violation"):
		return refusedAuth, "", true
	case strings.Contains(s, "Duplicate Remote LeafNode Connection"):
		return refusedTwin, "", true
	}
	if _, why, ok = strings.Cut(s, "TLS leafnode handshake error: "); ok {
		return refusedDial, fmt.Sprintf("%.200s", why), true
	}
	if _, rest, found := strings.Cut(s, "as leafnode to remote server"); found {
		if _, why, ok = strings.Cut(rest, "): "); ok {
			return refusedDial, fmt.Sprintf("%.200s", why), true
		}
	}
	return 0, "", false
}

func (l *leafLog) Noticef(format string, v ...any) { l.hear(format, v) }
func (l *leafLog) Warnf(format string, v ...any)   { l.hear(format, v) }
func (l *leafLog) Errorf(format string, v ...any)  { l.hear(format, v) }
