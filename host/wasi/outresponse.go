package wasi

import (
	"context"

	"github.com/wattle-io/wattle/wit"
)

// outgoingResponse is the wasi:http/types resource.
type outgoingResponse struct {
	kids      children
	header    []HeaderField
	status    uint16
	badLength bool // the header does not say clearly how long the body is
	body      outgoingBody
	bodyUsed  bool
}

// CheckDrop implements wit.DropChecker.
func (r *outgoingResponse) CheckDrop() error { return r.kids.check("outgoing-response") }

// outparam is the wasi:http/types resource response-outparam.
type outparam struct{ x *exchange }

func responseImports() wit.Imports {
	return imports("wasi:http/types@0.2.0", map[string]wit.HostFunc{
		"[constructor]outgoing-response":            newOutgoingResponse,
		"[method]outgoing-response.status-code":     responseStatus,
		"[method]outgoing-response.set-status-code": responseSetStatus,
		"[method]outgoing-response.headers":         responseHeaders,
		"[method]outgoing-response.body":            responseBody,
		"[static]response-outparam.set":             outparamSet,
	})
}

func newOutgoingResponse(_ context.Context, c *wit.Call) error {
	f := wit.HandleOf[*fields](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	r := &outgoingResponse{header: f.give(), status: 200}
	length, ok := contentLength(r.header)
	r.badLength = !ok
	r.body = outgoingBody{code: HTTPResponseBodySize, declared: length}
	c.Give(r)
	return nil
}

func responseStatus(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*outgoingResponse](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.Uint(uint64(r.status))
	return nil
}

// responseSetStatus accepts 200 to 999: a final response has no informational status.
func responseSetStatus(_ context.Context, c *wit.Call) error {
	r, status := wit.HandleOf[*outgoingResponse](c), c.Args.Uint(16)
	if err := c.Args.Close(); err != nil {
		return err
	}
	ok := 200 <= status && status <= 999
	if ok {
		r.status = uint16(status)
	}
	unitResult(c, ok)
	return nil
}

func responseHeaders(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*outgoingResponse](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(r.kids.child(r.header))
	return nil
}

func responseBody(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*outgoingResponse](c)
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

// outparamSet sends the response's head, or keeps the error for ServeHTTP to return.
func outparamSet(ctx context.Context, c *wit.Call) error {
	p := wit.HandleOf[*outparam](c)
	if c.Args.Result() {
		r := wit.HandleOf[*outgoingResponse](c)
		if err := c.Args.Close(); err != nil {
			return err
		}
		if err := r.CheckDrop(); err != nil {
			return err
		}
		p.x.respond(ctx, r)
		return nil
	}
	code := decodeErrorCode(&c.Args)
	if err := c.Args.Close(); err != nil {
		return err
	}
	p.x.refuse(code)
	return nil
}
