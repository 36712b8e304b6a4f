package wasi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// Request is an HTTP request for an actor. It and what it refers to must not change until ServeHTTP returns.
type Request struct {
	Method        string // e.g. "GET"
	Scheme        string // "http" or "https"; "" if not known
	Authority     string // the Host header; "" if there is none
	PathWithQuery string // e.g. "/items?id=3"
	// Header has the fields in their order. The guest does not see those of the connection (Host, Connection,
	// Transfer-Encoding, Proxy-…, Upgrade, …).
	Header []HeaderField
	// Body is read as the guest reads, at most 64 KiB ahead; nil is empty. A Read that blocks runs in its own goroutine. When the
	// call is over, ServeHTTP makes it return through the ResponseWriter's SetReadDeadline and waits for it; if there is
	// no such method, the Read is left to end by itself.
	Body io.Reader
	// Trailer gives the trailer fields; it is called after Body's end. nil: there are none.
	Trailer func() []HeaderField
}

// ResponseWriter is where the response goes. Its methods are called on the goroutine that called ServeHTTP, never after
// ServeHTTP has returned. It may have further abilities: TrailerWriter, and the deadlines of http.ResponseController
// (SetReadDeadline, SetWriteDeadline), by which ServeHTTP ends a Read or Write that would outlive ctx.
type ResponseWriter interface {
	// Head is called once, before any Write, with a status of 200 to 999. The header may be kept, not changed.
	Head(status int, header []HeaderField) error
	// Write sends a part of the body; p is valid during the call.
	io.Writer
	// Flush sends what Write may have buffered.
	Flush() error
}

// TrailerWriter is the ability of a ResponseWriter to send trailer fields. It is called at most once, after the body.
// Without it trailers are left out, as HTTP allows.
type TrailerWriter interface{ Trailer([]HeaderField) error }

// CallFunc calls the wasi:http/incoming-handler handle of an actor: args are the encoded parameters, handles the objects
// behind the handles in them; it appends the encoded result to out. It is the engine's Func.Call.
type CallFunc func(ctx context.Context, args []byte, handles []any, out []byte) ([]byte, error)

// HTTPLimits bound what a request may bring. The zero value means the defaults.
type HTTPLimits struct {
	Fields     int   // header fields of the request, default 256
	FieldBytes int   // bytes of their names and values, default 64 KiB
	Body       int64 // bytes of the request's body that the guest may read, default no limit: a body is streamed
}

// ErrNoResponse is the error of a guest that returned without calling response-outparam.set.
var ErrNoResponse = errors.New("wasi:http: the guest returned without a response: it must call response-outparam.set")

// ServeHTTP lets an actor answer a request. The head of the response is sent when the guest sets it, and the body's bytes
// as the guest writes them.
//
// It returns nil if the response is complete. Otherwise, if Head was not called, whoever serves answers in the guest's
// stead; if it was, the response is cut short and its connection should be closed. The error is: the call's own; or
// an ErrorCode, from the guest or for a request beyond lim or a body of the wrong length; ErrNoResponse; ErrIncomplete; or what
// the ResponseWriter returned, wrapped. A call that fails after the response was complete gives its error, too.
func ServeHTTP(ctx context.Context, call CallFunc, req Request, w ResponseWriter, lim HTTPLimits) error {
	x := &exchange{w: w, req: req}
	if err := lim.check(&x.req); err != nil {
		return err
	}
	x.open(lim)
	release := x.endWith(ctx)
	_, err := call(ctx, x.args[:], x.handles[:], nil)
	release()
	x.close()
	return x.outcome(err)
}

