package wasi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// netWriter is a ResponseWriter on a net/http server's; the ResponseController gives it the deadlines.
type netWriter struct {
	*http.ResponseController
	w http.ResponseWriter
}

func (n netWriter) Head(status int, list []HeaderField) error {
	for _, f := range list {
		n.w.Header().Add(f.Name, string(f.Value))
	}
	n.w.WriteHeader(status)
	return nil
}

func (n netWriter) Write(p []byte) (int, error) { return n.w.Write(p) }

func (n netWriter) Trailer(list []HeaderField) error {
	for _, f := range list {
		n.w.Header().Add(http.TrailerPrefix+f.Name, string(f.Value))
	}
	return nil
}

// server serves a handler with net/http; what ServeHTTP returns goes to results.
func server(t *testing.T, h handler) (url string, results chan error) {
	results = make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := Request{Method: r.Method, Scheme: "http", Authority: r.Host, PathWithQuery: r.RequestURI, Body: r.Body}
		http.NewResponseController(w).EnableFullDuplex()
		err := ServeHTTP(r.Context(), callFunc(newGuest(t, Config{}), h), req, netWriter{http.NewResponseController(w), w}, HTTPLimits{})
		results <- err
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, results
}

func TestNetHTTPStreamsBothWaysBeforeTheGuestReturns(t *testing.T) {
	url, results := server(t, func(g *guest, req, out handle) error {
		in := g.getHandle(inStream, g.getHandle(consume, req))
		body, s := g.begin(out)
		g.get(bflush, s) // the head alone
		for {
			v, more := g.call(bread, in, 100).(ok)
			if !more {
				break
			}
			g.get(bwrite, s, bytes.ToUpper(v.value.([]byte)))
		}
		g.mustDrop(s)
		g.get(finish, body, some{g.getHandle(fromList, entries("Sum", "42"))})
		return nil
	})
	r, w := io.Pipe()
	resp, err := http.Post(url, "text/plain", r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		io.WriteString(w, line)
		if got, err := lines.ReadString('\n'); err != nil || got != strings.ToUpper(line) {
			t.Fatalf("%q %v", got, err)
		}
	}
	w.Close()
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 || resp.Trailer.Get("Sum") != "42" {
		t.Fatalf("%q %v %v", rest, err, resp.Trailer)
	}
	if err := <-results; err != nil {
		t.Fatal(err)
	}
}

func TestNetHTTPClientThatNeverReadsDoesNotHoldTheGuest(t *testing.T) {
	entered := make(chan struct{})
	url, results := server(t, func(g *guest, req, out handle) error {
		_, s := g.begin(out)
		close(entered)
		for {
			g.get(check, s)
			v, err := g.try(write, s, make([]byte, maxWrite))
			if err != nil {
				return err
			}
			if _, failed := v.(fail); failed {
				return nil
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	<-entered
	cancel()
	if err := <-results; err == nil {
		t.Fatal("the response is said to be complete")
	}
}

func TestNetHTTPShortBodyIsAnErrorAtTheClient(t *testing.T) {
	url, results := server(t, func(g *guest, req, out handle) error {
		body, s := g.begin(out, "content-length", "10")
		g.get(bwrite, s, []byte("12345"))
		g.end(body, s)
		return nil
	})
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%q %v", b, err)
	}
	if err := <-results; err != error(sized(HTTPResponseBodySize, 5)) {
		t.Fatal(err)
	}
}

func TestNetHTTPGuestThatAnswersWithoutReadingTheBody(t *testing.T) {
	url, results := server(t, func(g *guest, req, out handle) error {
		in := g.getHandle(inStream, g.getHandle(consume, req))
		g.call(read, in, 10) // starts a Read that the client never satisfies
		g.call(set, out, ok{g.response("content-length", "0")})
		return nil
	})
	r, w := io.Pipe()
	defer w.Close()
	resp, err := http.Post(url, "text/plain", r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := <-results; err != nil || resp.StatusCode != 200 {
		t.Fatal(resp.Status, err)
	}
}

func TestNetHTTPClientSendsForAGuest(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		io.Copy(w, r.Body)
	}))
	defer s.Close()
	g := outgoing(t, func(ctx context.Context, req OutgoingRequest) (IncomingResponse, error) {
		r, err := http.NewRequestWithContext(ctx, req.Method, "http://"+req.Authority+req.PathWithQuery, req.Body)
		if err != nil {
			return IncomingResponse{}, err
		}
		r.ContentLength = req.Length
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return IncomingResponse{}, err
		}
		return IncomingResponse{Status: resp.StatusCode, Header: header("x-method", resp.Header.Get("X-Method")), Body: resp.Body}, nil
	})
	r := g.request()
	g.get("types#[method]outgoing-request.set-authority", r, some{strings.TrimPrefix(s.URL, "http://")})
	g.get("types#[method]outgoing-request.set-method", r, variant{name: "put"})
	body := g.getHandle("types#[method]outgoing-request.body", r)
	f := g.getHandle("outgoing#handle", r, nil)
	w := g.getHandle(streamOf, body)
	g.get(bwrite, w, []byte("echo"))
	same(t, "finish", g.end(body, w), ok{})
	resp := g.await(f).(ok).value.(handle)
	same(t, "header", g.call(listOf, g.open("types#[method]incoming-response.headers", resp)), entries("x-method", "PUT"))
	in := g.getHandle("types#[method]incoming-response.consume", resp)
	stream := g.getHandle(inStream, in)
	same(t, "body", g.readAll(stream), "echo")
	g.mustDrop(stream, in)
}
