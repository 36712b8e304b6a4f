package http_test

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/sdk/http"
)

func record(method string, f func(http.ResponseWriter, *http.Request)) *http.Response {
	return http.Record(http.HandlerFunc(f), http.NewRequest(method, "/", nil))
}

func TestASmallResponseIsSentInOnePieceWithItsLength(t *testing.T) {
	res := record("GET", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Test", "1")
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "hello ")
		w.Write([]byte("world"))
	})
	if res.Status != 201 || string(res.Body) != "hello world" || res.Header.Get("content-length") != "11" || res.Header.Get("x-test") != "1" {
		t.Errorf("got %d %q %v", res.Status, res.Body, res.Header)
	}
	if res.Flushes != 1 {
		t.Errorf("sent in %d pieces", res.Flushes)
	}
}

func TestALargeResponseIsStreamed(t *testing.T) {
	for _, size := range []int{1, 100, 4095, 4096, 4097, 8192, 100_000} {
		chunk := strings.Repeat("x", size)
		res := record("GET", func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				if n, err := w.Write([]byte(chunk)); n != size || err != nil {
					t.Errorf("wrote %d of %d: %v", n, size, err)
				}
				if n, err := io.WriteString(w, "-"); n != 1 || err != nil {
					t.Errorf("wrote %d: %v", n, err)
				}
			}
		})
		if want := strings.Repeat(chunk+"-", 3); string(res.Body) != want {
			t.Errorf("3 writes of %d: got %d bytes, want %d", size, len(res.Body), len(want))
		}
		if fits := 3*(size+1) <= 4096; res.Header.Has("Content-Length") != fits {
			t.Errorf("3 writes of %d: Content-Length is %q", size, res.Header.Get("Content-Length"))
		}
	}
}

func TestFlushSendsWhatThereIs(t *testing.T) {
	res := record("GET", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			io.WriteString(w, strconv.Itoa(i))
			if err := w.Flush(); err != nil {
				t.Error(err)
			}
		}
	})
	if string(res.Body) != "012" || res.Flushes != 3 || res.Header.Has("Content-Length") {
		t.Errorf("got %q in %d pieces, %v", res.Body, res.Flushes, res.Header)
	}
}

func TestResponsesWithoutBody(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		write  string
		length string
		err    error
	}{
		{"GET", 200, "", "0", nil}, {"GET", 204, "x", "", http.ErrBody}, {"GET", 304, "x", "", http.ErrBody},
		{"HEAD", 200, "four", "4", nil}, {"HEAD", 200, "", "", nil}, {"HEAD", 404, strings.Repeat("x", 10000), "10000", nil},
	} {
		res := record(c.method, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			if c.write != "" {
				if _, err := io.WriteString(w, c.write); err != c.err {
					t.Errorf("%s %d: write gives %v", c.method, c.status, err)
				}
			}
		})
		if res.Status != c.status || len(res.Body) != 0 || res.Header.Get("Content-Length") != c.length {
			t.Errorf("%s %d: got %d %q %q", c.method, c.status, res.Status, res.Body, res.Header.Get("Content-Length"))
		}
	}
}

func TestAPanicBecomes500(t *testing.T) {
	for _, v := range []any{"oops", errors.New("oops"), 7, struct{}{}} {
		res := record("GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Secret", "1")
			io.WriteString(w, "half an answer")
			panic(v)
		})
		if res.Status != 500 || res.Header.Has("X-Secret") || string(res.Body) != "internal error\n" || res.Aborted {
			t.Errorf("got %d %q %v", res.Status, res.Body, res.Header)
		}
	}
}

func TestAPanicAfterTheHeadBreaksTheResponseOff(t *testing.T) {
	res := record("GET", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		w.Flush()
		panic("oops")
	})
	if res.Status != 200 || string(res.Body) != "half" || !res.Aborted {
		t.Errorf("got %d %q, aborted %v", res.Status, res.Body, res.Aborted)
	}
}

func TestARefusedStatusBecomes500(t *testing.T) {
	for _, status := range []int{-1, 0, 100, 199, 600, 99999} {
		res := record("GET", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Flush()
		})
		want := 500
		if status == 0 {
			want = 200 // as if it had not been called
		}
		if res.Status != want {
			t.Errorf("%d became %d, want %d", status, res.Status, want)
		}
	}
}

func TestAResponseIsClosedAfterItsHandler(t *testing.T) {
	var kept http.ResponseWriter
	record("GET", func(w http.ResponseWriter, _ *http.Request) { kept = w })
	if _, err := kept.Write([]byte("late")); err != http.ErrClosed {
		t.Errorf("a late write gives %v", err)
	}
	if err := kept.Flush(); err != http.ErrClosed {
		t.Errorf("a late flush gives %v", err)
	}
}

func TestHelpersAnswer(t *testing.T) {
	for _, c := range []struct {
		f          func(http.ResponseWriter, *http.Request)
		status     int
		name, want string
		body       string
	}{
		{func(w http.ResponseWriter, _ *http.Request) { http.JSON(w, 200, []byte("{}")) }, 200, "Content-Type", "application/json", "{}"},
		{func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", 303) }, 303, "Location", "/x", ""},
		{http.NotFound, 404, "Content-Type", "text/plain; charset=utf-8", "not found\n"},
		{func(w http.ResponseWriter, _ *http.Request) { http.Error(w, 409, "no") }, 409, "Content-Type", "text/plain; charset=utf-8", "no\n"},
	} {
		res := record("GET", c.f)
		if res.Status != c.status || res.Header.Get(c.name) != c.want || string(res.Body) != c.body {
			t.Errorf("got %d %s: %q, %q", res.Status, c.name, res.Header.Get(c.name), res.Body)
		}
	}
}

func TestWithoutAHandlerTheActorSaysSo(t *testing.T) {
	if res := http.Serve(http.NewRequest("GET", "/", nil)); res.Status != 500 || !strings.Contains(string(res.Body), "http.Handle") {
		t.Errorf("got %d %q", res.Status, res.Body)
	}
}
