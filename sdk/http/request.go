package http

import (
	"io"
	"strings"
)

// Request is a request that the actor received.
type Request struct {
	Method   string // e.g. "GET"
	Path     string // decoded; begins with a slash, or is "*"
	RawPath  string // as sent, without the query
	RawQuery string // as sent, without the question mark
	Header   *Header
	Body     io.Reader // streamed; never nil. It is closed when the handler returns

	host   host    // nil in tests
	values []field // path values
	query  Values
}

// Host is the host that the client asked for, with the port if there was one: the request's authority.
func (r *Request) Host() string {
	if r.host != nil {
		return r.host.authority()
	}
	return r.Header.Get("Host")
}

// PathValue is what the wildcard of that name in a ServeMux's pattern matched, or "".
func (r *Request) PathValue(name string) string {
	for _, v := range r.values {
		if v.name == name {
			return v.value
		}
	}
	return ""
}

// Query are the parameters in RawQuery. Those that are not well encoded are left out.
func (r *Request) Query() Values {
	if r.query == nil {
		r.query = parseQuery(r.RawQuery)
	}
	return r.query
}

// Values are parameters by name.
type Values map[string][]string

// Get is the first value of that name, or "".
func (v Values) Get(name string) string {
	if vs := v[name]; len(vs) > 0 {
		return vs[0]
	}
	return ""
}

// Has reports whether there is a parameter of that name.
func (v Values) Has(name string) bool { return len(v[name]) > 0 }

// ParseForm parses parameters as they stand in a query or in a body of type application/x-www-form-urlencoded.
func ParseForm(s string) Values { return parseQuery(s) }

func parseQuery(s string) Values {
	vs := Values{}
	for s != "" {
		var pair string
		pair, s, _ = strings.Cut(s, "&")
		k, v, _ := strings.Cut(pair, "=")
		k, ok1 := unescape(k, true)
		v, ok2 := unescape(v, true)
		if ok1 && ok2 && pair != "" {
			vs[k] = append(vs[k], v)
		}
	}
	return vs
}

// unescape decodes percent encoding (RFC 3986, section 2.1), and in a query "+" as a space.
func unescape(s string, query bool) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && (!query || strings.IndexByte(s, '+') < 0) {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "", false
			}
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		case c == '+' && query:
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return string(b), true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c - 'a' + 10)
	case 'A' <= c && c <= 'F':
		return int(c - 'A' + 10)
	}
	return -1
}

// setTarget takes the request target apart. It is false if the path is not well encoded.
func (r *Request) setTarget(target string) (ok bool) {
	r.RawPath, r.RawQuery, _ = strings.Cut(target, "?")
	if r.RawPath == "" {
		r.RawPath = "/"
	}
	r.Path, ok = unescape(r.RawPath, false)
	return ok
}

// noBody is an empty body.
type noBody struct{}

func (noBody) Read([]byte) (int, error) { return 0, io.EOF }