// check refuses a request that is too big.
func (l HTTPLimits) check(r *Request) error {
	n := headerSize(r.Header)
	switch {
	case len(r.PathWithQuery) > maxPart:
		return ErrorCode{Code: HTTPRequestURITooLong}
	case len(r.Header) > orDefault(l.Fields, 256), n > orDefault(l.FieldBytes, 64<<10):
		return sized(HTTPRequestHeaderSectionSize, int64(n))
	}
	return nil
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

// exchange is one request and its response: the objects that the guest gets, in one piece of memory, and the bodySink of
// the response. It is never reused: a guest may keep handles after its call, which then find it closed.
type exchange struct {
	always
	w       ResponseWriter
	req     Request
	in      incomingRequest
	src     source
	out     outparam
	args    [2]byte
	handles [2]any

	response  *outgoingResponse // set by the guest
	refused   *ErrorCode        // set by the guest
	err       error             // what went wrong with the response
	complete  bool
	closed    bool
	reading   readDeadliner  // the writer's abilities, or nil
	writing   writeDeadliner //
	deadlines bool           // writing has a deadline
	cut       bool           // interrupt ran: both have one that is over
	ending    sync.WaitGroup // until interrupt has run or will not
}

// The abilities of a ResponseWriter that ends what blocks, as http.ResponseController has them.
type (
	readDeadliner  interface{ SetReadDeadline(time.Time) error }
	writeDeadliner interface{ SetWriteDeadline(time.Time) error }
)

var _ bodySink = (*exchange)(nil)

// open makes the objects behind the two parameters of handle: own<incoming-request>, own<response-outparam>.
func (x *exchange) open(lim HTTPLimits) {
	body := x.req.Body
	if lim.Body > 0 && body != nil {
		body = &cappedReader{r: body, limit: lim.Body, left: lim.Body}
	}
	x.src.init(body)
	x.in = incomingRequest{req: &x.req, header: admissible(x.req.Header), body: incomingBody{src: &x.src, trailer: x.req.Trailer}}
	x.out = outparam{x}
	x.args = [2]byte{0, 1}
	x.handles = [2]any{&x.in, &x.out}
	x.reading, _ = x.w.(readDeadliner)
	x.writing, _ = x.w.(writeDeadliner)
}

// endWith sees to it that the end of ctx ends a Read or Write that is under way, until release.
func (x *exchange) endWith(ctx context.Context) (release func()) {
	if x.reading == nil && x.writing == nil {
		return func() {}
	}
	x.ending.Add(1)
	stop := context.AfterFunc(ctx, x.interrupt)
	return func() {
		if stop() {
			x.ending.Done()
		}
		x.ending.Wait()
	}
}

// close ends the exchange: handles that are still open are dead, and no Read is under way.
func (x *exchange) close() {
	x.closed = true
	var interrupt func()
	if x.reading != nil {
		interrupt = func() { x.reading.SetReadDeadline(past()) }
	}
	x.src.stop(errClosed, interrupt)
	if x.writing != nil && (x.deadlines || x.cut) { // what is sent from now on is not the guest's
		x.writing.SetWriteDeadline(time.Time{})
	}
}

// outcome is what ServeHTTP returns, given what the call did.
func (x *exchange) outcome(err error) error {
	switch {
	case err != nil:
		return err
	case x.refused != nil:
		return *x.refused
	case x.response == nil:
		return ErrNoResponse
	case x.err != nil:
		return x.err
	case !x.complete:
		return ErrIncomplete
	}
	return nil
}

// interrupt ends a Read or Write that is under way when the context ends.
func (x *exchange) interrupt() {
	defer x.ending.Done()
	x.cut = true
	if x.reading != nil {
		x.reading.SetReadDeadline(past())
	}
	if x.writing != nil {
		x.writing.SetWriteDeadline(past())
	}
}

// past is a deadline that is over.
func past() time.Time { return time.Unix(1, 0) }

// refuse is response-outparam.set with an error.
func (x *exchange) refuse(code ErrorCode) {
	if !x.closed && !x.answered() {
		x.refused = &code
	}
}

// answered reports whether the guest has set the outparam, which it can do only once.
func (x *exchange) answered() bool { return x.response != nil || x.refused != nil }

// respond is response-outparam.set with a response.
func (x *exchange) respond(ctx context.Context, r *outgoingResponse) {
	if x.closed || x.answered() {
		r.body.fail(errClosed)
		return
	}
	x.response = r
	if r.badLength {
		r.body.fail(ErrorCode{Code: HTTPProtocolError, Text: "content-length must be one number"})
		x.err = r.body.err
		return
	}
	x.allowBody(r)
	x.limitWrites(ctx)
	if err := x.w.Head(int(r.status), r.header); err != nil {
		x.abort(fmt.Errorf("wasi:http: send the head: %w", err))
		r.body.fail(x.err)
		return
	}
	r.body.attach(ctx, x, r.bodyUsed)
}

// allowBody adapts the length to responses that have none whatever the header says (RFC 9110, 6.4.1). The guest may write
// the body of an answer to HEAD; it is not sent. A body of 204 or 304 is a mistake.
func (x *exchange) allowBody(r *outgoingResponse) {
	switch {
	case x.req.Method == "HEAD":
		r.body.declared = -1
	case r.status == 204 || r.status == 304:
		r.body.declared = 0
	}
}

// limitWrites makes Writes end with the call's deadline, for writers that can.
func (x *exchange) limitWrites(ctx context.Context) {
	if t, ok := ctx.Deadline(); ok && x.writing != nil {
		x.deadlines = true
		x.writing.SetWriteDeadline(t)
	}
}

func (x *exchange) write(ctx context.Context, p []byte) error {
	switch {
	case x.closed:
		return errClosed
	case x.err != nil:
		return x.err
	case x.req.Method == "HEAD" || len(p) == 0:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if err := writeAll(x.w, p); err != nil {
		x.abort(fmt.Errorf("wasi:http: send the body: %w", err))
	}
	return x.err
}

func (x *exchange) flush(context.Context) error {
	if x.closed || x.err != nil {
		return x.err
	}
	if err := x.w.Flush(); err != nil {
		x.abort(fmt.Errorf("wasi:http: send the body: %w", err))
	}
	return x.err
}

func (x *exchange) finish(_ context.Context, trailer []HeaderField) error {
	if x.closed || x.err != nil {
		return x.err
	}
	if t, ok := x.w.(TrailerWriter); ok && len(trailer) > 0 {
		if err := t.Trailer(trailer); err != nil {
			x.abort(fmt.Errorf("wasi:http: send the trailer: %w", err))
			return x.err
		}
	}
	x.complete = true
	return nil
}

func (x *exchange) abort(err error) {
	if x.err == nil && !x.closed {
		x.err = err
	}
}

// cappedReader fails when more than limit bytes come.
type cappedReader struct {
	r           io.Reader
	limit, left int64
}

func (c *cappedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p[:min(int64(len(p)), c.left+1)])
	if int64(n) > c.left {
		n, err = int(c.left), sized(HTTPRequestBodySize, c.limit)
	}
	c.left -= int64(n)
	return n, err
}

func httpImports() wit.Imports {
	return merge(fieldsImports(), incomingImports(), outgoingBodyImports(), responseImports(),
		requestImports(), futureImports())
}
