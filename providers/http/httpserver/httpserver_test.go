package httpserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
	contract "github.com/wattle-io/wattle/providers/http"
)

// actor is what a test does in the place of an actor.
type actor func(ctx context.Context, req contract.RequestHead, inv lattice.Invocation) error

func (a actor) Invoke(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	head, err := contract.DecodeRequestHead(inv.Payload)
	if err != nil {
		return lattice.Reply{}, err
	}
	return lattice.Reply{}, a(ctx, head, inv)
}

// start runs a server with a link to "Mactor" of that config.
func start(t testing.TB, a actor, config map[string]string) (*Server, string) {
	t.Helper()
	s, err := New(providers.Env{Actors: a, Settings: map[string]string{"addr": "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if config != nil {
		fatal(t, s.Link(t.Context(), link("Mactor", "default", config)))
	}
	return s, "http://" + s.Describe()["address"]
}

func link(target, name string, config map[string]string) lattice.Link {
	return lattice.Link{Source: Name, Target: target, Contract: contract.Name, Name: name, Config: config}
}

func reply(w lattice.ReplyWriter, status int, text string, fields ...contract.Field) error {
	if err := w.Head(contract.ResponseHead{Status: status, Header: fields}.Encode(nil)); err != nil {
		return err
	}
	_, err := io.WriteString(w, text)
	return err
}

func say(text string) actor {
	return func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
		return reply(inv.Stream, 200, text)
	}
}

// client has connections of its own, so that closing a server need not wait for them.
func client(t testing.TB) *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func do(t testing.TB, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(req)
	fatal(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	fatal(t, err)
	return resp, string(b)
}

func get(t testing.TB, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	fatal(t, err)
	return do(t, client(t), req)
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestARequestReachesTheActorWhole(t *testing.T) {
	var got contract.RequestHead
	var src, target, name string
	_, url := start(t, func(_ context.Context, req contract.RequestHead, inv lattice.Invocation) error {
		got, src, target, name = req, inv.Source, inv.Target, inv.Link
		for i := range got.Header {
			got.Header[i].Value = bytes.Clone(got.Header[i].Value)
		}
		b, err := io.ReadAll(inv.Body)
		if err != nil {
			return err
		}
		return reply(inv.Stream, 201, "got "+string(b), contract.Field{Name: "X-Reply", Value: []byte("a")}, contract.Field{Name: "x-reply", Value: []byte("b")})
	}, map[string]string{})
	req, _ := http.NewRequest("PUT", url+"/a%20b/c?x=1&y=%2F", strings.NewReader("body"))
	req.Host = "example.org:99"
	req.Header = http.Header{"X-Twice": {"1", "2"}, "Connection": {"keep-alive, X-Secret"}, "X-Secret": {"s"}, "Te": {"trailers"}, "User-Agent": {"test"}}
	resp, body := do(t, client(t), req)
	if resp.StatusCode != 201 || body != "got body" || fmt.Sprint(resp.Header["X-Reply"]) != "[a b]" {
		t.Errorf("response %d %q %v", resp.StatusCode, body, resp.Header)
	}
	if src != "httpserver" || target != "Mactor" || name != "default" {
		t.Errorf("invoked by %s at %s through %s", src, target, name)
	}
	header := map[string]string{}
	for _, f := range got.Header {
		header[f.Name] += string(f.Value) + ";"
	}
	want := map[string]string{"X-Twice": "1;2;", "User-Agent": "test;", "Content-Length": "4;"}
	if !maps.Equal(header, want) {
		t.Errorf("header %v, want %v", header, want)
	}
	got.Header = nil
	if fmt.Sprint(got) != "{PUT http example.org:99 /a%20b/c?x=1&y=%2F []}" {
		t.Errorf("head %v", got)
	}
}

func TestBodiesStreamBothWays(t *testing.T) {
	_, url := start(t, func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
		if err := reply(inv.Stream, 200, ""); err != nil {
			return err
		}
		for r := bufio.NewReader(inv.Body); ; {
			line, err := r.ReadString('\n')
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			io.WriteString(inv.Stream, "echo "+line)
			if err := inv.Stream.Flush(); err != nil {
				return err
			}
		}
	}, map[string]string{})
	pr, pw := io.Pipe()
	req, _ := http.NewRequest("POST", url, pr)
	go io.WriteString(pw, "one\n")
	resp, err := client(t).Do(req)
	fatal(t, err)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for _, next := range []string{"two\n", "three\n", ""} { // each is sent only after the answer to the one before has come
		if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "echo ") {
			t.Fatalf("read %q, %v", line, err)
		}
		io.WriteString(pw, next)
	}
	pw.Close()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("rest %q, %v", rest, err)
	}
}

