package wasi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// sender makes a Sender that may reach what grants say; svc.example is this machine.
func sender(t testing.TB, cfg SenderConfig, grants ...string) *Sender {
	t.Helper()
	if len(grants) > 0 {
		n, err := ParseNetGrants(grants, func(_ context.Context, name string) ([]netip.Addr, error) {
			if name == "svc.example" {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		})
		must(t, err)
		cfg.Network = n
	}
	s := NewSender(cfg)
	t.Cleanup(s.Close)
	return s
}

func authority(s *httptest.Server) string { _, a, _ := strings.Cut(s.URL, "://"); return a }

// web is a server.
func web(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// fetchText sends a request and reads its response.
func fetchText(t testing.TB, s *Sender, req OutgoingRequest) (IncomingResponse, string, error) {
	t.Helper()
	if req.Method == "" {
		req.Method = "GET"
	}
	if req.Scheme == "" {
		req.Scheme = "http"
	}
	resp, err := s.Send(t.Context(), req)
	if err != nil {
		return resp, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func TestASenderSendsWhatTheGuestMadeAndNothingElse(t *testing.T) {
	var got http.Header
	s := web(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		b, _ := io.ReadAll(r.Body)
		w.Header()["X-Two"] = []string{"1", "2"}
		w.Header().Set("Trailer", "T")
		w.WriteHeader(418)
		fmt.Fprint(w, r.Method, " ", r.Host, " ", r.RequestURI, " ", r.ContentLength, " ", string(b))
		w.Header().Set("T", "end")
	})
	resp, text, err := fetchText(t, sender(t, SenderConfig{}, authority(s)), OutgoingRequest{Method: "BREW", Authority: authority(s),
		PathWithQuery: "/a%2Fb?x=%20", Header: header("x-a", "1", "x-a", "2"), Body: io.NopCloser(strings.NewReader("pot")), Length: 3})
	must(t, err)
	same(t, "status", resp.Status, 418)
	same(t, "text", text, "BREW "+authority(s)+" /a%2Fb?x=%20 3 pot")
	same(t, "header", got, http.Header{"X-A": {"1", "2"}, "Content-Length": {"3"}})
	two := slices.DeleteFunc(resp.Header, func(f HeaderField) bool { return f.Name != "x-two" })
	same(t, "fields", two, header("x-two", "1", "x-two", "2"))
	same(t, "trailer", resp.Trailer(), header("t", "end"))
}

func TestASenderGoesOnlyWhereItMay(t *testing.T) {
	s := web(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(302)
		}
	})
	_, port, _ := net.SplitHostPort(authority(s))
	for _, c := range []struct {
		authority string
		grants    []string
		want      any
	}{
		{authority(s), []string{authority(s)}, nil},
		{authority(s), nil, ErrorCode{Code: HTTPRequestDenied}},
		{authority(s), []string{"*:*"}, ErrorCode{Code: HTTPRequestDenied}},
		{authority(s), []string{"127.0.0.2:*", "127.0.0.1:1"}, ErrorCode{Code: HTTPRequestDenied}},
		{"localhost:" + port, []string{authority(s)}, ErrorCode{Code: HTTPRequestDenied}},
		{"svc.example:" + port, []string{"svc.example:" + port}, nil},
		{"svc.example:" + port, []string{"svc.example:1"}, ErrorCode{Code: HTTPRequestDenied}},
		{"svc.example:" + port, []string{"*:" + port}, ErrorCode{Code: HTTPRequestDenied}},
		{"gone.example:" + port, []string{"gone.example:" + port}, ErrorCode{Code: DNSError, Text: "NXDOMAIN"}},
	} {
		var refused []error
		_, _, err := fetchText(t, sender(t, SenderConfig{Refused: func(err error) { refused = append(refused, err) }}, c.grants...),
			OutgoingRequest{Authority: c.authority, PathWithQuery: "/"})
		if c.want == nil && err == nil {
			continue
		}
		same(t, fmt.Sprint(c.authority, c.grants), err, c.want)
		if denied := c.want == (ErrorCode{Code: HTTPRequestDenied}); denied != (len(refused) == 1 && errors.Is(refused[0], ErrDenied)) {
			t.Errorf("%s with %v: the host was told %v", c.authority, c.grants, refused)
		}
	}
	resp, _, err := fetchText(t, sender(t, SenderConfig{}, "127.0.0.1:*"), OutgoingRequest{Authority: authority(s), PathWithQuery: "/away"})
	must(t, err)
	same(t, "a redirect is not followed", resp.Status, 302)
}

func TestASenderSaysWhatWentWrong(t *testing.T) {
	raw := func(answer string) string {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				c.Read(make([]byte, 1000))
				io.WriteString(c, answer)
				c.Close()
			}
		}()
		return ln.Addr().String()
	}
	closedPort := func() string {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		must(t, err)
		defer ln.Close()
		return ln.Addr().String()
	}()
	for name, c := range map[string]struct {
		scheme, authority, path, method string
		want                            Code
	}{
		"refused":      {"http", closedPort, "/", "GET", ConnectionRefused},
		"no answer":    {"http", raw(""), "/", "GET", ConnectionTerminated},
		"junk":         {"http", raw("junk\r\n\r\n"), "/", "GET", HTTPProtocolError},
		"bad header":   {"http", raw("HTTP/1.1 200 OK\r\n bad\r\n\r\n"), "/", "GET", HTTPProtocolError},
		"long header":  {"http", raw("HTTP/1.1 200 OK\r\na: " + strings.Repeat("x", 2*maxFieldBytes)), "/", "GET", HTTPResponseHeaderSectionSize},
		"cut body":     {"http", raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"), "/", "GET", ConnectionTerminated},
		"no TLS there": {"https", raw("HTTP/1.1 200 OK\r\n\r\n"), "/", "GET", TLSProtocolError},
		"scheme":       {"coap", closedPort, "/", "GET", HTTPProtocolError},
		"path":         {"http", closedPort, "/%zz", "GET", HTTPRequestURIInvalid},
		"connect":      {"http", closedPort, "/", "CONNECT", HTTPRequestMethodInvalid},
	} {
		req := OutgoingRequest{Method: c.method, Scheme: c.scheme, Authority: c.authority, PathWithQuery: c.path}
		_, _, err := fetchText(t, sender(t, SenderConfig{}, "127.0.0.1:*"), req)
		code, ok := asErrorCode(err)
		if !ok || code.Code != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestASenderChecksCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	_, _, err := fetchText(t, sender(t, SenderConfig{}, "127.0.0.1:*"), OutgoingRequest{Scheme: "https", Authority: authority(s)})
	same(t, "unknown issuer", err, ErrorCode{Code: TLSCertificateError})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := sender(t, SenderConfig{TLS: &tls.Config{RootCAs: roots}}, "127.0.0.1:*")
	_, text, err := fetchText(t, trusting, OutgoingRequest{Scheme: "https", Authority: authority(s)})
	must(t, err)
	same(t, "protocol", text, "HTTP/2.0")
}

func TestTimeoutsOfARequestHold(t *testing.T) {
	s := web(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow-head" {
			<-r.Context().Done()
			return
		}
		io.WriteString(w, "begin")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	short := 20 * time.Millisecond
	for path, timeouts := range map[string]Timeouts{"/slow-head": {FirstByte: short}, "/slow-body": {BetweenBytes: short}} {
		req := OutgoingRequest{Authority: authority(s), PathWithQuery: path, Timeouts: timeouts}
		_, text, err := fetchText(t, sender(t, SenderConfig{}, "127.0.0.1:*"), req)
		same(t, path, err, ErrorCode{Code: ConnectionReadTimeout})
		if path == "/slow-body" {
			same(t, "text", text, "begin")
		}
	}
}

func TestSendingEndsWithItsContext(t *testing.T) {
	began := make(chan struct{})
	s := web(t, func(w http.ResponseWriter, r *http.Request) { close(began); <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	_, err := sender(t, SenderConfig{}, "127.0.0.1:*").Send(ctx, OutgoingRequest{Method: "GET", Scheme: "http", Authority: authority(s)})
	same(t, "error", err, ErrorCode{Code: ConnectionTerminated})
}

func TestAGuestTalksToAServer(t *testing.T) {
	s := web(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.(http.Flusher).Flush()
		b, _ := io.ReadAll(r.Body)
		w.Write(bytes.ToUpper(b))
	})
	g := outgoing(t, sender(t, SenderConfig{}, "127.0.0.1:*").Send)
	r := g.request()
	g.get("types#[method]outgoing-request.set-authority", r, some{authority(s)})
	g.get("types#[method]outgoing-request.set-scheme", r, some{variant{name: "HTTP"}})
	g.get("types#[method]outgoing-request.set-method", r, variant{name: "post"})
	body := g.getHandle("types#[method]outgoing-request.body", r)
	f := g.getHandle("outgoing#handle", r, nil)
	w := g.getHandle(streamOf, body)
	for range 100 {
		g.get(bwrite, w, []byte(strings.Repeat("x", 4000)))
	}
	same(t, "finish", g.end(body, w), ok{})
	resp := g.await(f).(ok).value.(handle)
	in := g.getHandle("types#[method]incoming-response.consume", resp)
	same(t, "body", len(g.readAll(g.getHandle(inStream, in))), 400_000)
}
