package wasi

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	fromList = "types#[static]fields.from-list"
	appendTo = "types#[method]fields.append"
	setField = "types#[method]fields.set"
	deleteOf = "types#[method]fields.delete"
	getField = "types#[method]fields.get"
	hasField = "types#[method]fields.has"
	listOf   = "types#[method]fields.entries"
)

var (
	errSyntax    = fail{variant{name: "invalid-syntax"}}
	errForbidden = fail{variant{name: "forbidden"}}
	errImmutable = fail{variant{name: "immutable"}}
)

func TestFieldsKeepOrderAndIgnoreCase(t *testing.T) {
	g := newGuest(t, Config{})
	f := g.open("types#[constructor]fields")
	for _, v := range []string{"1", "2"} {
		g.get(appendTo, f, "Set-Cookie", []byte(v))
	}
	g.get(appendTo, f, "x", []byte{0xff, '\t', ' '})
	same(t, "get", g.call(getField, f, "set-COOKIE"), list([]byte("1"), []byte("2")))
	same(t, "has", g.call(hasField, f, "X"), true)
	same(t, "has not", g.call(hasField, f, "y"), false)
	g.get(setField, f, "set-cookie", list([]byte("3")))
	same(t, "entries", g.call(listOf, f), list([]any{"x", []byte{0xff, '\t', ' '}}, []any{"set-cookie", []byte("3")}))
	g.get(deleteOf, f, "X")
	g.get(deleteOf, f, "absent")
	same(t, "entries", g.call(listOf, f), entries("set-cookie", "3"))
	g.get(setField, f, "set-cookie", list())
	same(t, "entries", g.call(listOf, f), list())
}

func TestFieldsRefuseBadSyntax(t *testing.T) {
	g := newGuest(t, Config{})
	f := g.open("types#[constructor]fields")
	for _, name := range []string{"", " ", "a b", "a:", "é", "a\r\n", "\x00", "(", "a/b"} {
		same(t, "append "+name, g.call(appendTo, f, name, []byte("v")), errSyntax)
		same(t, "set "+name, g.call(setField, f, name, list()), errSyntax)
		same(t, "delete "+name, g.call(deleteOf, f, name), errSyntax)
		same(t, "from-list "+name, g.call(fromList, entries(name, "v")), errSyntax)
	}
	for _, value := range []string{"a\r\nb: c", "\n", "\x00", "\x7f", "\x1b"} {
		same(t, fmt.Sprintf("append %q", value), g.call(appendTo, f, "a", []byte(value)), errSyntax)
		same(t, fmt.Sprintf("from-list %q", value), g.call(fromList, entries("ok", "v", "a", value)), errSyntax)
	}
	same(t, "entries", g.call(listOf, f), list())
}

func TestFieldsOfTheConnectionAreForbidden(t *testing.T) {
	g := newGuest(t, Config{})
	f := g.open("types#[constructor]fields")
	for _, name := range []string{"connection", "Keep-Alive", "PROXY-authenticate", "proxy-authorization", "proxy-connection",
		"transfer-encoding", "upgrade", "Host", "http2-settings"} {
		same(t, "append "+name, g.call(appendTo, f, name, []byte("v")), errForbidden)
		same(t, "set "+name, g.call(setField, f, name, list([]byte("v"))), errForbidden)
		same(t, "delete "+name, g.call(deleteOf, f, name), errForbidden)
		same(t, "from-list "+name, g.call(fromList, entries("a", "b", name, "v")), errForbidden)
	}
}

func TestSetOfARefusedValueChangesNothing(t *testing.T) {
	g := newGuest(t, Config{})
	f := g.getHandle(fromList, entries("a", "1", "b", "2"))
	same(t, "set", g.call(setField, f, "a", list([]byte("ok"), []byte("\n"))), errSyntax)
	same(t, "entries", g.call(listOf, f), entries("a", "1", "b", "2"))
}

func TestContentLengthIsOneNumber(t *testing.T) {
	g := newGuest(t, Config{})
	for _, v := range []string{"", "-1", "+1", "1 ", "1,1", "x", "9223372036854775808"} {
		same(t, v, g.call(fromList, entries("Content-Length", v)), errSyntax)
	}
	f := g.getHandle(fromList, entries("content-length", "9223372036854775807"))
	same(t, "a second one", g.call(appendTo, f, "Content-Length", []byte("1")), errSyntax)
	g.get(setField, f, "CONTENT-LENGTH", list([]byte("1")))
	same(t, "entries", g.call(listOf, f), entries("CONTENT-LENGTH", "1"))
}

func TestCloneIsIndependentAndMutable(t *testing.T) {
	g := newGuest(t, Config{})
	f := g.getHandle(fromList, entries("a", "1", "b", "2"))
	clone := g.open("types#[method]fields.clone", f)
	resp := g.open("types#[constructor]outgoing-response", f)
	view := g.open("types#[method]outgoing-response.headers", resp)
	g.get(deleteOf, clone, "a")
	g.get(appendTo, clone, "c", []byte("3"))
	same(t, "clone", g.call(listOf, clone), entries("b", "2", "c", "3"))
	same(t, "response", g.call(listOf, view), entries("a", "1", "b", "2"))
	same(t, "append to a view", g.call(appendTo, view, "x", []byte("y")), errImmutable)
	same(t, "delete from a view", g.call(deleteOf, view, "x"), errImmutable)
	fromView := g.open("types#[method]fields.clone", view)
	g.get(deleteOf, fromView, "a")
	same(t, "response", g.call(listOf, view), entries("a", "1", "b", "2"))
}

func TestAViewCanBecomeTheHeaderOfAnotherMessage(t *testing.T) {
	g := newGuest(t, Config{})
	resp := g.response("a", "1")
	view := g.open("types#[method]outgoing-response.headers", resp)
	g.open("types#[constructor]outgoing-request", view)
	g.mustDrop(resp)
}

func TestFieldsAreBounded(t *testing.T) {
	g := newGuest(t, Config{})
	var many []string
	for range maxFields {
		many = append(many, "a", "")
	}
	f := g.getHandle(fromList, entries(many...))
	big := []byte(strings.Repeat("x", maxFieldBytes))
	for name, try := range map[string]func() (any, error){
		"append one more":  func() (any, error) { return g.try(appendTo, f, "a", []byte("")) },
		"from-list":        func() (any, error) { return g.try(fromList, entries(append(many, "a", "")...)) },
		"from-list of big": func() (any, error) { return g.try(fromList, entries("a", string(big))) },
		"append big":       func() (any, error) { return g.try(appendTo, g.open("types#[constructor]fields"), "a", big) },
		"set big":          func() (any, error) { return g.try(setField, g.open("types#[constructor]fields"), "a", list(big)) },
	} {
		if _, err := try(); !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := g.try(setField, f, "a", make([]any, 0)); err != nil {
		t.Error(err)
	}
}