func TestErrorsBecomeStatusesThatTellNothingInternal(t *testing.T) {
	fails := func(kind error) actor {
		return func(context.Context, contract.RequestHead, lattice.Invocation) error {
			return &lattice.Error{Kind: kind, Msg: "secret detail", Hint: "secret hint", Err: errors.New("secret cause")}
		}
	}
	for name, c := range map[string]struct {
		actor  actor
		status int
		retry  bool
	}{
		"busy":        {fails(lattice.ErrBusy), 503, true},
		"unavailable": {fails(lattice.ErrUnavailable), 503, true},
		"deadline":    {fails(lattice.ErrDeadline), 504, false},
		"trap":        {fails(lattice.ErrTrap), 502, false},
		"internal":    {fails(lattice.ErrInternal), 500, false},
		"untyped": {func(context.Context, contract.RequestHead, lattice.Invocation) error {
			return errors.New("secret detail")
		}, 500, false},
		"no response": {func(context.Context, contract.RequestHead, lattice.Invocation) error { return nil }, 502, false},
		"bad status": {func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
			return reply(inv.Stream, 999, "secret detail")
		}, 502, false},
		"informational status": {func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
			return reply(inv.Stream, 101, "secret detail")
		}, 502, false},
		"body first": {func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
			_, err := io.WriteString(inv.Stream, "secret detail")
			return err
		}, 502, false},
		"junk head": {func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
			return inv.Stream.Head([]byte("junk"))
		}, 502, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := start(t, c.actor, map[string]string{})
			resp, body := get(t, url)
			if resp.StatusCode != c.status || (resp.Header.Get("Retry-After") != "") != c.retry || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
				t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
			}
			if strings.Contains(body, "secret") || len(body) == 0 || len(body) > 200 {
				t.Errorf("body %q", body)
			}
		})
	}
}

func TestAResponseThatBreaksOffIsNotWhole(t *testing.T) {
	_, url := start(t, func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
		if err := reply(inv.Stream, 200, "half"); err != nil {
			return err
		}
		if err := inv.Stream.Flush(); err != nil {
			return err
		}
		return &lattice.Error{Kind: lattice.ErrTrap, Msg: "unreachable"}
	}, map[string]string{})
	resp, err := client(t).Get(url)
	fatal(t, err)
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client takes %q for the whole response", b)
	}
}

func TestATimeoutEndsTheCall(t *testing.T) {
	_, url := start(t, func(ctx context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
		<-ctx.Done()
		return ctx.Err()
	}, map[string]string{"timeout": "50ms"})
	for range 2 { // also on the connection that is used again
		if resp, _ := get(t, url); resp.StatusCode != 504 {
			t.Errorf("status %d", resp.StatusCode)
		}
		req, _ := http.NewRequest("POST", url, strings.NewReader("x"))
		if resp, _ := do(t, client(t), req); resp.StatusCode != 504 {
			t.Errorf("status %d of a request with a body", resp.StatusCode)
		}
	}
}

func TestAClientThatGoesAwayEndsTheCall(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	_, url := start(t, func(ctx context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}, map[string]string{})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	go client(t).Do(req)
	<-began
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the call goes on")
	}
}

func TestALargeBodyIsRefused(t *testing.T) {
	var called atomic.Int32
	_, url := start(t, func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
		called.Add(1)
		n, err := io.Copy(io.Discard, inv.Body)
		if err != nil {
			return reply(inv.Stream, 500, "cannot read") // as a guest would
		}
		return reply(inv.Stream, 200, fmt.Sprint(n))
	}, map[string]string{"max-body": "1KiB"})
	for _, c := range []struct {
		size, status int
		chunked      bool
	}{{1024, 200, false}, {1024, 200, true}, {1025, 413, false}, {1025, 413, true}, {5 << 20, 413, true}} {
		var body io.Reader = bytes.NewReader(make([]byte, c.size))
		if c.chunked {
			body = io.MultiReader(body)
		}
		req, _ := http.NewRequest("POST", url, body)
		if resp, text := do(t, client(t), req); resp.StatusCode != c.status {
			t.Errorf("%+v: status %d %q", c, resp.StatusCode, text)
		}
	}
	if called.Load() != 4 {
		t.Errorf("the actor was called %d times: a length that is announced should be refused before", called.Load())
	}
}

