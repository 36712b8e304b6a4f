package wasi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

const (
	set       = "types#[static]response-outparam.set"
	bodyOf    = "types#[method]outgoing-response.body"
	streamOf  = "types#[method]outgoing-body.write"
	finish    = "types#[static]outgoing-body.finish"
	consume   = "types#[method]incoming-request.consume"
	inStream  = "types#[method]incoming-body.stream"
	inFinish  = "types#[static]incoming-body.finish"
	inTrailer = "types#[method]future-trailers.get"
)

// recorder is a ResponseWriter that keeps what it gets.
type recorder struct {
	status  int
	header  []HeaderField
	body    bytes.Buffer
	flushes int
	trailer []HeaderField
	fail    error // of Write, Flush and Trailer
	refuse  error // of Head
}

func (r *recorder) Head(status int, header []HeaderField) error {
	if r.refuse != nil {
		return r.refuse
	}
	r.status, r.header = status, header
	return nil
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.fail != nil {
		return 0, r.fail
	}
	return r.body.Write(p)
}

func (r *recorder) Flush() error { r.flushes++; return r.fail }

func (r *recorder) Trailer(list []HeaderField) error { r.trailer = list; return r.fail }

// handler is a guest's incoming-handler.
type handler func(g *guest, req, out handle) error

// callFunc is the engine's part: it makes the handles and runs the handler with the call's context.
func callFunc(g *guest, h handler) CallFunc {
	return func(ctx context.Context, args []byte, handles []any, out []byte) ([]byte, error) {
		if string(args) != "\x00\x01" || len(handles) != 2 {
			return nil, fmt.Errorf("bad arguments % x %v", args, handles)
		}
		g.ctx = ctx
		return out, h(g, g.add(handles[0]), g.add(handles[1]))
	}
}

// serve runs one request through ServeHTTP.
func serve(t testing.TB, req Request, h handler) (*recorder, error) {
	t.Helper()
	w := &recorder{}
	err := ServeHTTP(t.Context(), callFunc(newGuest(t, Config{}), h), req, w, HTTPLimits{})
	return w, err
}

func header(kv ...string) (list []HeaderField) {
	for i := 0; i < len(kv); i += 2 {
		list = append(list, HeaderField{kv[i], []byte(kv[i+1])})
	}
	return list
}

// entries are header fields as the guest's list.
func entries(kv ...string) []any {
	list := list()
	for i := 0; i < len(kv); i += 2 {
		list = append(list, []any{kv[i], []byte(kv[i+1])})
	}
	return list
}

// response makes an outgoing-response with a header.
func (g *guest) response(kv ...string) handle {
	g.t.Helper()
	return g.open("types#[constructor]outgoing-response", g.getHandle("types#[static]fields.from-list", entries(kv...)))
}

// begin sends the head of a 200 response and gives the body and its stream.
func (g *guest) begin(out handle, kv ...string) (body, stream handle) {
	g.t.Helper()
	resp := g.response(kv...)
	body = g.getHandle(bodyOf, resp)
	g.call(set, out, ok{resp})
	return body, g.getHandle(streamOf, body)
}

// end drops the stream and finishes the body.
func (g *guest) end(body, stream handle) any {
	g.t.Helper()
	g.mustDrop(stream)
	return g.call(finish, body, nil)
}

func TestGuestSeesTheRequest(t *testing.T) {
	req := Request{Method: "PATCH", Scheme: "https", Authority: "a.example:8080", PathWithQuery: "/x?y=1",
		Header: header("Accept", "a", "connection", "close", "X", "1", "accept", "b", "Host", "h", "Transfer-Encoding", "chunked", "bad name", "x")}
	w, err := serve(t, req, func(g *guest, req, out handle) error {
		same(t, "method", g.call("types#[method]incoming-request.method", req), variant{name: "patch"})
		same(t, "scheme", g.call("types#[method]incoming-request.scheme", req), some{variant{name: "HTTPS"}})
		same(t, "authority", g.call("types#[method]incoming-request.authority", req), some{"a.example:8080"})
		same(t, "path", g.call("types#[method]incoming-request.path-with-query", req), some{"/x?y=1"})
		h := g.open("types#[method]incoming-request.headers", req)
		again := g.open("types#[method]incoming-request.headers", req)
		want := entries("Accept", "a", "X", "1", "accept", "b")
		same(t, "entries", g.call("types#[method]fields.entries", h), want)
		same(t, "entries", g.call("types#[method]fields.entries", again), want)
		same(t, "get", g.call("types#[method]fields.get", h, "ACCEPT"), list([]byte("a"), []byte("b")))
		same(t, "get host", g.call("types#[method]fields.get", h, "host"), list())
		same(t, "append", g.call("types#[method]fields.append", h, "a", []byte("b")), fail{variant{name: "immutable"}})
		if err := g.drop(req); !errors.Is(err, ErrMisuse) {
			t.Errorf("request dropped before its headers: %v", err)
		}
		g.mustDrop(h, again, req)
		g.call(set, out, ok{g.response("content-type", "text/plain", "X", "y")})
		return nil
	})
	if err != nil || w.status != 200 {
		t.Fatalf("%d %v", w.status, err)
	}
	same(t, "header", w.header, header("content-type", "text/plain", "X", "y"))
}

