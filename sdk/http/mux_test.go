package http_test

import (
	"strings"
	"testing"

	"github.com/wattle-io/wattle/sdk/http"
)

func TestTheMostSpecificPatternWins(t *testing.T) {
	mux := &http.ServeMux{}
	for _, p := range []string{"/", "/{$}", "GET /items/{id}", "POST /items", "GET /items", "/items/special", "DELETE /items/{id}",
		"/files/{path...}", "/files/x/{y}", "/any/", "GET /any/thing", "HEAD /head", "GET /head", "/é/{x}"} {
		mux.HandleFunc(p, func(w http.ResponseWriter, r *http.Request) {
			http.Text(w, http.StatusOK, p+" id="+r.PathValue("id")+" path="+r.PathValue("path")+" x="+r.PathValue("x"))
		})
	}
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/", "/{$} id= path= x="},
		{"GET", "/other", "/ id= path= x="},
		{"GET", "/items", "GET /items id= path= x="},
		{"POST", "/items", "POST /items id= path= x="},
		{"PUT", "/items", "/ id= path= x="},
		{"GET", "/items/7", "GET /items/{id} id=7 path= x="},
		{"GET", "/items/a%2Fb%20c?q=1", "GET /items/{id} id=a/b c path= x="},
		{"DELETE", "/items/7", "DELETE /items/{id} id=7 path= x="},
		{"GET", "/items/special", "/items/special id= path= x="},
		{"GET", "/items/", "/ id= path= x="},
		{"GET", "/items/7/8", "/ id= path= x="},
		{"GET", "/files/a/b/c", "/files/{path...} id= path=a/b/c x="},
		{"GET", "/files/", "/files/{path...} id= path= x="},
		{"GET", "/files/x/b", "/files/x/{y} id= path= x="},
		{"GET", "/files/x/b/c", "/files/{path...} id= path=x/b/c x="},
		{"GET", "/any/thing/else", "/any/ id= path= x="},
		{"POST", "/any/thing", "/any/ id= path= x="},
		{"GET", "/any/thing", "GET /any/thing id= path= x="},
		{"GET", "/%C3%A9/1", "/é/{x} id= path= x=1"},
	} {
		res := http.Record(mux, http.NewRequest(c.method, c.target, nil))
		if string(res.Body) != c.want {
			t.Errorf("%s %s went to %q, want %q", c.method, c.target, res.Body, c.want)
		}
	}
}

func TestOtherMethodsAndPathsAreRefused(t *testing.T) {
	mux := &http.ServeMux{}
	for _, p := range []string{"GET /a", "POST /a", "/only/this"} {
		mux.HandleFunc(p, func(w http.ResponseWriter, _ *http.Request) { http.Text(w, http.StatusOK, "yes") })
	}
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/a", 200}, {"HEAD", "/a", 200}, {"PUT", "/a", 405}, {"GET", "/b", 404}, {"GET", "/", 404}, {"GET", "/a/", 404},
		{"OPTIONS", "*", 404}, {"GET", "/only/this/more", 404}, {"GET", "/only", 404},
	} {
		res := http.Record(mux, http.NewRequest(c.method, c.target, nil))
		if res.Status != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.target, res.Status, c.status)
		}
		if c.status == 405 && res.Header.Get("Allow") != "GET, POST" {
			t.Errorf("Allow is %q", res.Header.Get("Allow"))
		}
	}
}

func TestBadPatternsPanic(t *testing.T) {
	for _, p := range []string{"", "a", "GET a", "/{", "/{}", "/a{b}", "/{a}b", "/{a...}/b", "/{$}/b", "/{{a}}", "/}"} {
		if why := refused(p); !strings.Contains(why, "pattern") {
			t.Errorf("%q: %q", p, why)
		}
	}
	if why := refused("/a/{x}", "/a/{y}"); why == "" {
		t.Error("two patterns for the same requests were accepted")
	}
	if why := refused("/a/{x}", "GET /a/{x}", "/b/{x}", "/a/", "/a/{$}"); why != "" {
		t.Error("different patterns are refused: " + why)
	}
}

func refused(patterns ...string) (why string) {
	defer func() {
		if v := recover(); v != nil {
			why = v.(string)
		}
	}()
	mux := &http.ServeMux{}
	for _, p := range patterns {
		mux.HandleFunc(p, nil)
	}
	return ""
}

// FuzzMux asks any path of a mux: a handler is found or not, but a wildcard never panics and never matches another
// number of segments.
func FuzzMux(f *testing.F) {
	for _, p := range []string{"/", "/a", "/a/b", "/a/%zz", "//", "/%2F/", "*", "/x/y/z", ""} {
		f.Add(p)
	}
	mux := &http.ServeMux{}
	mux.HandleFunc("/{a}/{b}", func(w http.ResponseWriter, r *http.Request) {
		http.Text(w, 200, r.PathValue("a")+"\x00"+r.PathValue("b"))
	})
	f.Fuzz(func(t *testing.T, path string) {
		r := &http.Request{Method: "GET", RawPath: path, Header: &http.Header{}}
		res := http.Record(mux, r)
		if fits := strings.HasPrefix(path, "/") && strings.Count(path, "/") == 2; res.Status == 200 && !fits {
			t.Fatalf("%q matched", path)
		}
	})
}
