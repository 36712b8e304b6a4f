package claims

import (
	"errors"
	"time"
)

// Skew is by how much clocks may differ before a time in the claims counts as past or to come.
const Skew = time.Minute

// maxAhead is how far a signer's clock may be ahead. A token from the future means that one of the clocks is wrong.
const maxAhead = 24 * time.Hour

// Verify decides whether a file may be believed at a time. It gives the claims of the first signature that holds in every respect, and
// the original bytes, which share memory with the file. Every signature must be genuine and about these bytes, or the file is refused;
// signatures by strangers, and those expired, not yet valid or revoked, are passed over.
//
// The order: framing, tokens, hash, trust, revocation, time. A nil trust trusts nobody. now is the host's idea of time; a host
// whose clock may be wrong must not pass a time before the newest that it knows of.
//
// Errors: those of Split and Parse; ErrUnsigned, ErrHash, ErrIssuer, ErrRevoked, ErrExpired, ErrNotYet.
func Verify(file []byte, trust Trust, now time.Time) (*Claims, []byte, error) {
	original, tokens, err := Split(file)
	if err != nil {
		return nil, nil, err
	}
	accepted, err := decide(examine(original, tokens, trust, now))
	if err != nil {
		return nil, nil, err
	}
	return accepted, original, nil
}

// finding is what is known about one signature.
type finding struct {
	claims   *Claims  // nil if the token is not genuine
	broken   error    // spoils the whole file
	refusals []*Error // why this signature does not count
}

// examine judges each signature on an original.
func examine(original []byte, tokens []string, trust Trust, now time.Time) []finding {
	if len(tokens) == 0 {
		return nil
	}
	hash := Hash(original)
	findings := make([]finding, len(tokens))
	for i, t := range tokens {
		f := &findings[i]
		if f.claims, f.broken = Parse(t); f.broken != nil {
			continue
		}
		if f.claims.Hash != hash || f.claims.Size != int64(len(original)) {
			f.broken = refuse(ErrHash, "do not use it; fetch it again, or sign it again if you changed it",
				"the file is not what %s signed as %s: its bytes were changed, or the signature is another file's", f.claims.Issuer, f.claims.Name)
			continue
		}
		f.refusals = f.claims.judge(trust, now)
	}
	return findings
}

// decide picks the signature to believe, or the error that helps most.
func decide(findings []finding) (*Claims, error) {
	if len(findings) == 0 {
		return nil, refuse(ErrUnsigned, "sign it with `wattle sign`", "the module is not signed")
	}
	for _, f := range findings {
		if f.broken != nil {
			return nil, f.broken
		}
	}
	best := findings[0].refusals
	for _, f := range findings {
		if len(f.refusals) == 0 {
			return f.claims, nil
		}
		if errors.Is(best[0], ErrIssuer) && !errors.Is(f.refusals[0], ErrIssuer) {
			best = f.refusals // an old signature of a friend says more than that of a stranger
		}
	}
	return nil, best[0]
}

// judge gives every reason not to count genuine claims, the gravest first.
func (c *Claims) judge(trust Trust, now time.Time) (refusals []*Error) {
	if trust == nil || !trust.SignerOf(c.Issuer, c.Root) {
		refusals = append(refusals, c.stranger())
	} else if trust.Revoked(c) {
		refusals = append(refusals, refuse(ErrRevoked, "use a newer version", "the claims of %s, revision %d, signed by %s were revoked",
			c.Name, c.Revision, c.Issuer))
	}
	switch {
	case !c.Expires.IsZero() && !now.Add(-Skew).Before(c.Expires):
		refusals = append(refusals, refuse(ErrExpired, "sign it again", "%s expired on %s", c.Name, date(c.Expires)))
	case now.Add(Skew).Before(c.NotBefore):
		refusals = append(refusals, refuse(ErrNotYet, "wait, or sign it again, or set this machine's clock",
			"%s is not valid before %s; it is %s", c.Name, date(c.NotBefore), date(now)))
	case now.Add(maxAhead).Before(c.Issued):
		refusals = append(refusals, refuse(ErrNotYet, "set this machine's clock, or the signer's",
			"%s was signed on %s, which is yet to come; it is %s", c.Name, date(c.Issued), date(now)))
	}
	return refusals
}

func (c *Claims) stranger() *Error {
	if c.Issuer == c.Root {
		return refuse(ErrIssuer, "if you know whose key that is, `wattle trust add "+c.Root+"`",
			"%s is signed by %s, which this lattice does not trust", c.Name, c.Issuer)
	}
	return refuse(ErrIssuer, "ask the owner of that identity, or trust it with `wattle trust add "+c.Root+"`",
		"%s is signed by %s for %s, and this lattice does not know the one as a signing key of the other", c.Name, c.Issuer, c.Root)
}
