package wasi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"
)

// outgoing gives a guest an outgoing-handler.
func outgoing(t testing.TB, send SendFunc) *guest {
	g := newGuest(t, Config{})
	maps.Copy(g.imports, OutgoingHandler(send))
	return g
}

func (g *guest) request(kv ...string) handle {
	g.t.Helper()
	r := g.open("types#[constructor]outgoing-request", g.getHandle(fromList, entries(kv...)))
	g.get("types#[method]outgoing-request.set-authority", r, some{"svc.example"})
	return r
}

// await gives the result of a future-incoming-response.
func (g *guest) await(f handle) any {
	g.t.Helper()
	g.call("poll#[method]pollable.block", g.open("types#[method]future-incoming-response.subscribe", f))
	return g.call("types#[method]future-incoming-response.get", f).(some).value.(ok).value
}

func TestOutgoingRequestReachesTheSenderAndItsResponseTheGuest(t *testing.T) {
	var sent OutgoingRequest
	g := outgoing(t, func(_ context.Context, req OutgoingRequest) (IncomingResponse, error) {
		sent = req
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return IncomingResponse{}, err
		}
		body := io.NopCloser(bytes.NewReader(bytes.ToUpper(b)))
		return IncomingResponse{Status: 201, Header: header("a", "b", "connection", "close"), Body: body,
			Trailer: func() []HeaderField { return header("t", "1") }}, nil
	})
	r := g.request("content-length", "200000")
	g.get("types#[method]outgoing-request.set-method", r, variant{"other", "BREW"})
	g.get("types#[method]outgoing-request.set-path-with-query", r, some{"/pot?x=1"})
	g.get("types#[method]outgoing-request.set-scheme", r, some{variant{name: "HTTPS"}})
	o := g.open("types#[constructor]request-options")
	g.get("types#[method]request-options.set-connect-timeout", o, some{int(time.Second)})
	body := g.getHandle("types#[method]outgoing-request.body", r)
	f := g.getHandle("outgoing#handle", r, some{o})
	s := g.getHandle(streamOf, body)
	for range 50 {
		g.get(bwrite, s, []byte(strings.Repeat("x", 4000))) // three times what the pipe holds
	}
	same(t, "finish", g.end(body, s), ok{})
	resp := g.await(f).(ok).value.(handle)
	same(t, "again", g.call("types#[method]future-incoming-response.get", f), some{fail{}})
	same(t, "status", g.call("types#[method]incoming-response.status", resp), 201)
	h := g.open("types#[method]incoming-response.headers", resp)
	same(t, "header", g.call(listOf, h), entries("a", "b"))
	if err := g.drop(resp); !errors.Is(err, ErrMisuse) {
		t.Errorf("response dropped before its headers: %v", err)
	}
	in := g.getHandle("types#[method]incoming-response.consume", resp)
	same(t, "consume again", g.call("types#[method]incoming-response.consume", resp), fail{})
	stream := g.getHandle(inStream, in)
	same(t, "body", g.readAll(stream), strings.Repeat("X", 200000))
	g.mustDrop(stream)
	trailer := g.call(inTrailer, g.open(inFinish, in)).(some).value.(ok).value.(ok).value.(some).value
	same(t, "trailer", g.call(listOf, trailer), entries("t", "1"))
	if sent.Method != "BREW" || sent.Scheme != "https" || sent.Authority != "svc.example" || sent.PathWithQuery != "/pot?x=1" ||
		sent.Length != 200000 || sent.Timeouts != (Timeouts{Connect: time.Second}) {
		t.Errorf("sent %+v", sent)
	}
}

func TestWithoutASenderRequestsAreDenied(t *testing.T) {
	refused := make(chan error, 1)
	g := newGuest(t, Config{Refused: func(err error) { refused <- err }})
	r := g.request()
	g.getHandle("types#[method]outgoing-request.body", r)
	same(t, "response", g.await(g.getHandle("outgoing#handle", r, nil)), fail{variant{name: "HTTP-request-denied"}})
	if err := <-refused; !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "svc.example") {
		t.Errorf("the host was told %v", err)
	}
}

func TestSendersErrorReachesTheGuest(t *testing.T) {
	for _, c := range []struct {
		err  error
		want variant
	}{
		{ErrorCode{Code: ConnectionRefused}, variant{name: "connection-refused"}},
		{ErrorCode{Code: DNSError, Text: "NXDOMAIN"}, variant{"DNS-error", list(some{"NXDOMAIN"}, nil)}},
		{errors.New("no route"), variant{"internal-error", some{"no route"}}},
	} {
		g := outgoing(t, func(context.Context, OutgoingRequest) (IncomingResponse, error) { return IncomingResponse{}, c.err })
		same(t, "response", g.await(g.getHandle("outgoing#handle", g.request(), nil)), fail{c.want})
	}
}

