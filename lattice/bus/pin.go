package bus

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// Pin is the SHA-256 of a TLS certificate's public key (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7). Hosts know their hub by it, so
// the hub needs no certificate authority, and a host whose clock is wrong can join.
type Pin [sha256.Size]byte

// String is the pin in hexadecimal, 64 characters.
func (p Pin) String() string { return hex.EncodeToString(p[:]) }

// IsZero reports whether there is no pin.
func (p Pin) IsZero() bool { return p == Pin{} }

// ParsePin reads what String gives.
func ParsePin(s string) (Pin, error) {
	var p Pin
	if b, err := hex.DecodeString(s); err != nil || copy(p[:], b) != len(p) || len(b) != len(p) {
		return Pin{}, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no pin", s),
			Hint: "a pin has 64 hexadecimal digits"}
	}
	return p, nil
}

func pinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// errPin is why a TLS handshake was broken off.
var errPin = errors.New("the hub has another key than the pinned one")

// pinnedTLS trusts the holder of the pinned key and nobody else. Names, issuers and dates of the certificate do not count.
// Wrong is called when a server with another key was met.
func pinnedTLS(pin Pin, wrong func()) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 || pinOf(cs.PeerCertificates[0]) != pin {
				wrong()
				return errPin
			}
			return nil
		},
	}
}

// certificate is what the hub shows. Its key is derived from the operator's, so that all hubs of one identity have the same pin,
// wherever they run and whatever became of their directories. It is for all time and for any name: the pin is what counts.
func (id *Identity) certificate() (tls.Certificate, Pin, error) {
	seed, err := id.operator.Seed()
	if err != nil {
		return tls.Certificate{}, Pin{}, err
	}
	raw, err := hkdf.Key(sha256.New, seed, nil, "wattle hub tls 1", ed25519.SeedSize)
	if err != nil {
		return tls.Certificate{}, Pin{}, err
	}
	key := ed25519.NewKeyFromSeed(raw)
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wattle hub"}, DNSNames: []string{"wattle-hub"},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(nil, form, form, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, Pin{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, Pin{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pinOf(leaf), nil
}
