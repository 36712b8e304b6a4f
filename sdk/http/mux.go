package http

import "strings"

// ServeMux picks a handler by method and path. The zero ServeMux is ready to use.
//
// A pattern is "[METHOD ]/path". A segment of the path is literal, or a wildcard: {name} matches one segment, and
// {name...} at the end matches the rest. A pattern that ends in a slash matches everything below it; one that ends in
// {$} matches the slash only. GET matches HEAD as well. What a wildcard matched is in Request.PathValue.
//
// If several patterns match, the one wins that has, at the first segment in which they differ, a literal rather than {name} and
// {name} rather than the rest; then one with a method. A path that matches only with other methods gets 405.
type ServeMux struct{ routes []route }

type route struct {
	method   string
	segments []segment
	handler  Handler
}

type segment struct {
	text string // literal, or name of the wildcard
	kind kind
}

type kind uint8

const (
	literal kind = iota
	one          // {name}
	rest         // {name...}, or the end of a pattern that ends in a slash
)

// Handle adds a handler. It panics on a pattern that is malformed or there already.
func (m *ServeMux) Handle(pattern string, h Handler) {
	r := route{handler: h}
	path := pattern
	if method, p, ok := strings.Cut(pattern, " "); ok {
		r.method, path = method, strings.TrimLeft(p, " ")
	}
	var problem string
	if r.segments, problem = parsePath(path); problem != "" {
		panic("http: pattern " + pattern + ": " + problem)
	}
	for _, other := range m.routes {
		if other.method == r.method && compare(other.segments, r.segments) == 0 {
			panic("http: pattern " + pattern + " matches the same requests as an earlier one")
		}
	}
	m.routes = append(m.routes, r)
}

// HandleFunc adds a function.
func (m *ServeMux) HandleFunc(pattern string, f func(ResponseWriter, *Request)) {
	m.Handle(pattern, HandlerFunc(f))
}

// ServeHTTP calls the handler whose pattern fits the request best.
func (m *ServeMux) ServeHTTP(w ResponseWriter, r *Request) {
	var best *route
	var allow []string
	for i := range m.routes {
		c := &m.routes[i]
		switch {
		case !match(c.segments, r.RawPath, nil):
		case !c.allows(r.Method):
			allow = append(allow, c.method)
		case best == nil || c.before(best):
			best = c
		}
	}
	switch {
	case best != nil:
		r.values = r.values[:0]
		match(best.segments, r.RawPath, r)
		best.handler.ServeHTTP(w, r)
	case allow != nil:
		MethodNotAllowed(w, strings.Join(allow, ", "))
	default:
		NotFound(w, r)
	}
}

func (r *route) allows(method string) bool {
	return r.method == "" || r.method == method || r.method == MethodGet && method == MethodHead
}

// before reports whether r is more specific than other; both match.
func (r *route) before(other *route) bool {
	if c := compare(r.segments, other.segments); c != 0 {
		return c < 0
	}
	return other.method == "" || r.method == MethodHead
}

// compare orders two patterns by the kinds of their segments; 0 means that they match the same paths, or that they differ in
// literals, so that no path matches both.
func compare(a, b []segment) int {
	for i := range min(len(a), len(b)) {
		if a[i].kind != b[i].kind {
			return int(a[i].kind) - int(b[i].kind)
		}
		if a[i].kind == literal && a[i].text != b[i].text {
			return 1
		}
	}
	return len(b) - len(a)
}

func parsePath(path string) (segments []segment, problem string) {
	if !strings.HasPrefix(path, "/") {
		return nil, "the path must begin with a slash"
	}
	parts := strings.Split(path[1:], "/")
	for i, p := range parts {
		last := i == len(parts)-1
		s, problem := parseSegment(p, last)
		if problem != "" {
			return nil, problem
		}
		segments = append(segments, s)
	}
	return segments, ""
}

func parseSegment(p string, last bool) (segment, string) {
	name, isWildcard := strings.CutPrefix(p, "{")
	name, closed := strings.CutSuffix(name, "}")
	switch {
	case !isWildcard && p == "" && last:
		return segment{kind: rest}, ""
	case !isWildcard && !strings.ContainsAny(p, "{}"):
		return segment{text: p}, ""
	case !isWildcard || !closed || strings.ContainsAny(name, "{}"):
		return segment{}, "a wildcard is a whole segment, {name}"
	case name == "$" && last:
		return segment{}, ""
	case strings.HasSuffix(name, "...") && !last:
		return segment{}, "{name...} must come last"
	case strings.HasSuffix(name, "..."):
		return segment{strings.TrimSuffix(name, "..."), rest}, ""
	case name == "" || name == "$":
		return segment{}, "a wildcard needs a name, and {$} must come last"
	}
	return segment{name, one}, ""
}

// match compares a path as sent with a pattern; if r is given, it gets the decoded values of the wildcards.
func match(segments []segment, path string, r *Request) bool {
	path, ok := strings.CutPrefix(path, "/")
	for i, s := range segments {
		if !ok {
			return false
		}
		if s.kind == rest {
			return r.setValue(s.text, path)
		}
		var part string
		part, path, ok = strings.Cut(path, "/")
		if s.kind == one && (part == "" || !r.setValue(s.text, part)) {
			return false
		}
		if plain, _ := unescape(part, false); s.kind == literal && plain != s.text {
			return false
		}
		if i == len(segments)-1 {
			return !ok
		}
	}
	return false
}

func (r *Request) setValue(name, raw string) bool {
	if r == nil || name == "" {
		return true
	}
	v, ok := unescape(raw, false)
	r.values = append(r.values, field{name, v})
	return ok
}
