package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/wattle-io/wattle/lattice"
)

// Sizes and times of the API.
const (
	// MaxRequest is the most bytes of a request's JSON. With its envelope it stays below bus.MaxMessage.
	MaxRequest = 480 << 10
	// MaxReply is the most bytes of an answer's JSON; a larger one becomes ErrLimit.
	MaxReply = 960 << 10
	// MaxTimeout is the longest that a command may take.
	MaxTimeout = 10 * time.Minute

	beatEvery   = time.Second      // while a command runs
	beatTimeout = 5 * beatEvery    // without a beat the host is taken for gone
	maxText     = 2 << 10          // bytes of an error's message and of its hint
	serviceName = "wattle-control" // in $SRV
	apiVersion  = "2.0.0"

	timeoutHeader = "Wattle-Timeout"
	beatHeader    = "Wattle-Beat"
)

// subject is where a host takes a command.
func subject(host, verb string) string { return "ctl." + host + "." + verb }

// empty is the request or answer that says nothing.
type empty struct{}

// linkKey is a lattice.LinkKey on the wire.
type linkKey struct {
	Source   string `json:"source"`
	Contract string `json:"contract"`
	Name     string `json:"name"`
}

// decodeStrict reads one JSON object: nothing unknown in it, nothing after it.
func decodeStrict(data []byte, v any) error {
	if len(data) > MaxRequest {
		return tooLarge(len(data))
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "malformed request: " + cut(err.Error()), Hint: "is this command of another version?"}
	}
	if _, err := d.Token(); err != io.EOF {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "malformed request: something follows the JSON object"}
	}
	return nil
}

func tooLarge(n int) error {
	return &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("a request of %d bytes; %d are allowed", n, MaxRequest)}
}

// wireError is an error as it travels.
type wireError struct {
	Kind string `json:"kind"`
	Msg  string `json:"msg"`
	Hint string `json:"hint,omitempty"`
}

func toWire(err error) wireError {
	var e *lattice.Error
	if !errors.As(err, &e) {
		return wireError{lattice.KindOf(err).Error(), cut(err.Error()), ""}
	}
	kind := e.Kind
	if kind == nil { // a mistake of the node; such an error cannot even be printed
		kind = lattice.ErrInternal
	}
	return wireError{kind.Error(), cut(e.Msg), cut(e.Hint)}
}

// fromWire reads an error's body. Whatever it is, the result is an error.
func fromWire(body []byte) *lattice.Error {
	var w wireError
	if len(body) > MaxRequest || json.Unmarshal(body, &w) != nil {
		return &lattice.Error{Kind: lattice.ErrInternal, Msg: "the host refused, in a way that this version does not understand"}
	}
	return &lattice.Error{Kind: lattice.ParseKind(w.Kind), Msg: cut(w.Msg), Hint: cut(w.Hint)}
}

// cut bounds a text that came from elsewhere.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return s[:maxText] + "…"
}

func isError(m *nats.Msg) bool { return m.Header.Get(micro.ErrorCodeHeader) != "" }
