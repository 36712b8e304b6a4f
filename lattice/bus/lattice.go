package bus

import (
	"fmt"

	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// Pin is the key by which hosts know the hubs of this identity: the same wherever they run.
func (id *Identity) Pin() (Pin, error) {
	_, pin, err := id.certificate()
	if err != nil {
		return Pin{}, fmt.Errorf("bus: pin of lattice %q: %w", id.name, err)
	}
	return pin, nil
}

// Sign signs for the lattice itself, with the key that its id is. It is for what hosts must believe even if the hub was turned.
func (id *Identity) Sign(data []byte) ([]byte, error) { return id.account.Sign(data) }

// VerifyLattice checks that the lattice with that id has signed the data: ErrDenied otherwise.
func VerifyLattice(latticeID string, data, sig []byte) error {
	key, err := nkeys.FromPublicKey(latticeID)
	if err != nil || !nkeys.IsValidPublicAccountKey(latticeID) {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a lattice", latticeID)}
	}
	if key.Verify(data, sig) != nil {
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: "this was not signed by lattice " + latticeID}
	}
	return nil
}

// Lattice is the id of the lattice that the credential is for, A…, or "".
func (u *User) Lattice() string { return u.claims().NATS.Account }
