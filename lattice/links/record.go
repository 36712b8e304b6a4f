package links

import (
	"encoding/json"
	"fmt"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// record is the body of the envelope in which a link is stored. Its revision is the envelope's.
type record struct {
	Source   string            `json:"source"`
	Target   string            `json:"target,omitempty"`
	Contract string            `json:"contract"`
	Name     string            `json:"name"`
	Config   map[string]string `json:"config,omitempty"`
	Deleted  bool              `json:"deleted,omitempty"` // the link has ended; the record stays, so that nobody can undo that
}

func recordOf(u Update) record {
	l := u.Link
	if u.Deleted {
		return record{Source: l.Source, Contract: l.Contract, Name: l.Name, Deleted: true}
	}
	return record{Source: l.Source, Target: l.Target, Contract: l.Contract, Name: l.Name, Config: l.Config}
}

func (r record) link(revision uint64) lattice.Link {
	return lattice.Link{Source: r.Source, Target: r.Target, Contract: r.Contract, Name: r.Name, Config: r.Config, Revision: revision}
}

// place is what an envelope in the bucket is made for.
func place(key string) string { return bucket + "/" + key }

// seal writes a link, or its end, as an envelope of that revision.
func seal(u *bus.User, up Update) ([]byte, error) {
	if u == nil {
		return nil, &lattice.Error{Kind: lattice.ErrDenied, Msg: "a link must be signed, and there is no key to sign it with", Hint: "use a credential of the role admin"}
	}
	body, err := json.Marshal(recordOf(up))
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return envelope.Seal(u, place(recordKey(up.Link.Key())), 0, up.Link.Revision, body)
}

// decode reads a stored link or its end. The key is where it was found, and must be the link's. ErrInvalid if it is damaged, ErrDenied if it is not
// signed by an administrator.
func decode(v *envelope.Verifier, key string, value []byte) (Update, error) {
	if len(value) > maxRecord {
		return Update{}, invalid("the stored link %.150q has %d bytes", key, len(value))
	}
	o, err := v.Stored(value, place(key), bus.RoleAdmin)
	if err != nil {
		return Update{}, err
	}
	return decodeBody(key, o.Body, o.Revision)
}

func decodeBody(key string, body []byte, revision uint64) (Update, error) {
	var r record
	if err := json.Unmarshal(body, &r); err != nil {
		return Update{}, invalid("the stored link %.150q is no JSON: %v", key, err)
	}
	l := r.link(revision)
	check := Check(l)
	if r.Deleted {
		check = checkKey(l.Key())
	}
	switch {
	case check != nil:
		return Update{}, check
	case recordKey(l.Key()) != key:
		return Update{}, invalid("the stored link %.150q is another one's", key)
	case revision == 0:
		return Update{}, invalid("the stored link %.150q has no revision", key)
	}
	return Update{Link: l, Deleted: r.Deleted}, nil
}
