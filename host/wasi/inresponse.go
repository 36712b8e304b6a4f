package wasi

import (
	"context"
	"sync"

	"github.com/wattle-io/wattle/wit"
)

// incomingResponse is the wasi:http/types resource.
type incomingResponse struct {
	kids   children
	status int
	header []HeaderField // admissible
	body   incomingBody
	taken  bool
}

// newIncomingResponse makes the resource of a response. cancel is called once the guest has let go of its body.
func newIncomingResponse(resp IncomingResponse, cancel func()) *incomingResponse {
	end := func() { cancel(); closeBody(resp) }
	src := newSource(resp.Body)
	return &incomingResponse{
		status: resp.Status,
		header: admissible(resp.Header),
		body:   incomingBody{src: src, trailer: resp.Trailer, close: sync.OnceFunc(func() { src.stop(errClosed, end); end() })},
	}
}

// CheckDrop implements wit.DropChecker.
func (r *incomingResponse) CheckDrop() error { return r.kids.check("incoming-response") }

// Drop implements wit.Dropper.
func (r *incomingResponse) Drop() {
	if !r.taken {
		r.body.Drop()
	}
}

func incomingResponseImports() wit.Imports {
	return imports("wasi:http/types@0.2.0", map[string]wit.HostFunc{
		"[method]incoming-response.status":  inResponseStatus,
		"[method]incoming-response.headers": inResponseHeaders,
		"[method]incoming-response.consume": inResponseConsume,
	})
}

func inResponseStatus(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*incomingResponse](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.Uint(uint64(uint16(r.status)))
	return nil
}

func inResponseHeaders(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*incomingResponse](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(r.kids.child(r.header))
	return nil
}

func inResponseConsume(_ context.Context, c *wit.Call) error {
	r := wit.HandleOf[*incomingResponse](c)
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
