package bus

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/wattle-io/wattle/lattice"
)

// What is asked on enroll.<U>, where U is proven to be who asks: the token's user for a join, the host for the rest.
const (
	opPing  = "ping"  // is there anybody? And what is the time?
	opJoin  = "join"  // make a credential for a new host
	opRenew = "renew" // make another credential for this host
)

const (
	maxEnrollRequest = enrollPayload
	maxEnrollReply   = 64 << 10
)

// enrollRequest is a question, as JSON.
type enrollRequest struct {
	Op    string `json:"op"`
	Token string `json:"token,omitempty"` // join: the credential of the token
	Host  string `json:"host,omitempty"`  // join: public key of the host, U…
	Proof []byte `json:"proof,omitempty"` // join: joinProof signed with the host's key
}

// joinProof is what a host signs to prove that it has its key: it counts for one token only.
func joinProof(tokenID, latticeID, hostID string) []byte {
	return fmt.Appendf(nil, "wattle-enroll-1\x00%s\x00%s\x00%s", tokenID, latticeID, hostID)
}

// enrollReply is the answer, as JSON.
type enrollReply struct {
	Kind string `json:"kind,omitempty"` // of the error; "" if there is none
	Msg  string `json:"msg,omitempty"`
	Hint string `json:"hint,omitempty"`

	Now int64  `json:"now"` // Unix seconds, by the hub's clock
	JWT string `json:"jwt,omitempty"`
	// Join only:
	Lattice string            `json:"lattice,omitempty"`
	Name    string            `json:"name,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Hubs    []string          `json:"hubs,omitempty"`
}

func readEnrollRequest(b []byte) (q enrollRequest, err error) {
	return q, readJSON(b, maxEnrollRequest, &q)
}

// readEnrollReply gives the hub's error as an error.
func readEnrollReply(b []byte) (r enrollReply, err error) {
	if err := readJSON(b, maxEnrollReply, &r); err != nil {
		return enrollReply{}, err
	}
	if r.Kind != "" {
		return r, &lattice.Error{Kind: lattice.ParseKind(r.Kind), Msg: r.Msg, Hint: r.Hint}
	}
	return r, nil
}

// readJSON reads one value without anything unknown.
func readJSON(b []byte, limit int, v any) error {
	bad := &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this is no message of the enrolment"}
	if len(b) > limit {
		return bad
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if dec.Decode(v) != nil || dec.More() {
		return bad
	}
	return nil
}