func TestRequestsThatCannotBeSentAreRefused(t *testing.T) {
	g := outgoing(t, func(context.Context, OutgoingRequest) (IncomingResponse, error) { panic("sent") })
	r := g.open("types#[constructor]outgoing-request", g.open("types#[constructor]fields"))
	same(t, "no authority", g.call("outgoing#handle", r, nil), fail{variant{name: "HTTP-request-URI-invalid"}})
	r = g.request()
	g.open("types#[method]outgoing-request.headers", r)
	if _, err := g.try("outgoing#handle", r, nil); !errors.Is(err, ErrMisuse) {
		t.Errorf("given away with a child: %v", err)
	}
}

// closer is a body that blocks until it is closed.
type closer struct{ done chan struct{} }

func (c closer) Read([]byte) (int, error) { <-c.done; return 0, io.ErrClosedPipe }
func (c closer) Close() error             { close(c.done); return nil }

func TestResponseHeaderOfASenderIsBounded(t *testing.T) {
	body := &onceCloser{ReadCloser: closer{make(chan struct{})}}
	g := outgoing(t, func(context.Context, OutgoingRequest) (IncomingResponse, error) {
		return IncomingResponse{Status: 200, Header: header("a", strings.Repeat("x", maxFieldBytes)), Body: body}, nil
	})
	v := g.await(g.getHandle("outgoing#handle", g.request(), nil))
	same(t, "response", v, fail{variant{"HTTP-response-header-section-size", some{maxFieldBytes + 1}}})
	if !body.closed {
		t.Error("the body is open")
	}
}

func TestDroppingAFutureThatIsThereClosesItsBody(t *testing.T) {
	body := &onceCloser{ReadCloser: closer{make(chan struct{})}}
	g := outgoing(t, func(context.Context, OutgoingRequest) (IncomingResponse, error) {
		return IncomingResponse{Status: 200, Body: body}, nil
	})
	f := g.getHandle("outgoing#handle", g.request(), nil)
	g.call("poll#[method]pollable.block", g.open("types#[method]future-incoming-response.subscribe", f))
	g.mustDrop(f)
	if !body.closed {
		t.Error("the body is open")
	}
}

func TestDroppingTheFutureEndsTheSending(t *testing.T) {
	ended := false
	g := outgoing(t, func(ctx context.Context, req OutgoingRequest) (IncomingResponse, error) {
		<-ctx.Done()
		ended = true
		return IncomingResponse{}, ctx.Err()
	})
	f := g.getHandle("outgoing#handle", g.request(), nil)
	same(t, "get", g.call("types#[method]future-incoming-response.get", f), nil)
	g.mustDrop(f)
	if !ended {
		t.Error("the sending goes on")
	}
}

func TestDroppingTheResponseClosesItsBody(t *testing.T) {
	for name, use := range map[string]func(g *guest, resp handle) []handle{
		"untouched": func(g *guest, resp handle) []handle { return []handle{resp} },
		"consumed": func(g *guest, resp handle) []handle {
			return []handle{resp, g.getHandle("types#[method]incoming-response.consume", resp)}
		},
		"read is under way": func(g *guest, resp handle) []handle {
			in := g.getHandle("types#[method]incoming-response.consume", resp)
			s := g.getHandle(inStream, in)
			g.get(read, s, 1)
			return []handle{s, in, resp}
		},
		"finished": func(g *guest, resp handle) []handle {
			return []handle{resp, g.open(inFinish, g.getHandle("types#[method]incoming-response.consume", resp))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			var sending context.Context
			var once onceCloser
			g := outgoing(t, func(ctx context.Context, _ OutgoingRequest) (IncomingResponse, error) {
				sending = ctx
				once.ReadCloser = closer{done}
				return IncomingResponse{Status: 200, Body: &once}, nil
			})
			resp := g.await(g.getHandle("outgoing#handle", g.request(), nil)).(ok).value.(handle)
			g.mustDrop(use(g, resp)...)
			if sending.Err() == nil || !once.closed {
				t.Error("the response goes on")
			}
		})
	}
}

// onceCloser may be closed several times, as an http.Response's body may.
type onceCloser struct {
	io.ReadCloser
	closed bool
}

func (o *onceCloser) Close() error {
	if o.closed {
		return nil
	}
	o.closed = true
	return o.ReadCloser.Close()
}

func TestOutgoingBodyIsHeldToItsLength(t *testing.T) {
	errs := make(chan error, 1)
	g := outgoing(t, func(_ context.Context, req OutgoingRequest) (IncomingResponse, error) {
		_, err := io.ReadAll(req.Body)
		errs <- err
		return IncomingResponse{}, err
	})
	r := g.request("content-length", "4")
	body := g.getHandle("types#[method]outgoing-request.body", r)
	f := g.getHandle("outgoing#handle", r, nil)
	s := g.getHandle(streamOf, body)
	g.get(bwrite, s, []byte("abc"))
	same(t, "finish", g.end(body, s), fail{variant{"HTTP-request-body-size", some{3}}})
	if err := <-errs; err != sized(HTTPRequestBodySize, 3) {
		t.Errorf("the sender got %v", err)
	}
	same(t, "response", g.await(f), fail{variant{"HTTP-request-body-size", some{3}}})
}

