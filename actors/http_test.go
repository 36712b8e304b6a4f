package actors_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/wattle-io/wattle/host/wasi"
)

// probe is built once: compiling a Go guest takes seconds.
var probe = sync.OnceValues(func() ([]byte, error) { return compile("./testdata/probe") })

func TestABodyIsStreamedBothWays(t *testing.T) {
	a := startProbe(t)
	for _, c := range []struct{ size, chunk int }{{0, 100}, {1, 1}, {5000, 7}, {4096, 4096}, {4097, 5000}, {1 << 20, 100_000}, {3 << 20, 4 << 20}} {
		want := pattern(c.size)
		res, err := a.do(wasi.Request{Method: "POST", PathWithQuery: fmt.Sprintf("/echo?chunk=%d", c.chunk), Body: bytes.NewReader(want)})
		if err != nil || !bytes.Equal(res.body.Bytes(), want) {
			t.Errorf("echo of %d bytes by %d: %d bytes, %v; %s", c.size, c.chunk, res.body.Len(), err, a.complaints())
		}
	}
	want := pattern(200_000)
	res, err := a.do(wasi.Request{Method: "POST", PathWithQuery: "/echo?gc&chunk=10000", Body: bytes.NewReader(want)})
	if err != nil || !bytes.Equal(res.body.Bytes(), want) {
		t.Errorf("echo with a collection after each chunk: %d bytes, %v", res.body.Len(), err)
	}
}

func TestTheGuestSeesEachChunkBeforeTheNextIsSent(t *testing.T) {
	a := startProbe(t)
	in, out := io.Pipe()
	seen := make(chan struct{}, 64)
	res := &response{onWrite: func() { seen <- struct{}{} }}
	done := make(chan error, 1)
	chunk := pattern(8192) // more than the SDK holds back
	go func() {
		done <- a.send(wasi.Request{Method: "POST", PathWithQuery: "/echo?chunk=8192", Body: in}, res)
	}()
	for range 5 {
		if _, err := out.Write(chunk); err != nil {
			t.Fatal(err)
		}
		<-seen
	}
	out.Close()
	if err := <-done; err != nil || res.body.Len() != 5*len(chunk) {
		t.Errorf("%d bytes, %v", res.body.Len(), err)
	}
}

func TestFlushedPiecesAreSentAtOnce(t *testing.T) {
	res := startProbe(t).get("/steps")
	if res.body.String() != "step 0step 1step 2" || res.flushes < 3 || res.get("Content-Length") != "" {
		t.Errorf("%q after %d flushes, length %q", &res.body, res.flushes, res.get("Content-Length"))
	}
}

func TestLargeResponsesArriveWhole(t *testing.T) {
	a := startProbe(t)
	for _, n := range []int{0, 1, 4095, 4096, 4097, 65536, 1<<20 + 1, 5 << 20} {
		res := a.get(fmt.Sprintf("/bytes/%d", n))
		if !bytes.Equal(res.body.Bytes(), pattern(n)) {
			t.Errorf("%d bytes: got %d", n, res.body.Len())
		}
		if length := res.get("Content-Length"); n <= 4096 && length != fmt.Sprint(n) {
			t.Errorf("%d bytes: Content-Length is %q", n, length)
		}
	}
}

func TestTheGuestSeesTheWholeRequest(t *testing.T) {
	a := startProbe(t)
	var header []wasi.HeaderField
	want := "GET example.org:8080 /request x=1&y\n"
	for i := range 500 {
		name, value := fmt.Sprintf("x-field-%d", i), strings.Repeat("v", i%300)
		header = append(header, wasi.HeaderField{Name: name, Value: []byte(value)})
		want += name + ": " + value + "\n"
	}
	res, err := a.do(wasi.Request{PathWithQuery: "/request?x=1&y", Header: header})
	if err != nil || res.body.String() != want {
		t.Errorf("%v, got\n%.300s\nwant\n%.300s", err, &res.body, want)
	}
	if many := res.get("X-Many"); many != "a,b" {
		t.Errorf("a field with two values arrives as %q", many)
	}
}

