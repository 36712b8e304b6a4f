package http_test

import (
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/sdk/http"
)

func TestTheTargetIsTakenApart(t *testing.T) {
	for _, c := range []struct{ target, path, rawPath, rawQuery string }{
		{"/", "/", "/", ""}, {"/a%20b?x=%20&y", "/a b", "/a%20b", "x=%20&y"}, {"", "/", "/", ""}, {"/a+b", "/a+b", "/a+b", ""},
		{"/a?b?c", "/a", "/a", "b?c"}, {"*", "*", "*", ""},
	} {
		r := http.NewRequest("GET", c.target, nil)
		if r.Path != c.path || r.RawPath != c.rawPath || r.RawQuery != c.rawQuery {
			t.Errorf("%q: got %q %q %q", c.target, r.Path, r.RawPath, r.RawQuery)
		}
	}
}

func TestQueryParameters(t *testing.T) {
	q := http.NewRequest("GET", "/?a=1&a=2&b=x+y%21&c&&=e&bad=%zz&d=1=2", nil).Query()
	want := http.Values{"a": {"1", "2"}, "b": {"x y!"}, "c": {""}, "": {"e"}, "d": {"1=2"}}
	if !reflect.DeepEqual(q, want) {
		t.Errorf("got %v", q)
	}
	if q.Get("a") != "1" || q.Get("none") != "" || !q.Has("c") || q.Has("bad") {
		t.Error("Get or Has is wrong")
	}
}

func TestHeaderNamesIgnoreCase(t *testing.T) {
	var h http.Header
	h.Add("Accept", "a")
	h.Add("X-One", "1")
	h.Add("accept", "b")
	if h.Get("ACCEPT") != "a" || !slices.Equal(h.Values("Accept"), []string{"a", "b"}) || !h.Has("x-one") || h.Len() != 3 {
		t.Errorf("got %v", h)
	}
	h.Set("x-One", "2")
	h.Del("aCCept")
	var all []string
	for k, v := range h.All() {
		all = append(all, k+"="+v)
	}
	if !slices.Equal(all, []string{"x-One=2"}) {
		t.Errorf("got %v", all)
	}
	var none *http.Header
	if none.Get("x") != "" || none.Len() != 0 {
		t.Error("a nil header has fields")
	}
}

func TestTheBodyIsRead(t *testing.T) {
	b, err := io.ReadAll(http.NewStringRequest("POST", "/", "data").Body)
	if string(b) != "data" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	if b, err := io.ReadAll(http.NewRequest("GET", "/", nil).Body); len(b) != 0 || err != nil {
		t.Errorf("a request without body has %q, %v", b, err)
	}
	r := http.NewRequest("GET", "/", nil)
	r.Header.Set("Host", "example.org")
	if r.Host() != "example.org" {
		t.Errorf("host is %q", r.Host())
	}
}

// FuzzParseForm compares with net/url, which knows the same syntax apart from semicolons.
func FuzzParseForm(f *testing.F) {
	for _, s := range []string{"", "a=1&b=2", "a=%41+%2", "&&=&", "%", "a=%zz&b=%C3%A9", "a=1&a=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, ";") {
			t.Skip("an error for net/url, a character like any other here")
		}
		got := http.ParseForm(s)
		want, _ := url.ParseQuery(s)
		for k := range want {
			if !slices.Equal(got[k], want[k]) {
				t.Fatalf("%q: %q is %q, net/url has %q", s, k, got[k], want[k])
			}
		}
	})
}
