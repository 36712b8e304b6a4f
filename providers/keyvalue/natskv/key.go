package natskv

import (
	"strings"

	"github.com/wattle-io/wattle/providers/keyvalue"
)

// Keys of JetStream KV are NATS subjects: only some ASCII characters, and dots only between other characters. All else is written as
// "=XX", the byte in upper-case hex, which is reversible because "=" itself is escaped too:
//
//	user.1       user.1
//	a b=c        a=20b=3Dc
//	.hidden      =2Ehidden
//	ü            =C3=BC
//
// A key of keyvalue.MaxKey bytes has at most three times as many, still below what a NATS client may send as a subject (4 KiB).

const hexDigits = "0123456789ABCDEF"

// plain reports whether the byte at i may stand as it is.
func plain(key string, i int) bool {
	switch c := key[i]; {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '/':
		return true
	case c == '.':
		return i > 0 && i < len(key)-1 && key[i-1] != '.'
	}
	return false
}

// escape makes a key of the contract a key of JetStream KV, after checking it.
func escape(key string) (string, error) {
	if err := keyvalue.CheckKey(key); err != nil {
		return "", err
	}
	i := 0
	for i < len(key) && plain(key, i) {
		i++
	}
	if i == len(key) {
		return key, nil
	}
	b := append(make([]byte, 0, 3*len(key)), key[:i]...)
	for ; i < len(key); i++ {
		if plain(key, i) {
			b = append(b, key[i])
		} else {
			b = append(b, '=', hexDigits[key[i]>>4], hexDigits[key[i]&15])
		}
	}
	return string(b), nil
}

// unescape is the reverse of escape. It reports false for a key that escape does not make: somebody else wrote it, and no key of the
// contract leads to it.
func unescape(s string) (string, bool) {
	if !strings.Contains(s, "=") {
		return s, canonical(s, s)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), canonical(string(b), s)
}

func canonical(key, escaped string) bool {
	e, err := escape(key)
	return err == nil && e == escaped
}