func TestRequestPartsThatAreNotKnownAreNone(t *testing.T) {
	_, err := serve(t, Request{Method: "BREW", Scheme: "coap"}, func(g *guest, req, out handle) error {
		same(t, "method", g.call("types#[method]incoming-request.method", req), variant{"other", "BREW"})
		same(t, "scheme", g.call("types#[method]incoming-request.scheme", req), some{variant{"other", "coap"}})
		same(t, "authority", g.call("types#[method]incoming-request.authority", req), nil)
		same(t, "path", g.call("types#[method]incoming-request.path-with-query", req), nil)
		g.call(set, out, ok{g.response()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBodiesAreTakenOnce(t *testing.T) {
	_, err := serve(t, Request{Body: strings.NewReader("in")}, func(g *guest, req, out handle) error {
		in := g.getHandle(consume, req)
		same(t, "consume again", g.call(consume, req), fail{})
		s := g.getHandle(inStream, in)
		same(t, "stream again", g.call(inStream, in), fail{})
		resp := g.response()
		body := g.getHandle(bodyOf, resp)
		same(t, "body again", g.call(bodyOf, resp), fail{})
		dst := g.getHandle(streamOf, body)
		same(t, "write again", g.call(streamOf, body), fail{})
		if err := g.drop(in); !errors.Is(err, ErrMisuse) {
			t.Errorf("incoming-body dropped before its stream: %v", err)
		}
		if err := g.drop(body); !errors.Is(err, ErrMisuse) {
			t.Errorf("outgoing-body dropped before its stream: %v", err)
		}
		g.call(set, out, ok{resp})
		same(t, "request body", g.readAll(s), "in")
		g.mustDrop(s, in)
		same(t, "finish", g.end(body, dst), ok{})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFinishWithAnOpenStreamTraps(t *testing.T) {
	_, err := serve(t, Request{}, func(g *guest, req, out handle) error {
		in := g.getHandle(consume, req)
		g.getHandle(inStream, in)
		_, err := g.try(inFinish, in)
		return err
	})
	if !errors.Is(err, ErrMisuse) {
		t.Errorf("incoming-body.finish: %v", err)
	}
	_, err = serve(t, Request{}, func(g *guest, req, out handle) error {
		body, _ := g.begin(out)
		_, err := g.try(finish, body, nil)
		return err
	})
	if !errors.Is(err, ErrMisuse) {
		t.Errorf("outgoing-body.finish: %v", err)
	}
}

func TestGivingAwayAParentWithChildrenTraps(t *testing.T) {
	_, err := serve(t, Request{}, func(g *guest, req, out handle) error {
		resp := g.response("a", "b")
		h := g.open("types#[method]outgoing-response.headers", resp)
		same(t, "set", g.call("types#[method]fields.set", h, "a", list()), fail{variant{name: "immutable"}})
		_, err := g.try(set, out, ok{resp})
		return err
	})
	if !errors.Is(err, ErrMisuse) {
		t.Fatalf("got %v", err)
	}
}

func TestResponseBodyIsStreamedAsItIsWritten(t *testing.T) {
	w := &recorder{}
	err := ServeHTTP(t.Context(), callFunc(newGuest(t, Config{}), func(g *guest, req, out handle) error {
		body, s := g.begin(out, "content-length", "8")
		same(t, "status before the body", w.status, 200)
		g.get(check, s)
		g.get(write, s, []byte("abcd"))
		same(t, "after write", w.body.String(), "abcd")
		g.get(bwrite, s, []byte("efgh"))
		same(t, "flushes", w.flushes, 1)
		same(t, "finish", g.end(body, s), ok{})
		return nil
	}), Request{}, w, HTTPLimits{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "body", w.body.String(), "abcdefgh")
}

func TestRequestBodyIsStreamedAsItComes(t *testing.T) {
	r, client := io.Pipe()
	_, err := serve(t, Request{Body: r}, func(g *guest, req, out handle) error {
		in := g.getHandle(consume, req)
		s := g.getHandle(inStream, in)
		for _, part := range []string{"one", "two"} {
			go client.Write([]byte(part))
			same(t, "part", g.get(bread, s, 100), []byte(part))
		}
		go client.Close()
		same(t, "end", g.call(bread, s, 1), closed)
		g.call(set, out, ok{g.response()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBodyWrittenBeforeTheResponseIsSentWithIt(t *testing.T) {
	w, err := serve(t, Request{}, func(g *guest, req, out handle) error {
		resp := g.response()
		body := g.getHandle(bodyOf, resp)
		s := g.getHandle(streamOf, body)
		g.get(bwrite, s, []byte("early "))
		same(t, "room", g.get(check, s), maxEarly-6)
		same(t, "finish", g.end(body, s), ok{})
		g.call(set, out, ok{resp})
		return nil
	})
	if err != nil || w.body.String() != "early " {
		t.Fatalf("%q %v", w.body.String(), err)
	}
}

func TestBodyWrittenBeforeTheResponseIsBounded(t *testing.T) {
	_, err := serve(t, Request{}, func(g *guest, req, out handle) error {
		resp := g.response()
		s := g.getHandle(streamOf, g.getHandle(bodyOf, resp))
		same(t, "room", g.get(check, s), maxEarly)
		g.get(write, s, make([]byte, maxEarly))
		for _, v := range []any{g.call(bwrite, s, []byte("x")), g.call(check, s)} {
			if _, failed := v.(fail); !failed {
				t.Errorf("more was accepted: %v", v)
			}
		}
		g.call(set, out, ok{resp})
		return nil
	})
	if !errors.Is(err, ErrIncomplete) {
		t.Fatalf("got %v", err)
	}
}

// What a guest may do wrong, and what ServeHTTP makes of it.
func TestResponsesThatAreNotComplete(t *testing.T) {
	boom := errors.New("boom")
	cases := map[string]struct {
		want error
		run  handler
	}{
		"no response":      {ErrNoResponse, func(g *guest, req, out handle) error { return nil }},
		"outparam dropped": {ErrNoResponse, func(g *guest, req, out handle) error { return g.drop(out) }},
		"trap":             {boom, func(g *guest, req, out handle) error { return boom }},
		"error code": {sized(HTTPRequestBodySize, 7), func(g *guest, req, out handle) error {
			g.call(set, out, fail{variant{"HTTP-request-body-size", some{7}}})
			return nil
		}},
		"body dropped": {ErrIncomplete, func(g *guest, req, out handle) error {
			body, s := g.begin(out)
			g.mustDrop(s, body)
			return nil
		}},
		"body dropped before the response": {ErrIncomplete, func(g *guest, req, out handle) error {
			resp := g.response()
			g.mustDrop(g.getHandle(bodyOf, resp))
			g.call(set, out, ok{resp})
			return nil
		}},
		"body left open": {ErrIncomplete, func(g *guest, req, out handle) error {
			_, s := g.begin(out)
			g.get(bwrite, s, []byte("x"))
			return nil
		}},
		"body too short": {sized(HTTPResponseBodySize, 3), func(g *guest, req, out handle) error {
			body, s := g.begin(out, "content-length", "4")
			g.get(bwrite, s, []byte("abc"))
			same(t, "finish", g.end(body, s), fail{variant{"HTTP-response-body-size", some{3}}})
			return nil
		}},
		"body too short before the response": {sized(HTTPResponseBodySize, 0), func(g *guest, req, out handle) error {
			resp := g.response("content-length", "4")
			body := g.getHandle(bodyOf, resp)
			same(t, "finish", g.call(finish, body, nil), fail{variant{"HTTP-response-body-size", some{0}}})
			g.call(set, out, ok{resp})
			return nil
		}},
		"no body though one is declared": {sized(HTTPResponseBodySize, 0), func(g *guest, req, out handle) error {
			g.call(set, out, ok{g.response("content-length", "4")})
			return nil
		}},
		"body too long": {sized(HTTPResponseBodySize, 6), func(g *guest, req, out handle) error {
			body, s := g.begin(out, "content-length", "4")
			g.get(bwrite, s, []byte("abc"))
			e := g.call(bwrite, s, []byte("def")).(fail).value.(variant)
			same(t, "code", g.call("types#http-error-code", e.value), some{variant{"HTTP-response-body-size", some{6}}})
			same(t, "next write", g.call(bwrite, s, []byte("d")), closed)
			same(t, "finish", g.end(body, s), fail{variant{"HTTP-response-body-size", some{6}}})
			return nil
		}},
		"body of 204": {sized(HTTPResponseBodySize, 1), func(g *guest, req, out handle) error {
			resp := g.response()
			g.get("types#[method]outgoing-response.set-status-code", resp, 204)
			body := g.getHandle(bodyOf, resp)
			g.call(set, out, ok{resp})
			s := g.getHandle(streamOf, body)
			if _, failed := g.call(bwrite, s, []byte("x")).(fail); !failed {
				t.Error("204 with a body")
			}
			return nil
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := serve(t, Request{}, c.run); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestHEADSendsNoBody(t *testing.T) {
	for name, body := range map[string]string{"written": "abcd", "left out": ""} {
		t.Run(name, func(t *testing.T) {
			w, err := serve(t, Request{Method: "HEAD"}, func(g *guest, req, out handle) error {
				b, s := g.begin(out, "content-length", "4")
				g.get(bwrite, s, []byte(body))
				same(t, "finish", g.end(b, s), ok{})
				return nil
			})
			if err != nil || w.body.Len() != 0 {
				t.Fatalf("%q %v", w.body.String(), err)
			}
		})
	}
}

func TestStatusCodes(t *testing.T) {
	g := newGuest(t, Config{})
	resp := g.response()
	same(t, "default", g.call("types#[method]outgoing-response.status-code", resp), 200)
	for status, want := range map[int]any{99: fail{}, 100: fail{}, 199: fail{}, 200: ok{}, 404: ok{}, 999: ok{}, 1000: fail{}, 65535: fail{}} {
		same(t, fmt.Sprint(status), g.call("types#[method]outgoing-response.set-status-code", resp, status), want)
	}
	g.get("types#[method]outgoing-response.set-status-code", resp, 418)
	same(t, "set", g.call("types#[method]outgoing-response.status-code", resp), 418)
}

func TestTrailersGoBothWays(t *testing.T) {
	req := Request{Body: strings.NewReader("left unread"), Trailer: func() []HeaderField { return header("sum", "1", "host", "x") }}
	w, err := serve(t, req, func(g *guest, req, out handle) error {
		f := g.open(inFinish, g.getHandle(consume, req))
		g.call("poll#[method]pollable.block", g.open("types#[method]future-trailers.subscribe", f))
		v := g.call(inTrailer, f).(some).value.(ok).value.(ok).value.(some)
		same(t, "trailers", g.call("types#[method]fields.entries", v.value), entries("sum", "1"))
		same(t, "again", g.call(inTrailer, f), some{fail{}})
		if err := g.drop(f); !errors.Is(err, ErrMisuse) {
			t.Errorf("future-trailers dropped before its trailers: %v", err)
		}
		body, s := g.begin(out)
		g.mustDrop(s)
		g.get(finish, body, some{v.value.(handle)})
		g.mustDrop(f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "trailer", w.trailer, header("sum", "1"))
}

func TestTrailersWaitForTheEndOfTheBody(t *testing.T) {
	r, client := io.Pipe()
	_, err := serve(t, Request{Body: r}, func(g *guest, req, out handle) error {
		f := g.open(inFinish, g.getHandle(consume, req))
		same(t, "before the end", g.call(inTrailer, f), nil)
		go func() { client.Write(make([]byte, 300<<10)); client.Close() }()
		g.call("poll#[method]pollable.block", g.open("types#[method]future-trailers.subscribe", f))
		same(t, "at the end", g.call(inTrailer, f), some{ok{ok{nil}}})
		g.call(set, out, ok{g.response()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBrokenRequestBodyIsToldByItsTrailers(t *testing.T) {
	_, err := serve(t, Request{Body: errReader{errors.New("client went away")}}, func(g *guest, req, out handle) error {
		f := g.open(inFinish, g.getHandle(consume, req))
		g.call("poll#[method]pollable.block", g.open("types#[method]future-trailers.subscribe", f))
		want := some{ok{fail{variant{"internal-error", some{"client went away"}}}}}
		same(t, "trailers", g.call(inTrailer, f), want)
		g.call(set, out, ok{g.response()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClientThatGoesAwayIsAStreamErrorAndTheResult(t *testing.T) {
	gone := errors.New("connection reset")
	w := &recorder{fail: gone}
	err := ServeHTTP(t.Context(), callFunc(newGuest(t, Config{}), func(g *guest, req, out handle) error {
		body, s := g.begin(out)
		if _, failed := g.call(bwrite, s, []byte("x")).(fail); !failed {
			t.Error("write succeeded")
		}
		if _, failed := g.end(body, s).(fail); !failed {
			t.Error("finish succeeded")
		}
		return nil
	}), Request{}, w, HTTPLimits{})
	if !errors.Is(err, gone) {
		t.Fatalf("got %v", err)
	}
}

func TestWriterThatRefusesTheHeadBreaksTheResponse(t *testing.T) {
	gone := errors.New("connection reset")
	w := &recorder{refuse: gone}
	err := ServeHTTP(t.Context(), callFunc(newGuest(t, Config{}), func(g *guest, req, out handle) error {
		body, s := g.begin(out)
		if _, failed := g.call(bwrite, s, []byte("x")).(fail); !failed {
			t.Error("write succeeded")
		}
		if _, failed := g.end(body, s).(fail); !failed {
			t.Error("finish succeeded")
		}
		return nil
	}), Request{}, w, HTTPLimits{})
	if !errors.Is(err, gone) || w.body.Len() != 0 {
		t.Fatalf("%q %v", w.body.String(), err)
	}
}

func TestWriterThatRefusesTheTrailerBreaksTheResponse(t *testing.T) {
	gone := errors.New("connection reset")
	w := &recorder{fail: gone}
	err := ServeHTTP(t.Context(), callFunc(newGuest(t, Config{}), func(g *guest, req, out handle) error {
		body, s := g.begin(out)
		g.mustDrop(s)
		if _, failed := g.call(finish, body, some{g.getHandle(fromList, entries("a", "b"))}).(fail); !failed {
			t.Error("finish succeeded")
		}
		return nil
	}), Request{}, w, HTTPLimits{})
	if !errors.Is(err, gone) {
		t.Fatalf("got %v", err)
	}
}

func TestAnswerWithTheRequestsOwnUnclearLengthIsRefused(t *testing.T) {
	req := Request{Header: header("content-length", "1", "content-length", "2")}
	w, err := serve(t, req, func(g *guest, req, out handle) error {
		resp := g.open("types#[constructor]outgoing-response", g.open("types#[method]incoming-request.headers", req))
		g.call(set, out, ok{resp})
		return nil
	})
	var code ErrorCode
	if !errors.As(err, &code) || code.Code != HTTPProtocolError || w.status != 0 {
		t.Fatalf("%d %v", w.status, err)
	}
}

func TestHandlesKeptAfterTheCallAreDead(t *testing.T) {
	g := newGuest(t, Config{})
	w := &recorder{}
	var in, body, s, late handle
	err := ServeHTTP(t.Context(), callFunc(g, func(g *guest, req, out handle) error {
		in = g.getHandle(inStream, g.getHandle(consume, req))
		body, s = g.begin(out)
		late = out
		return nil
	}), Request{Body: strings.NewReader("secret")}, w, HTTPLimits{})
	if !errors.Is(err, ErrIncomplete) {
		t.Fatal(err)
	}
	g.ctx = t.Context()
	same(t, "read", g.call(bread, in, 10), closed)
	if _, failed := g.call(bwrite, s, []byte("late")).(fail); !failed {
		t.Error("late write succeeded")
	}
	g.end(body, s)
	if w.body.Len() != 0 || w.flushes != 0 {
		t.Errorf("late body %q", w.body.String())
	}
	if _, open := g.objects[late]; open {
		t.Error("the outparam was not consumed")
	}
}

func TestLateResponseIsNotSent(t *testing.T) {
	g := newGuest(t, Config{})
	w := &recorder{}
	var late handle
	err := ServeHTTP(t.Context(), callFunc(g, func(g *guest, req, out handle) error { late = out; return nil }), Request{}, w, HTTPLimits{})
	if !errors.Is(err, ErrNoResponse) {
		t.Fatal(err)
	}
	g.ctx = t.Context()
	g.call(set, late, ok{g.response()})
	if w.status != 0 {
		t.Error("a late response was sent")
	}
}

func TestRequestsBeyondTheLimitsAreRefused(t *testing.T) {
	never := func(context.Context, []byte, []any, []byte) ([]byte, error) { panic("called") }
	many := make([]HeaderField, 257)
	for name, c := range map[string]struct {
		req  Request
		lim  HTTPLimits
		want Code
	}{
		"too many fields": {Request{Header: many}, HTTPLimits{}, HTTPRequestHeaderSectionSize},
		"fields too long": {Request{Header: header("a", strings.Repeat("x", 64<<10))}, HTTPLimits{}, HTTPRequestHeaderSectionSize},
		"own limit":       {Request{Header: header("a", "b", "c", "d")}, HTTPLimits{Fields: 1}, HTTPRequestHeaderSectionSize},
		"path too long":   {Request{PathWithQuery: "/" + strings.Repeat("x", maxPart)}, HTTPLimits{}, HTTPRequestURITooLong},
	} {
		t.Run(name, func(t *testing.T) {
			var code ErrorCode
			if err := ServeHTTP(t.Context(), never, c.req, &recorder{}, c.lim); !errors.As(err, &code) || code.Code != c.want {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestRequestBodyBeyondItsLimitFails(t *testing.T) {
	for size, fits := range map[int]bool{5: true, 6: false} {
		w := &recorder{}
		err := ServeHTTP(t.Context(), callFunc(newGuest(t, Config{}), func(g *guest, req, out handle) error {
			s := g.getHandle(inStream, g.getHandle(consume, req))
			same(t, "first", g.get(bread, s, 10), []byte("xxxxx"))
			v := g.call(bread, s, 10).(fail).value.(variant)
			if fits != (v.name == "closed") {
				t.Errorf("%d bytes: %v", size, v)
			}
			if !fits {
				same(t, "code", g.call("types#http-error-code", v.value), some{variant{"HTTP-request-body-size", some{5}}})
			}
			g.call(set, out, ok{g.response()})
			return nil
		}), Request{Body: strings.NewReader(strings.Repeat("x", size))}, w, HTTPLimits{Body: 5})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// stuck is a connection: a Read blocks until the read deadline passes, a Write until the write deadline passes.
type stuck struct {
	recorder
	read, write chan struct{}
	resets      int
}

func newStuck() *stuck { return &stuck{read: make(chan struct{}), write: make(chan struct{})} }

var errTimeout = errors.New("i/o timeout")

func (s *stuck) Read([]byte) (int, error)  { <-s.read; return 0, errTimeout }
func (s *stuck) Write([]byte) (int, error) { <-s.write; return 0, errTimeout }

func (s *stuck) SetReadDeadline(t time.Time) error { s.set(s.read, t); return nil }
func (s *stuck) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		s.resets++
	}
	s.set(s.write, t)
	return nil
}

func (s *stuck) set(c chan struct{}, t time.Time) {
	if !t.IsZero() && time.Until(t) <= 0 {
		select {
		case <-c:
		default:
			close(c)
		}
	}
}

func TestBlockedReadIsEndedAndWaitedForWhenTheCallIsOver(t *testing.T) {
	conn := newStuck()
	returned := make(chan struct{})
	body := readFunc(func(p []byte) (int, error) { defer close(returned); return conn.Read(p) })
	err := ServeHTTP(t.Context(), callFunc(newGuest(t, Config{}), func(g *guest, req, out handle) error {
		s := g.getHandle(inStream, g.getHandle(consume, req))
		same(t, "read", g.call(read, s, 1), ok{[]byte{}})
		g.call(set, out, ok{g.response()})
		return nil
	}), Request{Body: body}, conn, HTTPLimits{})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-returned:
	default:
		t.Fatal("a Read is still under way")
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestBlockedWriteEndsWithTheContext(t *testing.T) {
	conn := newStuck()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*time.Millisecond, cancel)
	err := ServeHTTP(ctx, callFunc(newGuest(t, Config{}), func(g *guest, req, out handle) error {
		_, s := g.begin(out)
		_, err := g.try(bwrite, s, []byte("x"))
		return err
	}), Request{}, conn, HTTPLimits{})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestWriteDeadlineOfTheCallIsTakenBack(t *testing.T) {
	conn := newStuck()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	err := ServeHTTP(ctx, callFunc(newGuest(t, Config{}), func(g *guest, req, out handle) error {
		g.call(set, out, ok{g.response()})
		return nil
	}), Request{}, conn, HTTPLimits{})
	if err != nil || conn.resets != 1 {
		t.Fatalf("%d resets, %v", conn.resets, err)
	}
}
