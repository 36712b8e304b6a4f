package httpserver

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/wattle-io/wattle/lattice"
	contract "github.com/wattle-io/wattle/providers/http"
	"github.com/wattle-io/wattle/wit"
)

// exchange is one request and its response: the lattice.ReplyWriter that its actor writes to.
type exchange struct {
	server *Server
	route  *route
	w      http.ResponseWriter
	req    *http.Request
	head   wit.Encoder // the request's head
	body   *body       // nil if the request has none; not reused, since a read may still hang in it when its call is over
	sent   bool        // the response's head is out
	quiet  bool        // a response that has no body: what the actor writes is dropped
}

var _ lattice.ReplyWriter = (*exchange)(nil)

func (s *Server) serve(w http.ResponseWriter, req *http.Request) {
	r := s.routes.Load().find(req.Host, req.URL.Path)
	if r == nil {
		plain(w, http.StatusNotFound, "Nothing is served here. If you run this server: `wattle link list` shows what is.")
		return
	}
	if status, text := refuse(req, r); status != 0 {
		w.Header().Set("Connection", "close") // rather than read the rest
		plain(w, status, text)
		return
	}
	x, _ := s.pool.Get().(*exchange)
	if x == nil {
		x = &exchange{server: s}
	}
	x.route, x.w, x.req, x.sent, x.quiet = r, w, req, false, false
	x.run()
	x.route, x.w, x.req, x.body = nil, nil, nil, nil
	s.pool.Put(x)
}

// refuse says what is wrong with a request that no actor should see.
func refuse(req *http.Request, r *route) (status int, text string) {
	fields := 0
	for _, values := range req.Header {
		fields += len(values)
	}
	switch {
	case req.ContentLength > r.maxBody:
		return http.StatusRequestEntityTooLarge, tooLarge(r)
	case fields > contract.MaxFields:
		return http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("The request has more than %d header fields.", contract.MaxFields)
	case len(req.RequestURI) > contract.MaxTarget:
		return http.StatusRequestURITooLong, fmt.Sprintf("The request's path and query have more than %d bytes.", contract.MaxTarget)
	case req.Method == http.MethodConnect, len(req.Method) > contract.MaxMethod, !strings.HasPrefix(req.URL.Path, "/") && req.URL.Path != "":
		return http.StatusNotImplemented, "This server does not do that."
	}
	return 0, ""
}

// run calls the actor. Nobody uses the exchange any more when it returns: an Invoker is done with body and stream by then.
func (x *exchange) run() {
	deadline := time.Now().Add(x.route.timeout)
	ctx, cancel := context.WithDeadline(x.req.Context(), deadline)
	defer cancel()
	// A client that does not read or send must not hold an actor's instance longer than that.
	rc := http.NewResponseController(x.w)
	// The second is to say that it took too long, before the connection is cut.
	_ = rc.SetWriteDeadline(deadline.Add(time.Second))
	inv := lattice.Invocation{Source: Name, Target: x.route.link.Target, Contract: contract.Name, Link: x.route.link.Name, Op: contract.OpHandle, Stream: x}
	if x.req.ContentLength != 0 {
		_ = rc.SetReadDeadline(deadline.Add(time.Second))
		_ = rc.EnableFullDuplex() // an actor may answer before it has read all
		x.body = &body{r: x.req.Body, left: x.route.maxBody}
		inv.Body = x.body
	}
	x.encodeHead()
	inv.Payload = x.head.Buf
	_, err := x.server.actors.Invoke(ctx, inv)
	if err != nil { // whoever served the call may have moved the deadline, to end a write that hung
		_ = rc.SetWriteDeadline(time.Now().Add(time.Second))
	}
	x.finish(err)
}

// encodeHead encodes a contract.RequestHead without making one.
func (x *exchange) encodeHead() {
	e, req := &x.head, x.req
	e.Reset()
	e.String(req.Method)
	e.String("http")
	e.String(strings.ToValidUTF8(req.Host, "_"))
	e.String(strings.ToValidUTF8(req.URL.RequestURI(), "_"))
	n := 0
	named := req.Header["Connection"] // names of further fields that are about this connection only
	for name, values := range req.Header {
		if !dropped(name, named) {
			n += len(values)
		}
	}
	e.Uint(uint64(n))
	for name, values := range req.Header {
		if dropped(name, named) {
			continue
		}
		for _, v := range values {
			e.String(name)
			e.String(v) // encoded as bytes are
		}
	}
}

