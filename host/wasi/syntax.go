package wasi

import (
	"net/url"
	"strings"
)

// isToken reports whether s is a token (RFC 9110, 5.6.2): a method or a field name.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(b byte) bool {
	return isAlnum(b) || b == '-' || strings.IndexByte("!#$%&'*+.^_`|~", b) >= 0
}

func isAlnum(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// isFieldValue reports whether v can be sent as a field value (RFC 9110, 5.5): no control character but a tab.
func isFieldValue(v []byte) bool {
	for _, b := range v {
		if b < 0x20 && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// isPath reports whether s is a path with an optional query, or the * of OPTIONS.
func isPath(s string) bool {
	if s != "*" && !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "?") {
		return false
	}
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] >= 0x7f || s[i] == '#' {
			return false
		}
	}
	return true
}

// isScheme reports whether s is a URI scheme (RFC 3986, 3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("+-.", s[i]) < 0 {
			return false
		}
	}
	return s != "" && 'a' <= s[0]|0x20 && s[0]|0x20 <= 'z'
}

// isAuthority reports whether s is a host with an optional port. User information is refused, as RFC 9110 4.2.4 has it.
func isAuthority(s string) bool {
	if s == "" || strings.ContainsAny(s, "@/?#\\") {
		return false
	}
	u, err := url.Parse("http://" + s)
	return err == nil && u.Host == s && u.Hostname() != ""
}

// isForbidden reports whether a guest may not see or set the field: those of the connection, which is the host's.
func isForbidden(name string) bool {
	switch len(name) {
	case 4:
		return strings.EqualFold(name, "host")
	case 7:
		return strings.EqualFold(name, "upgrade")
	case 10:
		return strings.EqualFold(name, "connection") || strings.EqualFold(name, "keep-alive")
	case 14:
		return strings.EqualFold(name, "http2-settings")
	case 16:
		return strings.EqualFold(name, "proxy-connection")
	case 17:
		return strings.EqualFold(name, "transfer-encoding")
	case 18:
		return strings.EqualFold(name, "proxy-authenticate")
	case 19:
		return strings.EqualFold(name, "proxy-authorization")
	}
	return false
}
