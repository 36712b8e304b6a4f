package http

import "strings"

// Hop reports whether a field is about one connection (RFC 9110 7.6.1) and so must not be sent on. The name may be in any case.
func Hop(name string) bool {
	switch len(name) {
	case 2, 7, 10, 16, 17, 18, 19:
	default:
		return false // most names end here
	}
	for _, h := range [...]string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade"} {
		if strings.EqualFold(name, h) {
			return true
		}
	}
	return false
}

// ValidName reports whether a field name is a token (RFC 9110 5.6.2) of at most 256 bytes.
func ValidName(name string) bool {
	if len(name) == 0 || len(name) > 256 {
		return false
	}
	for i := range len(name) {
		if !token(name[i]) {
			return false
		}
	}
	return true
}

func token(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// ValidValue reports whether a field value has no control character other than a tab (RFC 9110 5.5), so that it cannot end its line.
func ValidValue(value []byte) bool {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
