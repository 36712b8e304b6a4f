package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// Membership is all that a host needs to take part in a lattice, now and after each restart.
type Membership struct {
	User    *User             // the host's credential
	Lattice string            // name of the lattice
	Name    string            // of the host
	Labels  map[string]string // of the host
	Hubs    []string          // where the hub is
	Pin     Pin               // of the hub
}

// joinTimeout bounds a join whose context does not end earlier.
const joinTimeout = 15 * time.Second

// interestTimeout is how long it may take until a new link knows that the hub takes in hosts.
const interestTimeout = 3 * time.Second

// Enroll joins the lattice that the token is of, with the key of a new host (see NewHostKey) or of one that was a member before.
// It speaks to the hub as a leaf: what can be reached for this can be reached later. Errors:
//
//	ErrConflict     the token was used
//	ErrDenied       the token has expired, or the hub is not that of the token
//	ErrUnavailable  no hub answers
//
// Whether the hub took the host in is not known if the answer was lost: the token may be used then.
func Enroll(ctx context.Context, t *Token, host *User) (*Membership, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	leaf, err := StartLeaf(ctx, LeafConfig{User: t.User, Hubs: t.Hubs, Pin: t.Pin, Name: "join " + t.Name, once: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = leaf.Shutdown(context.WithoutCancel(ctx)) }()
	if err := leaf.WaitUp(ctx); err != nil {
		return nil, joinError(t, leaf, err)
	}
	r, err := askJoin(ctx, leaf, t, host)
	if err != nil {
		return nil, err
	}
	u, err := host.withJWT(r.JWT)
	if err != nil {
		return nil, err
	}
	return &Membership{User: u, Lattice: r.Lattice, Name: r.Name, Labels: r.Labels, Hubs: mergeHubs(t.Hubs, r.Hubs, t.Pin), Pin: t.Pin}, nil
}

func askJoin(ctx context.Context, leaf *Leaf, t *Token, host *User) (enrollReply, error) {
	proof, err := host.Sign(joinProof(t.User.ID, t.Lattice, host.ID))
	if err != nil {
		return enrollReply{}, fmt.Errorf("bus: join: %w", err)
	}
	q, err := json.Marshal(enrollRequest{Op: opJoin, Token: t.User.JWT, Host: host.ID, Proof: proof})
	if err != nil {
		return enrollReply{}, fmt.Errorf("bus: join: %w", err)
	}
	m, err := leaf.nc.RequestWithContext(ctx, enrollPrefix+t.User.ID, q)
	for end := time.Now().Add(interestTimeout); errors.Is(err, nats.ErrNoResponders) && time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return enrollReply{}, unreachable(hubList(leaf.groups), ctx.Err())
		case <-time.After(retryFirst):
		}
		m, err = leaf.nc.RequestWithContext(ctx, enrollPrefix+t.User.ID, q) // nobody has seen the one before
	}
	if errors.Is(err, nats.ErrNoResponders) {
		return enrollReply{}, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "the hub does not take in hosts at the moment",
			Hint: "try again", Err: err}
	}
	if err != nil {
		return enrollReply{}, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("the hub does not answer: %v", err),
			Hint: "the token may be used now: if another try says so, make a new one", Err: err}
	}
	return readEnrollReply(m.Data)
}

// joinError says why there was no link, of a token and not of a host's credential.
func joinError(t *Token, leaf *Leaf, err error) error {
	var e *lattice.Error
	if !errors.As(err, &e) || e.Kind != lattice.ErrDenied {
		return err
	}
	hint := "make another one with \"wattle join-token\""
	if !time.Now().Before(t.Expires) {
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: "the join token has expired at " + t.Expires.UTC().Format(time.RFC3339),
			Hint: hint}
	}
	if leaf.link.saw(refusedPin) {
		return err
	}
	return &lattice.Error{Kind: lattice.ErrDenied, Msg: "the hub does not know the join token: it is revoked, long expired, or another lattice's",
		Hint: hint}
}

// mergeHubs is the addresses of the token, which have just worked, and those that the hub knows of itself.
func mergeHubs(first, more []string, pin Pin) []string {
	hubs := append([]string(nil), first...)
	known := make(map[string]bool)
	for _, h := range first {
		known[h] = true
	}
	for _, h := range more {
		if _, err := parseHubs([]string{h}, pin); err == nil && !known[h] && len(hubs) < maxHubs {
			known[h] = true
			hubs = append(hubs, h)
		}
	}
	return hubs
}

// membershipFile is the form of a saved membership.
type membershipFile struct {
	Lattice string            `json:"lattice"`
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"`
	Hubs    []string          `json:"hubs"`
	Pin     string            `json:"pin"`
	Creds   string            `json:"creds"`
}

// Save writes the membership to a file of mode 0600, replacing one that is there.
func (m *Membership) Save(path string) error {
	creds, err := m.User.Creds()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(membershipFile{m.Lattice, m.Name, m.Labels, m.Hubs, m.Pin.String(), string(creds)}, "", "  ")
	if err != nil {
		return fmt.Errorf("bus: membership: %w", err)
	}
	return replaceSecret(path, append(b, '\n'))
}

// LoadMembership reads what Save wrote. Errors as LoadIdentity.
func LoadMembership(path string) (*Membership, error) {
	b, err := readSecretUpTo(path, 4*maxCreds)
	if err != nil {
		return nil, err
	}
	var f membershipFile
	if json.Unmarshal(b, &f) != nil {
		return nil, damaged(path, "it is no membership of a lattice")
	}
	u, err := ParseCreds([]byte(f.Creds))
	if err != nil {
		return nil, damaged(path, "it has no credential")
	}
	pin, err := ParsePin(f.Pin)
	if err != nil {
		return nil, damaged(path, "it has no pin of the hub")
	}
	return &Membership{User: u, Lattice: f.Lattice, Name: f.Name, Labels: f.Labels, Hubs: f.Hubs, Pin: pin}, nil
}

// Leaf is how to take part as this member; directory, log and the rest are for the caller to add.
func (m *Membership) Leaf() LeafConfig {
	return LeafConfig{User: m.User, Hubs: m.Hubs, Pin: m.Pin, Name: m.Name}
}
