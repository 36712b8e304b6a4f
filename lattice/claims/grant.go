package claims

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

const (
	maxScope     = 4 << 10 // bytes of a scope
	maxScopeKeys = 64      // keys of one object in a scope
	maxDepth     = 8       // objects and arrays within each other in a scope
)

// Grant is the right to use one capability.
type Grant struct {
	Cap   string          `json:"cap"`             // a WIT package, "wasi:keyvalue": namespace and name of a-z, 0-9, "-"
	Ops   []string        `json:"ops,omitempty"`   // operations, as in lattice.Invocation.Op; none: all of them
	Scope json.RawMessage `json:"scope,omitempty"` // a JSON object that narrows it, in terms of the contract; none: no narrowing
}

// AllowsOp reports whether the grant covers an operation.
func (g Grant) AllowsOp(op string) bool { return len(g.Ops) == 0 || slices.Contains(g.Ops, op) }

// ValidCapability reports whether s can name a capability: a WIT package without its version, "wasi:keyvalue". Both parts are
// words of a-z and 0-9, each starting with a letter, joined by "-"; up to 128 bytes in all.
func ValidCapability(s string) bool {
	namespace, name, ok := strings.Cut(s, ":")
	return ok && len(s) <= maxText && isKebab(namespace) && isKebab(name)
}

func isKebab(s string) bool {
	for word := range strings.SplitSeq(s, "-") {
		if word == "" || word[0] < 'a' || word[0] > 'z' || !all(word, isLowerOrDigit) {
			return false
		}
	}
	return true
}

func validateGrants(grants []Grant) error {
	if len(grants) > maxGrants {
		return refuse(ErrTooLarge, "ask for fewer", "there are %d grants, more than %d", len(grants), maxGrants)
	}
	seen := make(map[string]bool, len(grants))
	for _, g := range grants {
		if seen[g.Cap] {
			return refuse(ErrToken, "put its operations and its scope into one grant", "the capability %s is granted twice", quote(g.Cap))
		}
		seen[g.Cap] = true
		if err := g.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (g Grant) validate() error {
	if !ValidCapability(g.Cap) {
		return refuse(ErrToken, `write it like "wasi:keyvalue": a namespace and a package of a-z, 0-9 and "-", without a version`,
			"%s is no name of a capability", quote(g.Cap))
	}
	if len(g.Ops) > maxOps {
		return refuse(ErrTooLarge, "grant all of them by naming none", "the grant of %s names more than %d operations", g.Cap, maxOps)
	}
	for i, op := range g.Ops {
		if op == "" || len(op) > maxText || !all(op, isGraphic) || slices.Contains(g.Ops[:i], op) {
			return refuse(ErrToken, "name each operation once, in printable ASCII", "the grant of %s has the bad operation %s", g.Cap, quote(op))
		}
	}
	return g.validateScope()
}

func (g Grant) validateScope() error {
	if len(g.Scope) == 0 {
		return nil
	}
	canonical, err := canonicalScope(g.Scope)
	if err == nil && !bytes.Equal(canonical, g.Scope) {
		err = errors.New("not in canonical form")
	}
	if err != nil {
		return refuse(ErrToken, "give one JSON object", "the scope of the grant of %s is refused: %v", g.Cap, err)
	}
	return nil
}

// canonicalScope gives the one spelling of a scope: keys sorted, no spaces, no needless escapes, numbers as they were written.
func canonicalScope(scope json.RawMessage) (json.RawMessage, error) {
	if len(scope) > maxScope {
		return nil, errors.New("larger than 4 KiB")
	}
	if err := checkScope(scope); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(scope))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		return nil, err
	}
	return json.Marshal(object)
}

// checkScope makes sure of one object, of its depth, and that no key is there twice, whatever its case: readers disagree about which
// of two wins, and Go's takes "Hosts" for "hosts".
func checkScope(scope []byte) error {
	dec := json.NewDecoder(bytes.NewReader(scope))
	dec.UseNumber()
	open, err := dec.Token()
	if err != nil || open != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	if err := checkObject(dec, 1); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

// checkObject reads the rest of an object after its "{".
func checkObject(dec *json.Decoder, depth int) error {
	var keys []string
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		same := func(k string) bool { return strings.EqualFold(k, key) }
		if len(keys) == maxScopeKeys || slices.ContainsFunc(keys, same) {
			return errors.New("too many keys, or a key twice: " + quote(key))
		}
		keys = append(keys, key)
		if err := checkValue(dec, depth); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// checkValue reads one value within depth objects and arrays.
func checkValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	switch {
	case !nested:
		return nil
	case depth == maxDepth:
		return errors.New("nested too deep")
	case delim == '{':
		return checkObject(dec, depth+1)
	}
	for dec.More() {
		if err := checkValue(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