func TestOutgoingBodyThatIsDroppedBreaksTheRequest(t *testing.T) {
	errs := make(chan error, 1)
	g := outgoing(t, func(_ context.Context, req OutgoingRequest) (IncomingResponse, error) {
		_, err := io.ReadAll(req.Body)
		errs <- err
		return IncomingResponse{}, err
	})
	r := g.request()
	body := g.getHandle("types#[method]outgoing-request.body", r)
	g.getHandle("outgoing#handle", r, nil)
	g.mustDrop(body)
	if err := <-errs; err != ErrIncomplete {
		t.Errorf("the sender got %v", err)
	}
}

func TestWriteToASenderThatHasLeftFails(t *testing.T) {
	g := outgoing(t, func(_ context.Context, req OutgoingRequest) (IncomingResponse, error) {
		req.Body.Close()
		return IncomingResponse{Status: 200}, nil
	})
	r := g.request()
	body := g.getHandle("types#[method]outgoing-request.body", r)
	g.await(g.getHandle("outgoing#handle", r, nil))
	same(t, "write", g.call(bwrite, g.getHandle(streamOf, body), []byte("x")), closed)
}

func TestSendingEndsWithTheDeadlineOfTheCall(t *testing.T) {
	g := outgoing(t, func(_ context.Context, req OutgoingRequest) (IncomingResponse, error) {
		_, err := io.ReadAll(req.Body) // the guest writes nothing
		return IncomingResponse{}, err
	})
	r := g.request()
	g.getHandle("types#[method]outgoing-request.body", r)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	g.ctx = ctx
	f := g.getHandle("outgoing#handle", r, nil)
	g.ctx = t.Context()
	if v, failed := g.await(f).(fail); !failed {
		t.Fatalf("got %v", v)
	}
}

func TestOutgoingRequestPartsAreValidated(t *testing.T) {
	g := newGuest(t, Config{})
	r := g.request()
	for _, c := range []struct {
		part  string
		value any
		valid bool
	}{
		{"method", variant{name: "delete"}, true},
		{"method", variant{"other", ""}, false},
		{"method", variant{"other", "A B"}, false},
		{"method", variant{"other", "X-\r\n"}, false},
		{"path-with-query", nil, true},
		{"path-with-query", some{"/a/b?c=%20"}, true},
		{"path-with-query", some{"?a"}, true},
		{"path-with-query", some{"*"}, true},
		{"path-with-query", some{"a"}, false},
		{"path-with-query", some{"/a b"}, false},
		{"path-with-query", some{"/a\r\nX: y"}, false},
		{"path-with-query", some{"/a#b"}, false},
		{"path-with-query", some{"/é"}, false},
		{"path-with-query", some{"/" + strings.Repeat("x", maxPart)}, false},
		{"scheme", nil, true},
		{"scheme", some{variant{"other", "coap+tcp"}}, true},
		{"scheme", some{variant{"other", ""}}, false},
		{"scheme", some{variant{"other", "1a"}}, false},
		{"scheme", some{variant{"other", "a b"}}, false},
		{"authority", nil, true},
		{"authority", some{"a.example:80"}, true},
		{"authority", some{"[::1]:80"}, true},
		{"authority", some{"a.example:x"}, false},
		{"authority", some{"u@a.example"}, false},
		{"authority", some{"a.example/x"}, false},
		{"authority", some{":80"}, false},
		{"authority", some{"a b"}, false},
		{"authority", some{"a\r\nb"}, false},
	} {
		want := any(fail{})
		if c.valid {
			want = ok{}
		}
		before := g.call("types#[method]outgoing-request."+c.part, r)
		same(t, c.part, g.call("types#[method]outgoing-request.set-"+c.part, r, c.value), want)
		if c.valid {
			before = c.value
		}
		same(t, c.part, g.call("types#[method]outgoing-request."+c.part, r), before)
	}
}

func TestRequestOptions(t *testing.T) {
	g := newGuest(t, Config{})
	o := g.open("types#[constructor]request-options")
	for _, name := range []string{"connect-timeout", "first-byte-timeout", "between-bytes-timeout"} {
		get, set := "types#[method]request-options."+name, "types#[method]request-options.set-"+name
		same(t, name, g.call(get, o), nil)
		g.get(set, o, some{5})
		same(t, name, g.call(get, o), some{5})
		g.get(set, o, nil)
		same(t, name, g.call(get, o), nil)
	}
}
