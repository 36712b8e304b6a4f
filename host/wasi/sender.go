package wasi

import (
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Sender sends outgoing requests over the machine's network, as far as a Network allows it. It follows no redirects, goes by no
// proxy and adds no header fields of its own but those of the connection. Its Send is a SendFunc for OutgoingHandler.
//
// It keeps connections for further requests: give guests with different grants different Senders.
type Sender struct {
	sockets   sockets
	transport *http.Transport
}

// SenderConfig is how a Sender is made.
type SenderConfig struct {
	// Network judges each connection, by its address, before it is made; nil refuses all. A guest that is refused gets
	// HTTP-request-denied.
	Network Network
	// Refused is told of refusals, as Config.Refused is.
	Refused func(error)
	// TLS is for https, e.g. with root certificates; nil is the machine's.
	TLS *tls.Config
}

const (
	defaultConnect = 10 * time.Second // to make a connection, unless the guest wants less
	maxConns       = 64               // connections to one host
	idleConn       = 30 * time.Second // how long an unused connection is kept
	maxDials       = 8                // addresses of a host that are tried
)

// NewSender makes a Sender. Close frees its connections.
func NewSender(cfg SenderConfig) *Sender {
	s := &Sender{sockets: sockets{cfg.Network, cfg.Refused}}
	if cfg.Network == nil {
		s.sockets.network = noNetwork{}
	}
	if cfg.Refused == nil {
		s.sockets.refused = func(error) {}
	}
	s.transport = &http.Transport{DialContext: s.dial, TLSClientConfig: cfg.TLS, ForceAttemptHTTP2: true, DisableCompression: true,
		MaxResponseHeaderBytes: maxFieldBytes, MaxConnsPerHost: maxConns, MaxIdleConnsPerHost: maxConns, IdleConnTimeout: idleConn,
		TLSHandshakeTimeout: defaultConnect, ExpectContinueTimeout: time.Second}
	return s
}

// Close frees the connections that are not in use; those that are end with their responses.
func (s *Sender) Close() { s.transport.CloseIdleConnections() }

// Send is a SendFunc. Its errors are ErrorCodes.
func (s *Sender) Send(ctx context.Context, req OutgoingRequest) (IncomingResponse, error) {
	r, err := newHTTPRequest(req)
	if err != nil {
		closeReader(req.Body)
		return IncomingResponse{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	first := afterConnect(req.Timeouts.FirstByte, func() { cancel(ErrorCode{Code: ConnectionReadTimeout}) })
	ctx = httptrace.WithClientTrace(context.WithValue(ctx, connectTimeout{}, req.Timeouts.Connect), first.trace())
	resp, err := s.transport.RoundTrip(r.WithContext(ctx))
	first.stop()
	if err != nil {
		err = sendError(ctx, err)
		cancel(nil)
		return IncomingResponse{}, err
	}
	body := &replyBody{ctx: ctx, cancel: cancel, body: resp.Body, between: req.Timeouts.BetweenBytes}
	return IncomingResponse{Status: resp.StatusCode, Header: headerList(resp.Header), Body: body,
		Trailer: func() []HeaderField { return headerList(resp.Trailer) }}, nil
}

// newHTTPRequest translates a request. What OutgoingRequest allows and cannot be sent is an ErrorCode.
func newHTTPRequest(req OutgoingRequest) (*http.Request, error) {
	u, err := requestURL(req)
	if err != nil {
		return nil, err
	}
	if req.Method == "CONNECT" {
		return nil, ErrorCode{Code: HTTPRequestMethodInvalid}
	}
	r := &http.Request{Method: req.Method, URL: u, Host: req.Authority, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {""}}, ContentLength: req.Length}
	if req.Body != nil {
		r.Body = req.Body
	}
	for _, f := range req.Header {
		name := http.CanonicalHeaderKey(f.Name)
		if name == "User-Agent" && r.Header[name][0] == "" {
			r.Header.Del(name) // what keeps net/http from adding one
		}
		r.Header[name] = append(r.Header[name], string(f.Value))
	}
	return r, nil
}

func requestURL(req OutgoingRequest) (*url.URL, error) {
	scheme := strings.ToLower(req.Scheme)
	switch scheme {
	case "":
		scheme = "https"
	case "http", "https":
	default:
		return nil, ErrorCode{Code: HTTPProtocolError}
	}
	path := req.PathWithQuery
	if path == "*" {
		return &url.URL{Scheme: scheme, Host: req.Authority, Opaque: "*"}, nil
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u, err := url.Parse(scheme + "://" + req.Authority + path)
	if err != nil || u.Host != req.Authority {
		return nil, ErrorCode{Code: HTTPRequestURIInvalid}
	}
	return u, nil
}

// headerList is the fields of a header by name.
func headerList(h http.Header) []HeaderField {
	var list []HeaderField
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			list = append(list, HeaderField{Name: strings.ToLower(name), Value: []byte(v)})
		}
	}
	return list
}

// connectTimeout is the key of the guest's connect-timeout in the context of a request, a time.Duration; 0 is none.
type connectTimeout struct{}

// dial connects to a host, by the addresses that the network gives for it and allows.
func (s *Sender) dial(ctx context.Context, _, hostport string) (net.Conn, error) {
	d := net.Dialer{Timeout: defaultConnect}
	if t, ok := ctx.Value(connectTimeout{}).(time.Duration); ok && t > 0 {
		d.Timeout = min(d.Timeout, t)
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	addrs, err := s.resolve(ctx, hostport)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs[:min(len(addrs), maxDials)] {
		if denied := s.sockets.allow(NetConnect, a); denied != nil {
			err = denied
			continue
		}
		c, failed := d.DialContext(ctx, "tcp", a.String())
		if failed == nil {
			return c, nil
		}
		err = failed
	}
	return nil, err
}

// resolve gives the addresses of "host:port"; there is at least one.
func (s *Sender) resolve(ctx context.Context, hostport string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(hostport); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}, nil
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || !isHostName(host) {
		return nil, ErrorCode{Code: HTTPRequestURIInvalid}
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, ErrorCode{Code: HTTPRequestURIInvalid}
	}
	ips, err := s.sockets.network.Lookup(ctx, host)
	if err != nil {
		return nil, s.sockets.noted(err)
	}
	var addrs []netip.AddrPort
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(n)))
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

func closeReader(c io.Closer) {
	if c != nil {
		c.Close()
	}
}
