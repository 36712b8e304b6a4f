package wit

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ParseError says where a .wit text is wrong and what was expected there.
type ParseError struct {
	File      string
	Line, Col int // from 1; columns count bytes
	Msg       string
}

// Error gives "file:line:col: message".
func (e *ParseError) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg) }

// pos is a place in a file.
type pos struct {
	file      string
	line, col int
}

func (p pos) errorf(format string, a ...any) error {
	return &ParseError{p.file, p.line, p.col, fmt.Sprintf(format, a...)}
}

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokID            // a name; text has no "%"
	tokNumber
	tokPunct // one of { } ( ) < > , ; : = . / @ * _ or ->
)

type token struct {
	kind tokenKind
	text string
	raw  bool // the name was written with "%": never a keyword
	pos  pos
}

func (t token) String() string {
	if t.kind == tokEOF {
		return "end of file"
	}
	return fmt.Sprintf("%q", t.text)
}

// lexer cuts a file into tokens.
type lexer struct {
	file string
	src  string
	off  int
	line int
	bol  int // offset where the line begins
}

func (l *lexer) pos() pos { return pos{l.file, l.line, l.off - l.bol + 1} }

func (l *lexer) next() (token, error) {
	if err := l.space(); err != nil {
		return token{}, err
	}
	t := token{pos: l.pos()}
	if l.off == len(l.src) {
		return t, nil
	}
	start, c := l.off, l.src[l.off]
	switch {
	case c == '%' || isLetter(c):
		if c == '%' {
			l.off, start, t.raw = l.off+1, start+1, true
		}
		for l.off < len(l.src) && (isLetter(l.src[l.off]) || isDigit(l.src[l.off]) || l.src[l.off] == '-') {
			l.off++
		}
		t.kind, t.text = tokID, l.src[start:l.off]
		return t, checkLabel(t)
	case isDigit(c):
		for l.off < len(l.src) && isDigit(l.src[l.off]) {
			l.off++
		}
		t.kind, t.text = tokNumber, l.src[start:l.off]
	case strings.HasPrefix(l.src[l.off:], "->"):
		l.off += 2
		t.kind, t.text = tokPunct, "->"
	case strings.IndexByte("{}()<>,;:=./@*_", c) >= 0:
		l.off++
		t.kind, t.text = tokPunct, l.src[start:l.off]
	default:
		r, _ := utf8.DecodeRuneInString(l.src[l.off:])
		return t, t.pos.errorf("unexpected character %q", r)
	}
	return t, nil
}

// space skips white space and comments; block comments nest.
func (l *lexer) space() error {
	for l.off < len(l.src) {
		rest := l.src[l.off:]
		switch {
		case rest[0] == '\n':
			l.off++
			l.line, l.bol = l.line+1, l.off
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r':
			l.off++
		case strings.HasPrefix(rest, "//"):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.off += i
			} else {
				l.off = len(l.src)
			}
		case strings.HasPrefix(rest, "/*"):
			if err := l.blockComment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) blockComment() error {
	start, depth := l.pos(), 0
	for l.off < len(l.src) {
		rest := l.src[l.off:]
		switch {
		case strings.HasPrefix(rest, "/*"):
			depth++
			l.off += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.off += 2
			if depth == 0 {
				return nil
			}
		case rest[0] == '\n':
			l.off++
			l.line, l.bol = l.line+1, l.off
		default:
			l.off++
		}
	}
	return start.errorf("comment is not closed")
}

// version reads a semantic version at the current offset, right behind an "@" or "=". A dot belongs to it only if more of
// it follows: "use wasi:io/poll@0.2.0.{pollable}".
func (l *lexer) version() (string, error) {
	if err := l.space(); err != nil {
		return "", err
	}
	p, start := l.pos(), l.off
	for l.off < len(l.src) && isVersionByte(l.src, l.off) {
		l.off++
	}
	v := l.src[start:l.off]
	if _, ok := parseVersion(v); !ok {
		return "", p.errorf("expected a version like 1.2.3, found %q", v)
	}
	return v, nil
}

func isVersionByte(s string, i int) bool {
	if c := s[i]; c == '.' {
		return i+1 < len(s) && (isLetter(s[i+1]) || isDigit(s[i+1]))
	} else {
		return isLetter(c) || isDigit(c) || c == '-' || c == '+'
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// checkLabel enforces kebab case: words of one case, joined by single hyphens.
func checkLabel(t token) error {
	if ValidLabel(t.text) {
		return nil
	}
	return t.pos.errorf("%q is no name: want words of one case joined by \"-\", as in \"get-all\" or \"HTTP-error\"", t.text)
}

// ValidLabel reports whether s is a name as WIT has them (Explainer.md, "label"): words joined by single hyphens, each all lower or
// all upper case, the first starting with a letter.
func ValidLabel(s string) bool {
	for i, w := range strings.Split(s, "-") {
		if w == "" || i == 0 && isDigit(w[0]) {
			return false
		}
		var lower, upper bool
		for j := 0; j < len(w); j++ {
			c := w[j]
			lower = lower || c >= 'a' && c <= 'z'
			upper = upper || c >= 'A' && c <= 'Z'
			if !isLetter(c) && !isDigit(c) {
				return false
			}
		}
		if lower && upper {
			return false
		}
	}
	return true
}
