package http

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
)

func example() RequestHead {
	return RequestHead{Method: "POST", Scheme: "http", Authority: "example.org:8080", PathWithQuery: "/a/b?c=d", Header: []Field{
		{"Accept", []byte("*/*")}, {"X-Twice", []byte("1")}, {"X-Twice", []byte("2")}, {"X-Latin", []byte{0xe9}}, {"X-Empty", []byte{}}}}
}

func TestHeadsComeBackAsTheyWere(t *testing.T) {
	req := example()
	got, err := DecodeRequestHead(req.Encode(nil))
	if err != nil || !reflect.DeepEqual(got, req) {
		t.Errorf("request: %+v, %v", got, err)
	}
	resp := ResponseHead{Status: 404, Header: req.Header}
	back, err := DecodeResponseHead(resp.Encode([]byte("kept"))[4:])
	if err != nil || !reflect.DeepEqual(back, resp) {
		t.Errorf("response: %+v, %v", back, err)
	}
}

func TestHeadsOutOfBoundsAreRefused(t *testing.T) {
	change := func(f func(*RequestHead)) []byte {
		h := example()
		f(&h)
		return h.Encode(nil)
	}
	for name, payload := range map[string][]byte{
		"method":      change(func(h *RequestHead) { h.Method = strings.Repeat("M", MaxMethod+1) }),
		"path":        change(func(h *RequestHead) { h.PathWithQuery = strings.Repeat("p", MaxTarget+1) }),
		"authority":   change(func(h *RequestHead) { h.Authority = strings.Repeat("p", MaxTarget+1) }),
		"fields":      change(func(h *RequestHead) { h.Header = make([]Field, MaxFields+1) }),
		"header size": change(func(h *RequestHead) { h.Header = []Field{{"a", make([]byte, MaxHeader)}} }),
		"left over":   append(example().Encode(nil), 0),
		"empty":       nil,
		"huge count":  {1, 'G', 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
	} {
		if _, err := DecodeRequestHead(payload); !errors.Is(err, lattice.ErrInvalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestFieldSyntax(t *testing.T) {
	for name, want := range map[string]bool{"Accept": true, "x_y.z~": true, "": false, "a b": false, "a:": false, "é": false, "a\r": false} {
		if ValidName(name) != want {
			t.Errorf("ValidName(%q) = %v", name, !want)
		}
	}
	for value, want := range map[string]bool{"": true, "a\tb": true, "\xff": true, "a\r\nSet-Cookie: x": false, "\x00": false, "\x7f": false} {
		if ValidValue([]byte(value)) != want {
			t.Errorf("ValidValue(%q) = %v", value, !want)
		}
	}
	for name, want := range map[string]bool{"connection": true, "TRANSFER-ENCODING": true, "te": true, "Proxy-Authorization": true, "Upgrade": true,
		"Keep-Alive": true, "Trailer": true, "Host": false, "Content-Length": false, "X-Te": false} {
		if Hop(name) != want {
			t.Errorf("Hop(%q) = %v", name, !want)
		}
	}
}

func FuzzDecodeHeads(f *testing.F) {
	f.Add(example().Encode(nil))
	f.Add(ResponseHead{Status: 200, Header: example().Header}.Encode(nil))
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := DecodeRequestHead(b); err == nil {
			again, err := DecodeRequestHead(h.Encode(nil))
			if err != nil || !reflect.DeepEqual(again, h) {
				t.Fatalf("%+v became %+v, %v", h, again, err)
			}
		}
		if h, err := DecodeResponseHead(b); err == nil {
			again, err := DecodeResponseHead(h.Encode(nil))
			if err != nil || again.Status != h.Status || len(again.Header) != len(h.Header) || len(h.Header) > MaxFields {
				t.Fatalf("%+v became %+v, %v", h, again, err)
			}
		}
	})
}

func BenchmarkRequestHead(b *testing.B) {
	h := example()
	buf := h.Encode(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = h.Encode(buf[:0])
		if _, err := DecodeRequestHead(bytes.Clone(buf)); err != nil {
			b.Fatal(err)
		}
	}
}
