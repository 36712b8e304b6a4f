package wasi

import (
	"context"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// outgoingRequest is the wasi:http/types resource.
type outgoingRequest struct {
	kids      children
	header    []HeaderField
	badLength bool
	method    string
	path      string
	scheme    string
	authority string
	body      outgoingBody
	bodyUsed  bool
}

// CheckDrop implements wit.DropChecker.
func (r *outgoingRequest) CheckDrop() error { return r.kids.check("outgoing-request") }

// Timeouts are wasi:http/types request-options; 0 is none.
type Timeouts struct{ Connect, FirstByte, BetweenBytes time.Duration }

func requestImports() wit.Imports {
	return merge(optionsImports(), imports("wasi:http/types@0.2.0", map[string]wit.HostFunc{
		"[constructor]outgoing-request":                newOutgoingRequest,
		"[method]outgoing-request.body":                requestBody,
		"[method]outgoing-request.headers":             requestHeaders,
		"[method]outgoing-request.method":              requestGet(func(e *wit.Encoder, r *outgoingRequest) { encodeMethod(e, r.method) }),
		"[method]outgoing-request.path-with-query":     requestGet(func(e *wit.Encoder, r *outgoingRequest) { encodeText(e, r.path) }),
		"[method]outgoing-request.scheme":              requestGet(func(e *wit.Encoder, r *outgoingRequest) { encodeScheme(e, r.scheme) }),
		"[method]outgoing-request.authority":           requestGet(func(e *wit.Encoder, r *outgoingRequest) { encodeText(e, r.authority) }),
		"[method]outgoing-request.set-method":          requestSet((*outgoingRequest).setMethod),
		"[method]outgoing-request.set-path-with-query": requestSet((*outgoingRequest).setPath),
		"[method]outgoing-request.set-scheme":          requestSet((*outgoingRequest).setScheme),
		"[method]outgoing-request.set-authority":       requestSet((*outgoingRequest).setAuthority),
	}))
}

func newOutgoingRequest(_ context.Context, c *wit.Call) error {
	f := wit.HandleOf[*fields](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	r := &outgoingRequest{header: f.give(), method: "GET"}
	length, ok := contentLength(r.header)
	r.badLength = !ok
	r.body = outgoingBody{code: HTTPRequestBodySize, declared: length}
	c.Give(r)
	return nil
}

func requestGet(get func(*wit.Encoder, *outgoingRequest)) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		r := wit.HandleOf[*outgoingRequest](c)
		if err := c.Args.Close(); err != nil {
			return err
		}
		get(&c.Result, r)
		return nil
	}
}

// requestSet is a setter: set reads the value and returns what stores it, or nil if the value is not valid.
func requestSet(set func(*outgoingRequest, *wit.Decoder) (store func())) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		r := wit.HandleOf[*outgoingRequest](c)
		store := set(r, &c.Args)
		if err := c.Args.Close(); err != nil {
			return err
		}
		unitResult(c, store != nil)
		if store != nil {
			store()
		}
		return nil
	}
}

func (r *outgoingRequest) setMethod(d *wit.Decoder) func() {
	method := decodeMethod(d)
	if !isToken(method) {
		return nil
	}
	return func() { r.method = method }
}

func (r *outgoingRequest) setPath(d *wit.Decoder) func() {
	path := decodeText(d)
	if path != "" && !isPath(path) {
		return nil
	}
	return func() { r.path = path }
}

func (r *outgoingRequest) setScheme(d *wit.Decoder) func() {
	scheme, ok := decodeScheme(d)
	if !ok {
		return nil
	}
	return func() { r.scheme = scheme }
}

func (r *outgoingRequest) setAuthority(d *wit.Decoder) func() {
	authority := decodeText(d)
	if authority != "" && !isAuthority(authority) {
		return nil
	}
	return func() { r.authority = authority }
}

func requestHeaders(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*outgoingRequest](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(r.kids.child(r.header))
	return nil
}

func requestBody(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*outgoingRequest](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	unitResult(c, !r.bodyUsed)
	if !r.bodyUsed {
		r.bodyUsed = true
		c.Give(&r.body)
	}
	return nil
}

func optionsImports() wit.Imports {
	funcs := map[string]wit.HostFunc{"[constructor]request-options": plain(func(c *wit.Call) { c.Give(&Timeouts{}) })}
	for name, field := range map[string]func(*Timeouts) *time.Duration{
		"connect-timeout":       func(t *Timeouts) *time.Duration { return &t.Connect },
		"first-byte-timeout":    func(t *Timeouts) *time.Duration { return &t.FirstByte },
		"between-bytes-timeout": func(t *Timeouts) *time.Duration { return &t.BetweenBytes },
	} {
		funcs["[method]request-options."+name] = optionGet(field)
		funcs["[method]request-options.set-"+name] = optionSet(field)
	}
	return imports("wasi:http/types@0.2.0", funcs)
}

// optionGet appends option<duration> in nanoseconds.
func optionGet(field func(*Timeouts) *time.Duration) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		t := wit.HandleOf[*Timeouts](c)
		if err := c.Args.Close(); err != nil {
			return err
		}
		d := *field(t)
		c.Result.Bool(d != 0)
		if d != 0 {
			c.Result.Uint(uint64(d))
		}
		return nil
	}
}

func optionSet(field func(*Timeouts) *time.Duration) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		t := wit.HandleOf[*Timeouts](c)
		var d time.Duration
		if c.Args.Option() {
			d = max(1, nanoseconds(c.Args.Uint(64))) // a timeout of 0 is over at once
		}
		if err := c.Args.Close(); err != nil {
			return err
		}
		*field(t) = d
		c.Result.OK()
		return nil
	}
}
