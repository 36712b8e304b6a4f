package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// Rotate gives the role a new signing key in the identity saved in dir, and returns the identity as it is then. Credentials that
// the old key signed count until Retire; hosts renew theirs with the new key by themselves. A running hub learns of it by Trust.
// ErrConflict if a key of the role is retiring already.
func Rotate(dir string, role Role) (*Identity, error) {
	id, err := LoadIdentity(dir)
	if err != nil {
		return nil, err
	}
	if !role.Valid() {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("there is no role %.40q", string(role))}
	}
	if id.retiring[role] != nil {
		return nil, &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("an older key of role %s still counts", role),
			Hint: "retire it first"}
	}
	kp, err := nkeys.CreateAccount()
	if err != nil {
		return nil, fmt.Errorf("bus: make key of role %s: %w", role, err)
	}
	// The old key is written first: whatever happens in between, no key is lost.
	if err := writeKey(filepath.Join(dir, retiringFile(role)+".nk"), id.roles[role]); err != nil {
		return nil, err
	}
	if err := writeKey(filepath.Join(dir, roleFile(role)+".nk"), kp); err != nil {
		return nil, err
	}
	return LoadIdentity(dir)
}

// Retire ends what Rotate began: credentials that the role's old key signed count no more. It is no error if there is none.
func Retire(dir string, role Role) (*Identity, error) {
	if !role.Valid() {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("there is no role %.40q", string(role))}
	}
	path := filepath.Join(dir, retiringFile(role)+".nk")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError("remove", path, err)
	}
	return LoadIdentity(dir)
}

// decodeAccount reads claims that this process has signed itself; the library's decoder is for nothing else.
func decodeAccount(token string) (*jwt.AccountClaims, error) {
	c, err := jwt.DecodeAccountClaims(token)
	if err != nil {
		return nil, fmt.Errorf("bus: own claims: %w", err)
	}
	return c, nil
}
