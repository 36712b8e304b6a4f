package http

import (
	"bytes"
	"io"
	"strings"
)

// Response is what a handler answered, as Record saw it.
type Response struct {
	Status  int
	Header  *Header
	Body    []byte
	Flushes int   // how often the handler had bytes sent before its end
	Aborted bool  // the handler failed when the head was already sent
	Err     error // why the response is incomplete, if so
}

// NewRequest makes a request for tests. Target is path and query, e.g. "/items/1?full=1"; a path that is not well encoded panics.
// A nil body is an empty one.
func NewRequest(method, target string, body io.Reader) *Request {
	r := &Request{Method: method, Header: &Header{}, Body: body}
	if body == nil {
		r.Body = noBody{}
	}
	if !r.setTarget(target) {
		panic("http: bad request target " + target)
	}
	return r
}

// NewStringRequest is NewRequest with a body that is a string.
func NewStringRequest(method, target, body string) *Request {
	return NewRequest(method, target, strings.NewReader(body))
}

// Record runs a handler on a request, exactly as in an actor but in memory.
func Record(h Handler, r *Request) *Response {
	rec := &recorder{}
	var w response
	w.init(rec, new([bufferSize]byte), nil)
	w.serve(h, r)
	rec.res.Body = rec.body.Bytes()
	return &rec.res
}

// Serve runs the handler that the actor registered with Handle.
func Serve(r *Request) *Response { return Record(handler, r) }

// recorder is a transport into memory.
type recorder struct {
	res  Response
	body bytes.Buffer
}

var _ transport = (*recorder)(nil)

func (t *recorder) head(status int, fields []field, _ bool) error {
	if status < 200 || status > 599 {
		return ErrStatus
	}
	t.res.Status = status
	t.res.Header = &Header{fields: append([]field(nil), fields...)}
	return nil
}

func (t *recorder) write(p []byte, flush bool) error {
	if flush {
		t.res.Flushes++
	}
	t.body.Write(p)
	return nil
}

func (t *recorder) finish() error { return nil }

func (t *recorder) abort() { t.res.Aborted = true }
