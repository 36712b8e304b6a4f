package claims

import (
	"slices"
	"time"
)

// Report is everything that is known about a file. As JSON its keys are in lower camel case.
type Report struct {
	Format     string      `json:"format"`           // FormatModule, FormatComponent, or "" for neither
	FileSize   int64       `json:"fileSize"`         // bytes, with signatures
	Hash       string      `json:"hash,omitempty"`   // of the original bytes; none if they cannot be told
	Size       int64       `json:"size,omitempty"`   // of the original, in bytes
	Valid      bool        `json:"valid"`            // Verify accepts it
	Claims     *Claims     `json:"claims,omitempty"` // what Verify gives; if it refuses, those of the first genuine signature
	Signatures []Signature `json:"signatures"`       // in the order of the file
	Problems   []string    `json:"problems"`         // why it is not valid, in plain words; none if it is
}

// Signature is what is known about one signature of a file.
type Signature struct {
	Claims     *Claims  `json:"claims,omitempty"`     // none if it is not genuine
	IssuerName string   `json:"issuerName,omitempty"` // what people call its root, if the Trust is a Namer
	Trusted    bool     `json:"trusted"`              // issuer is a signing key of a trusted root
	Accepted   bool     `json:"accepted"`             // counts
	Problems   []string `json:"problems"`             // why it does not count
}

// Inspect tells everything about a file, good or bad. It agrees with Verify about whether it is valid, and never fails.
func Inspect(file []byte, trust Trust, now time.Time) Report {
	r := Report{Format: format(file), FileSize: int64(len(file)), Signatures: []Signature{}, Problems: []string{}}
	original, tokens, err := Split(file)
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
		return r
	}
	r.Hash, r.Size = Hash(original), int64(len(original))
	findings := examine(original, tokens, trust, now)
	for _, f := range findings {
		r.Signatures = append(r.Signatures, f.signature(trust))
	}
	r.Claims, err = decide(findings)
	r.Valid = err == nil
	if err != nil {
		r.explain(err)
	}
	return r
}

// explain lists the problems of a file that is refused, the one that decided first.
func (r *Report) explain(err error) {
	r.Problems = append(r.Problems, err.Error())
	for _, s := range r.Signatures {
		if r.Claims == nil {
			r.Claims = s.Claims
		}
		for _, p := range s.Problems {
			if !slices.Contains(r.Problems, p) {
				r.Problems = append(r.Problems, p)
			}
		}
	}
}

func (f finding) signature(trust Trust) Signature {
	s := Signature{Claims: f.claims, Accepted: f.broken == nil && len(f.refusals) == 0, Problems: []string{}}
	if f.broken != nil {
		s.Problems = append(s.Problems, f.broken.Error())
	}
	for _, e := range f.refusals {
		s.Problems = append(s.Problems, e.Error())
	}
	if f.claims == nil || trust == nil {
		return s
	}
	s.Trusted = trust.SignerOf(f.claims.Issuer, f.claims.Root)
	if n, ok := trust.(Namer); ok {
		s.IssuerName = n.NameOf(f.claims.Root)
	}
	return s
}
