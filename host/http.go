package host

import (
	"context"
	"time"

	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers/http"
)

const (
	httpContract = "wasi:http"
	httpHandler  = "wasi:http/incoming-handler#handle"
)

// handleHTTP is the guest's side of the HTTP contract: the flat request becomes the resources that an incoming-handler takes,
// and what it answers goes out as it comes.
func (a *actor) handleHTTP(ctx context.Context, inv lattice.Invocation) error {
	if inv.Stream == nil {
		return &lattice.Error{Kind: lattice.ErrUnsupported, Msg: "an HTTP request needs somewhere to stream its response"}
	}
	head, err := http.DecodeRequestHead(inv.Payload)
	if err != nil {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "malformed request: " + err.Error(), Err: err}
	}
	f, err := a.fn(httpHandler)
	if err != nil {
		return err
	}
	req := wasi.Request{Method: head.Method, Scheme: head.Scheme, Authority: head.Authority, PathWithQuery: head.PathWithQuery,
		Header: toWASI(head.Header), Body: inv.Body}
	return callError(a.claims.Name, wasi.ServeHTTP(ctx, f.Call, req, newResponseWriter(inv.Stream), wasi.HTTPLimits{}))
}

// responseWriter sends a response head and body on as a streamed reply.
type responseWriter struct{ lattice.ReplyWriter }

// deadliner is the ability of a ReplyWriter to end a Read of the body or a Write of its own that blocks.
type deadliner interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// newResponseWriter keeps that ability, if the reply has it.
func newResponseWriter(to lattice.ReplyWriter) wasi.ResponseWriter {
	w := &responseWriter{to}
	if d, ok := to.(deadliner); ok {
		return struct {
			*responseWriter
			deadliner
		}{w, d}
	}
	return w
}

// Head sends the head.
func (w *responseWriter) Head(status int, header []wasi.HeaderField) error {
	return w.ReplyWriter.Head(http.ResponseHead{Status: status, Header: fromWASI(header)}.Encode(nil))
}

func toWASI(fields []http.Field) []wasi.HeaderField {
	out := make([]wasi.HeaderField, len(fields))
	for i, f := range fields {
		out[i] = wasi.HeaderField{Name: f.Name, Value: f.Value}
	}
	return out
}

func fromWASI(fields []wasi.HeaderField) []http.Field {
	out := make([]http.Field, len(fields))
	for i, f := range fields {
		out[i] = http.Field{Name: f.Name, Value: f.Value}
	}
	return out
}
