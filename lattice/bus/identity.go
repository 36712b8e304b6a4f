package bus

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// Identity is what the trust of one lattice rests on: the keys of the operator, of its system account and of the lattice account,
// and one signing key for each role. Whoever holds it may make any credential. Its methods may be called from any goroutine.
type Identity struct {
	name     string
	operator nkeys.KeyPair
	system   nkeys.KeyPair
	account  nkeys.KeyPair
	roles    map[Role]nkeys.KeyPair
	retiring map[Role]nkeys.KeyPair // see Rotate

	id                               string // of the lattice account, A…
	systemID                         string
	operatorClaims                   *jwt.OperatorClaims
	operatorJWT, systemJWT, accountJ string
}

// NewIdentity makes the keys of a new lattice. The name is a lattice.ValidName.
func NewIdentity(name string) (*Identity, error) {
	if !lattice.ValidName(name) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q cannot name a lattice", name),
			Hint: "use 1 to 64 of a-z, 0-9 and -"}
	}
	keys := make(map[string]nkeys.KeyPair)
	for _, f := range keyFiles() {
		kp, err := nkeys.CreatePair(f.prefix)
		if err != nil {
			return nil, fmt.Errorf("bus: make key %s: %w", f.name, err)
		}
		keys[f.name] = kp
	}
	return assemble(name, keys)
}

// Lattice is the name of the lattice.
func (id *Identity) Lattice() string { return id.name }

// ID is the public key of the lattice account, A….
func (id *Identity) ID() string { return id.id }

// assemble makes an identity of its keys. The JWTs are made anew each time, so that they always have the roles of this version.
func assemble(name string, keys map[string]nkeys.KeyPair) (*Identity, error) {
	id := &Identity{name: name, operator: keys["operator"], system: keys["system"], account: keys["lattice"],
		roles: make(map[Role]nkeys.KeyPair), retiring: make(map[Role]nkeys.KeyPair)}
	for _, r := range Roles() {
		id.roles[r] = keys[roleFile(r)]
		if old := keys[retiringFile(r)]; old != nil {
			id.retiring[r] = old
		}
	}
	for _, step := range []func() error{id.signAccount, id.signSystem, id.signOperator} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("bus: identity of lattice %q: %w", name, err)
		}
	}
	return id, nil
}

func (id *Identity) signAccount() (err error) {
	if id.id, err = id.account.PublicKey(); err != nil {
		return err
	}
	_, id.accountJ, err = id.accountClaims(nil)
	return err
}

// accountClaims is what the hub knows of the lattice: the keys of the roles with their permissions, and which credentials count
// no more.
func (id *Identity) accountClaims(revoked revocations) (*jwt.AccountClaims, string, error) {
	c := jwt.NewAccountClaims(id.id)
	c.Name = id.name
	c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit,
		Consumer: jwt.NoLimit}
	c.Limits.DisallowBearer = true
	for _, r := range Roles() {
		for _, kp := range []nkeys.KeyPair{id.roles[r], id.retiring[r]} {
			if kp == nil {
				continue
			}
			pub, err := kp.PublicKey()
			if err != nil {
				return nil, "", err
			}
			scope := jwt.NewUserScope()
			scope.Key, scope.Role, scope.Template = pub, string(r), r.template()
			c.SigningKeys.AddScopedSigner(scope)
		}
	}
	for user, at := range revoked {
		c.RevokeAt(user, time.Unix(at, 0))
	}
	token, err := c.Encode(id.operator)
	return c, token, err
}

func (id *Identity) signSystem() (err error) {
	if id.systemID, err = id.system.PublicKey(); err != nil {
		return err
	}
	c := jwt.NewAccountClaims(id.systemID)
	c.Name = "SYS"
	id.systemJWT, err = c.Encode(id.operator)
	return err
}

func (id *Identity) signOperator() error {
	pub, err := id.operator.PublicKey()
	if err != nil {
		return err
	}
	c := jwt.NewOperatorClaims(pub)
	c.Name, c.SystemAccount = id.name, id.systemID
	if id.operatorJWT, err = c.Encode(id.operator); err != nil {
		return err
	}
	id.operatorClaims, err = jwt.DecodeOperatorClaims(id.operatorJWT)
	return err
}

// User makes a new user with a key of its own and a credential of the role. The name is for people. With ttl 0 the credential
// does not expire; otherwise the hub closes the user's connections when it does.
func (id *Identity) User(role Role, name string, ttl time.Duration) (*User, error) {
	kp, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("bus: make key of user %q: %w", name, err)
	}
	return id.issue(kp, role, name, ttl)
}

// Renew makes a new credential for the user u: same key and id. The id of a host must outlive its process.
func (id *Identity) Renew(u *User, role Role, name string, ttl time.Duration) (*User, error) {
	return id.issue(u.key, role, name, ttl)
}

func (id *Identity) issue(kp nkeys.KeyPair, role Role, name string, ttl time.Duration) (*User, error) {
	pub, err := kp.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("bus: user %q: %w", name, err)
	}
	token, err := id.credential(pub, role, name, ttl)
	if err != nil {
		return nil, err
	}
	return newUser(kp, token)
}

// credential signs for a key that somebody else may hold. Tags are kept in the credential, for whoever reads it.
func (id *Identity) credential(pub string, role Role, name string, ttl time.Duration, tags ...string) (string, error) {
	if !role.Valid() {
		return "", &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("there is no role %.40q", string(role)),
			Hint: fmt.Sprintf("roles are %v", Roles())}
	}
	if ttl < 0 {
		return "", &lattice.Error{Kind: lattice.ErrInvalid, Msg: "a credential cannot expire before it is made"}
	}
	c := jwt.NewUserClaims(pub)
	c.Name, c.IssuerAccount, c.Tags = name, id.id, tags
	c.SetScoped(true)
	if ttl > 0 {
		c.Expires = time.Now().Add(ttl).Unix()
	}
	token, err := c.Encode(id.roles[role])
	if err != nil {
		return "", fmt.Errorf("bus: sign credential of user %q: %w", name, err)
	}
	return token, nil
}
