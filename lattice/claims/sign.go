package claims

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Module is what a signer says about a module. The meaning and the limits of the fields are those of Claims.
type Module struct {
	Name      string // required
	Version   string
	Alias     string
	Kind      string // default KindActor
	Revision  int64
	Root      string // identity that the issuer signs for; default: the issuer itself
	Grants    []Grant
	Tags      []string
	NotBefore time.Time // zero: valid at once; seconds, the rest is cut off
	Expires   time.Time // zero: never
}

// Sign appends a signature to a module or component. A file that is signed already gets a further signature over the same original;
// if it has this very one, it comes back unchanged. Nothing is taken away: see Strip.
//
// Errors: ErrFormat, ErrPlace, ErrTooLarge as of Split; ErrToken for what Module may not say, and for a key that is no account key.
func Sign(issuer nkeys.KeyPair, m Module, wasm []byte) (signed []byte, err error) {
	_, tokens, err := Split(wasm)
	if err != nil {
		return nil, err
	}
	token, err := Token(issuer, m, wasm)
	if err != nil {
		return nil, err
	}
	if slices.Contains(tokens, token) {
		return slices.Clone(wasm), nil
	}
	if len(tokens) == MaxSignatures {
		return nil, refuse(ErrTooLarge, "strip the file and sign it again", "the file has %d signatures already", MaxSignatures)
	}
	return Embed(wasm, token), nil
}

// Token makes the token that Sign would append, to be kept apart from the module. Errors are those of Sign.
func Token(issuer nkeys.KeyPair, m Module, wasm []byte) (string, error) {
	original, err := Strip(wasm)
	if err != nil {
		return "", err
	}
	c, err := m.claims(issuer, original)
	if err != nil {
		return "", err
	}
	token, err := c.encode(issuer)
	if err != nil {
		return "", refuse(ErrToken, "sign with an issuer's seed", "the issuer's key cannot sign: %v", err)
	}
	if _, err := Parse(token); err != nil { // nothing leaves that would be refused later
		return "", err
	}
	return token, nil
}

// claims are what the issuer would sign about an original.
func (m Module) claims(issuer nkeys.KeyPair, original []byte) (*Claims, error) {
	if issuer == nil {
		return nil, refuse(ErrToken, "give an issuer's key", "there is no key to sign with")
	}
	key, err := issuer.PublicKey()
	if err != nil {
		return nil, refuse(ErrToken, "give an issuer's key", "the issuer's key is unusable: %v", err)
	}
	c := &Claims{
		Issuer: key, Root: or(m.Root, key), Kind: or(m.Kind, KindActor), Name: m.Name, Version: m.Version, Alias: m.Alias,
		Revision: m.Revision, Hash: Hash(original), Size: int64(len(original)), Tags: m.Tags,
		NotBefore: m.NotBefore.Truncate(time.Second), Expires: m.Expires.Truncate(time.Second),
	}
	c.ID = ActorID(c.Root, c.Name)
	if c.Grants, err = canonicalGrants(m.Grants); err != nil {
		return nil, err
	}
	return c, c.validate()
}

// encode signs the claims with jwt/v2, which sets issuer, time of issue and id.
func (c *Claims) encode(issuer nkeys.KeyPair) (string, error) {
	g := jwt.NewGenericClaims(c.ID)
	g.Audience, g.Name = audience, c.Name
	g.NotBefore, g.Expires = unix(c.NotBefore), unix(c.Expires)
	fields, err := json.Marshal(module{
		Alias: c.Alias, Grants: c.Grants, Hash: c.Hash, Kind: c.Kind, Revision: c.Revision, Root: c.Root, Size: c.Size,
		Tags: c.Tags, Type: tokenType, Version: c.Version, Format: jwtVersion,
	})
	if err != nil {
		return "", err
	}
	raw := map[string]json.RawMessage{} // raw: a detour over any would round large numbers
	if err := json.Unmarshal(fields, &raw); err != nil {
		return "", err
	}
	for k, v := range raw {
		g.Data[k] = v
	}
	return g.Encode(issuer)
}

// canonicalGrants gives the grants with their scopes in canonical form. It leaves the rest to validate.
func canonicalGrants(grants []Grant) ([]Grant, error) {
	out := slices.Clone(grants)
	for i, g := range out {
		if len(g.Scope) == 0 {
			continue
		}
		scope, err := canonicalScope(g.Scope)
		if err != nil {
			return nil, refuse(ErrToken, "give one JSON object", "the scope of the grant of %s is refused: %v", quote(g.Cap), err)
		}
		out[i].Scope = scope
	}
	return out, nil
}

func or(s, standard string) string {
	if s == "" {
		return standard
	}
	return s
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
