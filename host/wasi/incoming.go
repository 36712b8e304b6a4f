package wasi

import (
	"context"
	"io"

	"github.com/wattle-io/wattle/wit"
)

// incomingRequest is the wasi:http/types resource.
type incomingRequest struct {
	kids   children
	req    *Request
	header []HeaderField // admissible
	first  fields        // memory of the first headers child
	body   incomingBody
	taken  bool
}

// CheckDrop implements wit.DropChecker.
func (r *incomingRequest) CheckDrop() error { return r.kids.check("incoming-request") }

// incomingBody is the wasi:http/types resource, of a request or a response.
type incomingBody struct {
	src        *source
	trailer    func() []HeaderField // valid after the end of src; nil if there are none
	close      func()               // ends src when the guest lets go of the body; nil for a request's, which ServeHTTP ends
	streamUsed bool
	streamLive bool
}

// CheckDrop implements wit.DropChecker.
func (b *incomingBody) CheckDrop() error {
	if b.streamLive {
		return trapf("incoming-body dropped with its input-stream open; drop the stream first")
	}
	return nil
}

// Drop implements wit.Dropper.
func (b *incomingBody) Drop() {
	if b.close != nil {
		b.close()
	}
}

// futureTrailers is the wasi:http/types resource, and the event of its own being ready: what is left of the body is read
// and thrown away, and then the trailers are there.
type futureTrailers struct {
	body  *incomingBody
	taken bool
	kids  children
}

// CheckDrop implements wit.DropChecker.
func (f *futureTrailers) CheckDrop() error { return f.kids.check("future-trailers") }

// Drop implements wit.Dropper.
func (f *futureTrailers) Drop() { f.body.Drop() }

func (f *futureTrailers) ready() bool                  { return f.body.src.discard() }
func (f *futureTrailers) watch(wake chan<- struct{})   { f.body.src.watch(wake) }
func (f *futureTrailers) unwatch(wake chan<- struct{}) { f.body.src.unwatch(wake) }

func incomingImports() wit.Imports {
	return imports("wasi:http/types@0.2.0", map[string]wit.HostFunc{
		"[method]incoming-request.method":          incomingGet(func(e *wit.Encoder, r *Request) { encodeMethod(e, r.Method) }),
		"[method]incoming-request.path-with-query": incomingGet(func(e *wit.Encoder, r *Request) { encodeText(e, r.PathWithQuery) }),
		"[method]incoming-request.scheme":          incomingGet(func(e *wit.Encoder, r *Request) { encodeScheme(e, r.Scheme) }),
		"[method]incoming-request.authority":       incomingGet(func(e *wit.Encoder, r *Request) { encodeText(e, r.Authority) }),
		"[method]incoming-request.headers":         incomingHeaders,
		"[method]incoming-request.consume":         incomingConsume,
		"[method]incoming-body.stream":             incomingBodyStream,
		"[static]incoming-body.finish":             incomingBodyFinish,
		"[method]future-trailers.subscribe":        trailersSubscribe,
		"[method]future-trailers.get":              trailersGet,
		"http-error-code":                          httpErrorCode,
	})
}

// incomingGet is a getter of incoming-request.
func incomingGet(get func(*wit.Encoder, *Request)) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		r := wit.HandleOf[*incomingRequest](c)
		if err := c.Args.Close(); err != nil {
			return err
		}
		get(&c.Result, r.req)
		return nil
	}
}

func incomingHeaders(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*incomingRequest](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	if r.first.immutable {
		c.Give(r.kids.child(r.header))
		return nil
	}
	r.kids.open++
	r.first = fields{list: r.header, immutable: true, parent: &r.kids}
	c.Give(&r.first)
	return nil
}

func incomingConsume(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*incomingRequest](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	unitResult(c, !r.taken)
	if !r.taken {
		r.taken = true
		c.Give(&r.body)
	}
	return nil
}

func incomingBodyStream(_ context.Context, c *wit.Call) error {
	b := wit.HandleOf[*incomingBody](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	unitResult(c, !b.streamUsed)
	if !b.streamUsed {
		b.streamUsed, b.streamLive = true, true
		c.Give(&inputStream{src: b.src, parent: b})
	}
	return nil
}

func incomingBodyFinish(_ context.Context, c *wit.Call) error {
	b := wit.HandleOf[*incomingBody](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	if b.streamLive {
		return trapf("incoming-body.finish with its input-stream open; drop the stream first")
	}
	c.Give(&futureTrailers{body: b})
	return nil
}

func trailersSubscribe(_ context.Context, c *wit.Call) error {
	f := wit.HandleOf[*futureTrailers](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&pollable{event: f})
	return nil
}

// trailersGet appends option<result<result<option<trailers>, error-code>>>.
func trailersGet(_ context.Context, c *wit.Call) error {
	f := wit.HandleOf[*futureTrailers](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	if !f.ready() {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	unitResult(c, !f.taken)
	if !f.taken {
		f.taken = true
		f.encode(c)
	}
	return nil
}

// encode appends result<option<trailers>, error-code>.
func (f *futureTrailers) encode(c *wit.Call) {
	if err := f.body.src.end(); err != io.EOF {
		c.Result.Err()
		errorCodeOf(err).encode(&c.Result)
		return
	}
	c.Result.OK()
	var list []HeaderField
	if f.body.trailer != nil {
		list = admissible(f.body.trailer())
	}
	c.Result.Bool(len(list) > 0)
	if len(list) > 0 {
		c.Give(f.kids.child(list))
	}
}

// httpErrorCode finds the error-code in an io error.
func httpErrorCode(_ context.Context, c *wit.Call) error {
	e := wit.HandleOf[*ioError](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	code, ok := asErrorCode(e.err)
	c.Result.Bool(ok)
	if ok {
		code.encode(&c.Result)
	}
	return nil
}
