package lattice

import (
	"strings"
)

// Ids are nkeys-style public keys: a prefix letter and 55 characters of base32. A provider is named by a plain name.
//
//	M…  actor (derived from issuer and name, see package claims)
//	U…  host
//	A…  issuer, lattice
const idLen = 56

// IsActorID reports whether s has the form of an actor id.
func IsActorID(s string) bool { return len(s) == idLen && s[0] == 'M' && isBase32(s) }

// IsHostID reports whether s has the form of a host id.
func IsHostID(s string) bool { return len(s) == idLen && s[0] == 'U' && isBase32(s) }

func isBase32(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// ValidName reports whether s can name an actor, provider, link, issuer or lattice: 1 to 64 of a-z, 0-9 and "-", not
// starting with "-".
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > 64 || s[0] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// ContractOf is the contract of an interface: its package without the version.
// "wasi:keyvalue/store@0.2.0-draft2" gives "wasi:keyvalue".
func ContractOf(iface string) string {
	s, _, _ := strings.Cut(iface, "/")
	s, _, _ = strings.Cut(s, "@")
	return s
}
