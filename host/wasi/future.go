package wasi

import (
	"context"
	"io"

	"github.com/wattle-io/wattle/wit"
)

// OutgoingRequest is a request that a guest sends. Body is to be read, and closed, by whoever sends it.
type OutgoingRequest struct {
	Method, Scheme, Authority, PathWithQuery string
	Header                                   []HeaderField
	Length                                   int64         // of the body: -1 if the guest did not declare it, 0 if there is none
	Body                                     io.ReadCloser // nil if there is none
	Timeouts                                 Timeouts
}

// IncomingResponse is the answer to an OutgoingRequest.
type IncomingResponse struct {
	Status  int
	Header  []HeaderField        // at most 128 KiB of names and values
	Body    io.ReadCloser        // nil is empty. Closing it makes a Read return
	Trailer func() []HeaderField // called after Body's end; nil: there are none
}

// SendFunc sends a request and returns when the response's head is there. It honours ctx, which lasts until the guest has
// let go of the response or its call's deadline is over; it does not carry the values of the call's own context, which
// must not be used after the call. An ErrorCode is told to the guest as it is, another error as internal-error.
type SendFunc func(ctx context.Context, req OutgoingRequest) (IncomingResponse, error)

// sendNothing is the SendFunc of a guest that may send nothing.
func sendNothing(refused func(error)) SendFunc {
	return func(_ context.Context, req OutgoingRequest) (IncomingResponse, error) {
		if req.Body != nil {
			req.Body.Close()
		}
		refused(&DeniedError{What: "HTTP request to " + req.Authority, Hint: "it may send none"})
		return IncomingResponse{}, ErrorCode{Code: HTTPRequestDenied}
	}
}

// OutgoingHandler is wasi:http/outgoing-handler for a guest that has a link for it: send is what the link leads to. It takes the place of
// that of Imports.
func OutgoingHandler(send SendFunc) wit.Imports {
	return imports("wasi:http/outgoing-handler@0.2.0", map[string]wit.HostFunc{
		"handle": func(ctx context.Context, c *wit.Call) error { return outgoingHandle(ctx, c, send) },
	})
}

// outgoingHandle appends result<own<future-incoming-response>, error-code>.
func outgoingHandle(ctx context.Context, c *wit.Call, send SendFunc) error {
	r := wit.HandleOf[*outgoingRequest](c)
	var t Timeouts
	if c.Args.Option() {
		if o := wit.HandleOf[*Timeouts](c); o != nil {
			t = *o
		}
	}
	if err := c.Args.Close(); err != nil {
		return err
	}
	if err := r.CheckDrop(); err != nil {
		return err
	}
	if code, bad := r.invalid(); bad {
		r.body.fail(code)
		c.Result.Err()
		code.encode(&c.Result)
		return nil
	}
	c.Result.OK()
	c.Give(r.send(ctx, send, t))
	return nil
}

// invalid says what keeps the request from being sent.
func (r *outgoingRequest) invalid() (ErrorCode, bool) {
	switch {
	case r.authority == "" && (r.scheme == "" || r.scheme == "http" || r.scheme == "https"):
		return ErrorCode{Code: HTTPRequestURIInvalid}, true
	case r.badLength:
		return ErrorCode{Code: HTTPProtocolError}, true
	}
	return ErrorCode{}, false
}

// send starts sending and returns the future of the response.
func (r *outgoingRequest) send(ctx context.Context, send SendFunc, t Timeouts) *futureResponse {
	req := OutgoingRequest{Method: r.method, Scheme: r.scheme, Authority: r.authority, PathWithQuery: r.path,
		Header: r.header, Timeouts: t}
	f := &futureResponse{done: make(chan struct{})}
	sendCtx, cancel := detached(ctx)
	f.cancel = cancel
	body := newPipe()
	if r.bodyUsed {
		req.Body, req.Length = body, r.body.declared
	}
	r.body.attach(ctx, body, r.bodyUsed)
	context.AfterFunc(sendCtx, func() { body.Close() })
	go f.run(sendCtx, send, req)
	return f
}

// detached is a context with the deadline of ctx that may outlive it.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	if t, ok := ctx.Deadline(); ok {
		return context.WithDeadline(context.Background(), t)
	}
	return context.WithCancel(context.Background())
}

// futureResponse is the wasi:http/types resource future-incoming-response, and the event of its being there.
type futureResponse struct {
	wakers
	cancel func()
	done   chan struct{} // closed when resp and err are set
	resp   IncomingResponse
	err    error
	taken  bool
}

// run owns the sending goroutine's work.
func (f *futureResponse) run(ctx context.Context, send SendFunc, req OutgoingRequest) {
	f.resp, f.err = send(ctx, req)
	if n := headerSize(f.resp.Header); f.err == nil && n > maxFieldBytes {
		f.err = sized(HTTPResponseHeaderSectionSize, int64(n))
		closeBody(f.resp)
	}
	close(f.done)
	f.wake()
}

func (f *futureResponse) ready() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// Drop implements wit.Dropper. A response that the guest did not take is given up; Drop waits for the sending to end.
func (f *futureResponse) Drop() {
	if f.taken {
		return
	}
	f.cancel()
	<-f.done
	if f.err == nil {
		closeBody(f.resp)
	}
}

func closeBody(r IncomingResponse) {
	if r.Body != nil {
		r.Body.Close()
	}
}

func futureImports() wit.Imports {
	return merge(incomingResponseImports(), imports("wasi:http/types@0.2.0", map[string]wit.HostFunc{
		"[method]future-incoming-response.subscribe": futureSubscribe,
		"[method]future-incoming-response.get":       futureGet,
	}))
}

func futureSubscribe(_ context.Context, c *wit.Call) error {
	f := wit.HandleOf[*futureResponse](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&pollable{event: f})
	return nil
}

// futureGet appends option<result<result<incoming-response, error-code>>>.
func futureGet(_ context.Context, c *wit.Call) error {
	f := wit.HandleOf[*futureResponse](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	if !f.ready() {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	unitResult(c, !f.taken)
	if f.taken {
		return nil
	}
	f.taken = true
	if f.err != nil {
		f.cancel()
		c.Result.Err()
		errorCodeOf(f.err).encode(&c.Result)
		return nil
	}
	c.Result.OK()
	c.Give(newIncomingResponse(f.resp, f.cancel))
	return nil
}