func TestWhatActorsSendIsChecked(t *testing.T) {
	_, url := start(t, func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
		var fields []contract.Field
		for name, value := range map[string]string{"X-Good": "yes", "X-Split": "a\r\nSet-Cookie: evil=1", "Bad Name": "x", "": "x", "Connection": "upgrade", "Upgrade": "h2c",
			"Transfer-Encoding": "gzip", "X-Nul": "\x00"} {
			fields = append(fields, contract.Field{Name: name, Value: []byte(value)})
		}
		fields = append(fields, contract.Field{Name: "Content-Length", Value: []byte("3")}, contract.Field{Name: "content-length", Value: []byte("700")})
		return reply(inv.Stream, 200, "<script>alert(1)</script>", fields...)
	}, map[string]string{})
	resp, body := get(t, url)
	if body != "<script>alert(1)</script>" || resp.Header.Get("X-Good") != "yes" {
		t.Errorf("%q %v", body, resp.Header)
	}
	for _, name := range []string{"X-Split", "Set-Cookie", "Bad Name", "Upgrade", "X-Nul", "Content-Type"} {
		if v, ok := resp.Header[name]; ok {
			t.Errorf("%s: %q came through", name, v)
		}
	}
}

func TestResponsesWithoutBody(t *testing.T) {
	_, url := start(t, func(_ context.Context, req contract.RequestHead, inv lattice.Invocation) error {
		status := 200
		fmt.Sscan(strings.TrimPrefix(req.PathWithQuery, "/"), &status)
		return reply(inv.Stream, status, "body", contract.Field{Name: "content-length", Value: []byte("4")})
	}, map[string]string{})
	c := client(t)
	for _, path := range []string{"/204", "/304", "/200"} {
		req, _ := http.NewRequest(map[bool]string{true: "HEAD", false: "GET"}[path == "/200"], url+path, nil)
		for range 2 { // the connection stays in step
			if resp, body := do(t, c, req); fmt.Sprint("/", resp.StatusCode) != path || body != "" {
				t.Errorf("%s: %d %q", path, resp.StatusCode, body)
			}
		}
	}
}

func TestOddRequestsAreRefused(t *testing.T) {
	s, url := start(t, say("x"), map[string]string{})
	req, _ := http.NewRequest("GET", url+"/"+strings.Repeat("p", contract.MaxTarget), nil)
	if resp, _ := do(t, client(t), req); resp.StatusCode != 414 {
		t.Errorf("long path: %d", resp.StatusCode)
	}
	req, _ = http.NewRequest("GET", url, nil)
	req.Header["X"] = make([]string, contract.MaxFields+1)
	if resp, _ := do(t, client(t), req); resp.StatusCode != 431 {
		t.Errorf("many fields: %d", resp.StatusCode)
	}
	for _, raw := range []string{"CONNECT a.b:1 HTTP/1.1\r\nHost: a.b:1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "\x16\x03\x01\r\n\r\n"} {
		conn, err := net.Dial("tcp", s.addr)
		fatal(t, err)
		io.WriteString(conn, raw)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && resp.StatusCode < 400 {
			t.Errorf("%.40q: status %d", raw, resp.StatusCode)
		}
		conn.Close()
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	s, _ := start(t, say(""), nil)
	_, err := New(providers.Env{Actors: say(""), Settings: map[string]string{"addr": s.addr}})
	if !errors.Is(err, lattice.ErrConflict) || !strings.Contains(err.Error(), s.addr) || !strings.Contains(err.Error(), "--http") {
		t.Errorf("error %v", err)
	}
	_, err = New(providers.Env{Actors: say(""), Settings: map[string]string{"addr": "nowhere"}})
	if !errors.Is(err, lattice.ErrInvalid) || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("error %v", err)
	}
}

func TestCloseLetsRequestsEnd(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	s, err := New(providers.Env{Settings: map[string]string{"addr": "127.0.0.1:0"},
		Actors: actor(func(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
			close(began)
			<-goOn
			return reply(inv.Stream, 200, "done")
		})})
	fatal(t, err)
	fatal(t, s.Link(t.Context(), link("Mactor", "default", nil)))
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp, body := get(t, "http://"+s.addr); resp.StatusCode != 200 || body != "done" {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
	})
	<-began
	wg.Go(func() { fatal(t, s.Close()) })
	for { // until it accepts no more
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		conn.Close()
	}
	close(goOn)
	wg.Wait()
}

func BenchmarkRequest(b *testing.B) {
	_, url := start(b, say("hello"), map[string]string{})
	plain := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(b, err)
	go plain.Serve(ln)
	defer plain.Close()
	for name, url := range map[string]string{"net-http": "http://" + ln.Addr().String(), "httpserver": url} {
		b.Run(name, func(b *testing.B) {
			c := client(b)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := c.Get(url)
				fatal(b, err)
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}