func TestAPanicIsAnswered500AndTheInstanceGoesOn(t *testing.T) {
	a := startProbe(t)
	res := a.get("/panic")
	if res.status != 500 || res.body.String() != "internal error\n" {
		t.Errorf("got %d %q", res.status, &res.body)
	}
	if s := a.complaints(); !strings.HasPrefix(s, "GET /panic: panic: on purpose\n") || !strings.Contains(s, "goroutine") {
		t.Errorf("standard error has %q", s)
	}
	if res, err := a.do(wasi.Request{PathWithQuery: "/panic-late"}); err == nil || res.body.String() != "half" {
		t.Errorf("a panic after the head: %q, %v", &res.body, err)
	}
	if s := a.pool.Stats(); s.Failures != 0 || s.Instances != 1 {
		t.Errorf("the instance did not go on: %+v", s)
	}
}

func TestResponsesThatTheHostRefusesBecome500(t *testing.T) {
	a := startProbe(t)
	if res := a.get("/bad-header"); res.status != 500 {
		t.Errorf("a bad header gets %d", res.status)
	}
	if _, err := a.do(wasi.Request{PathWithQuery: "/bad-length"}); err == nil {
		t.Error("a short body passed for a whole one")
	}
	if res := a.get("/%zz"); res.status != 400 {
		t.Errorf("a path that is not well encoded gets %d", res.status)
	}
	if s := a.pool.Stats(); s.Failures != 0 {
		t.Errorf("calls failed: %+v", s)
	}
}

func TestWhatHandlersKeepIsDeadAfterwards(t *testing.T) {
	a := startProbe(t)
	a.get("/stale")
	res := a.get("/stale")
	if got := res.body.String(); got != "http: connection closed\nhttp: connection closed" {
		t.Errorf("got %q", got)
	}
}

func TestABodyThatBreaksOffIsAnError(t *testing.T) {
	a := startProbe(t)
	body := io.MultiReader(strings.NewReader("first"), failing{})
	res, err := a.do(wasi.Request{Method: "POST", PathWithQuery: "/echo?chunk=10", Body: body})
	if err == nil && res.status == 200 {
		t.Errorf("got %d %q", res.status, &res.body)
	}
	if s := a.complaints(); !strings.Contains(s, "read the body") {
		t.Errorf("standard error has %q", s)
	}
	if res := a.get("/bytes/3"); res.body.Len() != 3 {
		t.Error("the next request failed")
	}
}

func TestErrorPathsLeaveNoHandles(t *testing.T) {
	a := startProbe(t)
	for _, path := range []string{"/panic", "/panic-late", "/bad-header", "/bad-length", "/store-errors", "/%zz", "/nothing", "/stale"} {
		for range maxHandles + 1 {
			a.do(wasi.Request{PathWithQuery: path}) // the errors are other tests' business
		}
	}
	for range maxHandles + 1 {
		a.do(wasi.Request{Method: "POST", PathWithQuery: "/echo?chunk=10", Body: failing{}})
	}
	if s := a.pool.Stats(); s.Failures != 0 {
		t.Errorf("%d calls failed: %s", s.Failures, a.complaints())
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("line cut") }

func TestTenThousandRequestsFindTheirMemoryIntact(t *testing.T) {
	a := startProbe(t)
	body := pattern(3000)
	for i := range 10_000 {
		n := i % 1500
		res, err := a.do(wasi.Request{
			Method: "POST", PathWithQuery: fmt.Sprintf("/echo?chunk=%d&i=%d", 500+i%700, i), Body: bytes.NewReader(body[:n]),
			Header: []wasi.HeaderField{{Name: "x-n", Value: []byte(fmt.Sprint(n))}},
		})
		if err != nil || !bytes.Equal(res.body.Bytes(), body[:n]) {
			t.Fatalf("request %d: %q, %v; %s", i, &res.body, err, a.complaints())
		}
	}
	if s := a.pool.Stats(); s.Instances != 1 || s.Failures != 0 || s.Memory > 32<<20 {
		t.Errorf("after all: %+v", s)
	}
}
