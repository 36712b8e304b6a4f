package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// Member is a host that has joined the lattice. Name and labels are those of its token: the host itself cannot change them.
type Member struct {
	ID      string            `json:"id"` // U…
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"`
	Joined  time.Time         `json:"joined"`
	Expires time.Time         `json:"expires"` // of its newest credential
}

// MembersBucket has a Member for each host, by its id. Hosts and people may read it, only the hub may write.
const MembersBucket = "members"

const maxMember = 8 << 10

// OpenMembers makes the bucket of the members if there is none. Only RoleService has the right to.
func OpenMembers(ctx context.Context, nc *nats.Conn) (*Bucket, error) {
	return OpenBucket(ctx, nc, BucketConfig{Name: MembersBucket, MaxValue: maxMember, MaxBytes: 64 << 20})
}

// GetMember reads one. ErrNotFound if the host has not joined or was removed.
func GetMember(ctx context.Context, b *Bucket, id string) (Member, error) {
	r, err := b.Get(ctx, id)
	if err != nil {
		return Member{}, err
	}
	return readMember(r)
}

// ListMembers reads all, in the order of their last change.
func ListMembers(ctx context.Context, b *Bucket) ([]Member, error) {
	all, err := b.Load(ctx)
	if err != nil {
		return nil, err
	}
	members := make([]Member, 0, len(all))
	for _, r := range all {
		if r.Deleted {
			continue
		}
		m, err := readMember(r)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

func readMember(r Record) (m Member, err error) {
	if err := json.Unmarshal(r.Value, &m); err != nil || m.ID != r.Key {
		return Member{}, &lattice.Error{Kind: lattice.ErrInternal, Msg: fmt.Sprintf("the record of member %.80q is damaged", r.Key), Err: err}
	}
	return m, nil
}

func putMember(ctx context.Context, b *Bucket, m Member) error {
	v, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("bus: member %s: %w", m.ID, err)
	}
	_, err = b.Put(ctx, m.ID, v, 0)
	return err
}
