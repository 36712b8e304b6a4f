package httpserver

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
)

// Defaults and bounds of a link's config.
const (
	defaultTimeout = 30 * time.Second
	minTimeout     = 10 * time.Millisecond
	maxTimeout     = 24 * time.Hour
	defaultMaxBody = 10 << 20 // bytes
)

// route says which requests are an actor's.
type route struct {
	link    lattice.Link
	host    string // lower case, without a port; "" for any
	path    string // a prefix that ends at the border of a segment; "/" for any
	timeout time.Duration
	maxBody int64 // bytes
}

// newRoute reads the config of a link:
//
//	host      the request's host without its port, "example.org"; default: any
//	path      "/api": that path and all below it; default "/"
//	timeout   from the head of the request to the end of the response, 10ms to 24h; default 30s
//	max-body  of a request, in bytes or with KB, KiB, MB, MiB, GB, GiB; default 10MiB
func newRoute(link lattice.Link) (*route, error) {
	if err := providers.CheckConfig(link, config()); err != nil {
		return nil, err
	}
	r := &route{link: link, host: strings.ToLower(link.Config["host"]), path: "/", timeout: defaultTimeout, maxBody: defaultMaxBody}
	if len(r.host) > 253 || strings.ContainsAny(r.host, "/:*@ \t\r\n") {
		return nil, providers.BadConfig(link, "host", `a host without a port, such as "example.org"`)
	}
	if p, ok := link.Config["path"]; ok {
		if !strings.HasPrefix(p, "/") || len(p) > 1024 || strings.ContainsAny(p, "?#") {
			return nil, providers.BadConfig(link, "path", `a path that begins with "/", such as "/api"`)
		}
		r.path = "/" + strings.Trim(p, "/")
	}
	if v, ok := link.Config["timeout"]; ok {
		d, err := time.ParseDuration(v)
		if err != nil || d < minTimeout || d > maxTimeout {
			return nil, providers.BadConfig(link, "timeout", `a Go duration from 10ms to 24h, such as "30s"`)
		}
		r.timeout = d
	}
	if v, ok := link.Config["max-body"]; ok {
		n, ok := parseSize(v)
		if !ok {
			return nil, providers.BadConfig(link, "max-body", `a number of bytes, such as "65536" or "10MiB"`)
		}
		r.maxBody = n
	}
	return r, nil
}

// parseSize reads a number of bytes with an optional unit.
func parseSize(s string) (int64, bool) {
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		bytes  int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}} {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// table is all routes. It is never changed, so that a request sees one state of it.
type table struct {
	links map[lattice.LinkKey]*route
	hosts map[string][]*route // "" for any host; longest path first
}

func newTable(links map[lattice.LinkKey]*route) *table {
	t := &table{links: links, hosts: map[string][]*route{}}
	for _, r := range links {
		t.hosts[r.host] = append(t.hosts[r.host], r)
	}
	for _, rs := range t.hosts {
		slices.SortFunc(rs, func(a, b *route) int {
			return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.path, b.path), cmp.Compare(a.link.Name, b.link.Name))
		})
	}
	return t
}

// find is the route of a request: of those for its host the longest path, else of those for any host.
func (t *table) find(host, path string) *route {
	if len(t.hosts) > 1 || len(t.hosts[""]) == 0 {
		if r := match(t.hosts[hostOf(host)], path); r != nil {
			return r
		}
	}
	return match(t.hosts[""], path)
}

func match(rs []*route, path string) *route {
	for _, r := range rs {
		if r.path == "/" || strings.HasPrefix(path, r.path) && (len(path) == len(r.path) || path[len(r.path)] == '/') {
			return r
		}
	}
	return nil
}

// hostOf is the host of a Host header, without port and in lower case.
func hostOf(authority string) string {
	host := authority
	if h, _, err := net.SplitHostPort(authority); err == nil {
		host = h
	}
	return strings.ToLower(host)
}

// Link makes an actor's route, or replaces that of the same link. Requests that run go on with the old one. Two actors cannot have
// the same host and path.
func (s *Server) Link(_ context.Context, link lattice.Link) error {
	r, err := newRoute(link)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	links := maps.Clone(s.routes.Load().links)
	if links == nil {
		links = map[lattice.LinkKey]*route{}
	}
	links[link.Key()] = r
	for _, other := range links {
		if other.host == r.host && other.path == r.path && other.link.Target != link.Target {
			return taken(other)
		}
	}
	s.routes.Store(newTable(links))
	return nil
}

func taken(r *route) error {
	return &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("HTTP requests for %s are those of %s already (link %q)", r, r.link.Target, r.link.Name),
		Hint: "give the link another path or host, or delete the other link"}
}

// String gives "host/path" with "*" for any host.
func (r *route) String() string { return cmp.Or(r.host, "*") + r.path }

// Unlink ends a route.
func (s *Server) Unlink(_ context.Context, link lattice.Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	links := maps.Clone(s.routes.Load().links)
	delete(links, link.Key())
	s.routes.Store(newTable(links))
	return nil
}
