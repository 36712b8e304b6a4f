package claims

// Trust says whose signatures count. Implementations are asked from any goroutine.
//
// It stays this small: what a trusted issuer may grant at most, and in which namespaces, is a question about claims that were
// accepted, and an implementation can answer it in methods of its own.
type Trust interface {
	// SignerOf reports whether issuer is at present a signing key of the trusted identity root. An identity usually signs for itself.
	SignerOf(issuer, root string) bool
	// Revoked reports whether the claims, which are genuine and by a trusted issuer, were taken back since.
	Revoked(*Claims) bool
}

// Namer is a Trust that knows what people call an issuer. Inspect shows it.
type Namer interface{ NameOf(root string) string }

// Roots is the simplest Trust: identities that sign for themselves, with the names that people gave them. It revokes nothing.
type Roots map[string]string

var (
	_ Trust = Roots(nil)
	_ Namer = Roots(nil)
)

// SignerOf reports whether root is among the roots and signs for itself.
func (r Roots) SignerOf(issuer, root string) bool {
	_, ok := r[root]
	return ok && issuer == root
}

// Revoked reports false.
func (r Roots) Revoked(*Claims) bool { return false }

// NameOf gives the name of a root, or "".
func (r Roots) NameOf(root string) string { return r[root] }
