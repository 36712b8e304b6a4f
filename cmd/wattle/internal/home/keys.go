package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/claims"
)

// Issuer is who signs actors, by its public parts.
type Issuer struct {
	Name string `json:"name"`
	ID   string `json:"id"` // public key, "A…"
}

// GenIssuer makes a new issuer, trusted in this lattice from now on.
func (h *Home) GenIssuer(name string) (Issuer, error) {
	if !lattice.ValidName(name) {
		return Issuer{}, fmt.Errorf("%q cannot name an issuer: use 1 to 64 of a-z, 0-9 and -", name)
	}
	seedFile := h.Path("issuers", name+".nk")
	if _, err := os.Stat(seedFile); err == nil {
		return Issuer{}, fmt.Errorf("issuer %q exists already; choose another name (`wattle keys list` shows them)", name)
	}
	kp, err := nkeys.CreateAccount()
	if err != nil {
		return Issuer{}, err
	}
	defer kp.Wipe()
	return Issuer{name, public(kp)}, h.saveIssuer(name, kp)
}

func (h *Home) saveIssuer(name string, kp nkeys.KeyPair) error {
	if err := os.MkdirAll(h.Path("issuers"), 0o700); err != nil {
		return err
	}
	seed, err := kp.Seed()
	if err != nil {
		return err
	}
	if err := writeSecret(h.Path("issuers", name+".nk"), append(seed, '\n')); err != nil {
		return err
	}
	return writeSecret(h.Path("issuers", name+".pub"), []byte(public(kp)+"\n"))
}

// TrustIssuer trusts an issuer of elsewhere by its public key.
func (h *Home) TrustIssuer(name, id string) (Issuer, error) {
	switch {
	case !lattice.ValidName(name):
		return Issuer{}, fmt.Errorf("%q cannot name an issuer: use 1 to 64 of a-z, 0-9 and -", name)
	case !nkeys.IsValidPublicAccountKey(id):
		return Issuer{}, fmt.Errorf("%q is no public key of an issuer; `wattle keys list` shows it where the issuer was made", id)
	}
	if _, err := os.Stat(h.Path("issuers", name+".pub")); err == nil {
		return Issuer{}, fmt.Errorf("an issuer %q is trusted already; choose another name (`wattle keys list` shows them)", name)
	}
	if err := os.MkdirAll(h.Path("issuers"), 0o700); err != nil {
		return Issuer{}, err
	}
	return Issuer{name, id}, writeSecret(h.Path("issuers", name+".pub"), []byte(id+"\n"))
}

func public(kp nkeys.KeyPair) string {
	s, err := kp.PublicKey()
	if err != nil {
		return ""
	}
	return s
}

// IssuerKey reads the key pair of an issuer.
func (h *Home) IssuerKey(name string) (nkeys.KeyPair, error) {
	if !lattice.ValidName(name) {
		return nil, fmt.Errorf("%q cannot name an issuer: use 1 to 64 of a-z, 0-9 and -", name)
	}
	b, err := readSecret(h.Path("issuers", name+".nk"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no issuer %q in %s; make it with `wattle keys gen issuer %s`", name, h.Dir, name)
	}
	if err != nil {
		return nil, err
	}
	kp, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(b))))
	if err != nil {
		return nil, fmt.Errorf("%s holds no usable key: %w", h.Path("issuers", name+".nk"), err)
	}
	return kp, nil
}

// Issuers lists the issuers that are trusted here, by name.
func (h *Home) Issuers() ([]Issuer, error) {
	files, err := filepath.Glob(h.Path("issuers", "*.pub"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	list := make([]Issuer, 0, len(files))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		list = append(list, Issuer{strings.TrimSuffix(filepath.Base(f), ".pub"), strings.TrimSpace(string(b))})
	}
	return list, nil
}

// Trust is the lattice's trust: the issuers made here. It is read anew at each question, so that an issuer made while the lattice runs counts.
func (h *Home) Trust() claims.Trust { return trust{h} }

type trust struct{ home *Home }

// SignerOf says whether issuer is one of the trusted and signs for itself.
func (t trust) SignerOf(issuer, root string) bool { return issuer == root && t.NameOf(issuer) != "" }

// Roots is the issuers that are trusted now, by their public keys.
func (h *Home) Roots() (claims.Roots, error) {
	list, err := h.Issuers()
	if err != nil {
		return nil, err
	}
	roots := claims.Roots{}
	for _, i := range list {
		roots[i.ID] = i.Name
	}
	return roots, nil
}

// NameOf is what people call an issuer, or "" for one that is not trusted.
func (t trust) NameOf(root string) string {
	list, err := t.home.Issuers()
	if err != nil {
		return ""
	}
	for _, i := range list {
		if i.ID == root {
			return i.Name
		}
	}
	return ""
}

// Revoked says that nothing is: revocation needs the lattice's trust records.
func (t trust) Revoked(*claims.Claims) bool { return false }

// HostKey reads the host's key pair, or makes it on first use.
func (h *Home) HostKey() (nkeys.KeyPair, error) {
	b, err := readSecret(h.Path("host.nk"))
	if err == nil {
		return nkeys.FromSeed([]byte(strings.TrimSpace(string(b))))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	kp, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	seed, err := kp.Seed()
	if err != nil {
		return nil, err
	}
	return kp, writeSecret(h.Path("host.nk"), append(seed, '\n'))
}