func dropped(name string, connection []string) bool {
	if contract.Hop(name) {
		return true
	}
	for _, list := range connection {
		for named := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(named), name) {
				return true
			}
		}
	}
	return false
}

// finish answers for an actor that failed or did not answer.
func (x *exchange) finish(err error) {
	switch {
	case err == nil && x.sent:
		return
	case x.sent:
		x.report("an actor failed while it answered", err)
		panic(http.ErrAbortHandler) // the one way to tell the client that the response is not whole
	case x.body.over():
		x.w.Header().Set("Connection", "close")
		plain(x.w, http.StatusRequestEntityTooLarge, tooLarge(x.route))
	case err == nil:
		id := x.report("an actor did not answer", nil)
		plain(x.w, http.StatusBadGateway, "The actor gave no response (error "+id+").")
	case x.req.Context().Err() != nil && lattice.KindOf(err) != lattice.ErrDeadline: // the client is gone: nobody to answer
		panic(http.ErrAbortHandler)
	default:
		x.fail(err)
	}
}

// fail says that the call failed, but nothing of why: that is in the log, under the same short id.
func (x *exchange) fail(err error) {
	switch kind := lattice.KindOf(err); kind {
	case lattice.ErrBusy:
		x.w.Header().Set("Retry-After", "1")
		plain(x.w, http.StatusServiceUnavailable, "The actor is busy. Try again in a moment.")
	case lattice.ErrUnavailable, lattice.ErrNoLink, lattice.ErrNotFound:
		id := x.report("an actor cannot be reached", err)
		x.w.Header().Set("Retry-After", "1")
		plain(x.w, http.StatusServiceUnavailable, "The actor is not available (error "+id+").")
	case lattice.ErrDeadline:
		plain(x.w, http.StatusGatewayTimeout, "The actor took too long.")
	case lattice.ErrInternal:
		id := x.report("a request failed", err)
		plain(x.w, http.StatusInternalServerError, "Something went wrong in the host (error "+id+").")
	default:
		id := x.report("an actor failed", err)
		plain(x.w, http.StatusBadGateway, "The actor failed (error "+id+").")
	}
}

// report logs an error and returns the id that it can be found by.
func (x *exchange) report(what string, err error) string {
	id := fmt.Sprintf("%08x", rand.Uint32())
	x.server.log.Warn(what, "id", id, "actor", x.route.link.Target, "method", x.req.Method, "path", x.req.URL.Path, "error", err)
	return id
}

func tooLarge(r *route) string {
	return fmt.Sprintf("The request's body is larger than the %d bytes allowed here.", r.maxBody)
}

// plain answers with one line of text.
func plain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a client that is gone need not know
}

// SetReadDeadline ends a Read of the request's body that blocks.
func (x *exchange) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(x.w).SetReadDeadline(t)
}

// SetWriteDeadline ends a Write that blocks.
func (x *exchange) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(x.w).SetWriteDeadline(t)
}

// Head sends the response's head.
func (x *exchange) Head(payload []byte) error {
	if x.sent {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "the head of the response was sent already"}
	}
	if x.body.over() {
		return errTooLarge()
	}
	head, err := contract.DecodeResponseHead(payload)
	if err != nil {
		return err
	}
	if head.Status < 200 || head.Status > 599 {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("status %d of a response, want 200 to 599", head.Status)}
	}
	x.sent, x.quiet = true, head.Status == http.StatusNoContent || head.Status == http.StatusNotModified
	x.setHeader(head.Header)
	x.w.WriteHeader(head.Status)
	return nil
}

// setHeader takes over the actor's fields, without those that could break the connection or speak for this server.
func (x *exchange) setHeader(fields []contract.Field) {
	h := x.w.Header()
	for _, f := range fields {
		if contract.Hop(f.Name) {
			continue
		}
		if !contract.ValidName(f.Name) || !contract.ValidValue(f.Value) {
			x.server.log.Debug("an actor sent a bad header field", "actor", x.route.link.Target, "name", f.Name)
			continue
		}
		h.Add(f.Name, string(f.Value))
	}
	if len(h["Content-Length"]) > 1 || x.quiet { // two lengths are how responses are smuggled
		h.Del("Content-Length")
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // or net/http would guess it from the body, and a guess can make text a script
	}
}

// Write sends a part of the response's body.
func (x *exchange) Write(p []byte) (int, error) {
	if !x.sent {
		return 0, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "the body of a response cannot come before its head"}
	}
	if x.quiet {
		return len(p), nil
	}
	return x.w.Write(p)
}

// Flush sends on what was written.
func (x *exchange) Flush() error { return http.NewResponseController(x.w).Flush() }
