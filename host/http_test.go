package host_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
	contract "github.com/wattle-io/wattle/providers/http"
)

// web starts a peer that serves all HTTP requests.
func (n *node) web(limits control.Limits, config ...string) {
	n.t.Helper()
	n.run(signed{guest: "peer", limits: limits})
	n.link("httpserver", "peer", "wasi:http", "", config...)
}

func (n *node) idle() bool { return n.info("peer").Busy == 0 }

func TestAResponseBeginsBeforeTheGuestReturns(t *testing.T) {
	n := newNode(t)
	n.web(control.Limits{})
	in, out := io.Pipe()
	resp, err := client(t).Post(n.http()+"/first", "text/plain", in) // returns with the head, while the guest waits for the body
	fatal(t, err)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	if line, err := r.ReadString('\n'); err != nil || line != "begun\n" {
		t.Errorf("first piece: %q, %v", line, err)
	}
	if n.idle() {
		t.Error("the guest has returned")
	}
	io.WriteString(out, "the body")
	out.Close()
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "the body" {
		t.Errorf("the rest: %q, %v", rest, err)
	}
}

func TestRequestBodiesAreStreamedToTheGuest(t *testing.T) {
	n := newNode(t)
	n.web(control.Limits{Memory: 24 << 20}, "max-body", "64MiB")
	in, out := io.Pipe()
	piece := make([]byte, 64<<10)
	for i := range piece {
		piece[i] = byte(i)
	}
	began := make(chan error, 1)
	go func() { _, err := out.Write(piece); began <- err }()
	resp, err := client(t).Post(n.http()+"/echo", "text/plain", in)
	fatal(t, err)
	defer resp.Body.Close()
	got := make([]byte, len(piece))
	for i := range 768 { // 48 MiB, more than the guest has memory; each piece comes back before the next is sent
		if i == 0 {
			fatal(t, <-began)
		} else if _, err := out.Write(piece); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != string(piece) {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	out.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
		t.Errorf("%d bytes more, %v", len(rest), err)
	}
}

func TestAClientThatGoesAwayEndsTheGuestsCall(t *testing.T) {
	n := newNode(t)
	n.web(control.Limits{Instances: 1})
	for _, path := range []string{"/spin", "/sleep", "/flood"} {
		ctx, cancel := context.WithCancel(latticetest.Context(t))
		req, err := http.NewRequestWithContext(ctx, "GET", n.http()+path, nil)
		fatal(t, err)
		resp, err := client(t).Do(req)
		fatal(t, err)
		if n.idle() {
			t.Errorf("%s: the guest has returned", path)
		}
		cancel()
		latticetest.WaitFor(t, path+" to end", n.idle)
		resp.Body.Close()
		if status, body, err := get(client(t), n.http()+"/version"); status != 200 || body != "none" {
			t.Errorf("after %s: %d %q, %v", path, status, body, err)
		}
	}
}

func TestTheTimeoutOfTheLinkEndsTheCall(t *testing.T) {
	n := newNode(t)
	n.web(control.Limits{Instances: 1}, "timeout", "200ms")
	for _, path := range []string{"/spin", "/sleep"} {
		resp, err := client(t).Get(n.http() + path)
		fatal(t, err)
		if b, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: the client takes %q for the whole response", path, b)
		}
		resp.Body.Close()
		latticetest.WaitFor(t, path+" to end", n.idle)
	}
	if status, _, err := get(client(t), n.http()+"/version"); status != 200 {
		t.Errorf("afterwards: %d, %v", status, err)
	}
}

func TestAClientThatDoesNotReadHoldsTheGuestNoLongerThanTheLinkAllows(t *testing.T) {
	n := newNode(t)
	n.web(control.Limits{Instances: 1}, "timeout", "300ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.http(), "http://"))
	fatal(t, err)
	defer conn.Close()
	began := time.Now()
	io.WriteString(conn, "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
	latticetest.WaitFor(t, "the call to begin", func() bool { return !n.idle() })
	latticetest.WaitFor(t, "the call to end", n.idle)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if status, _, err := get(client(t), n.http()+"/version"); status != 200 {
		t.Errorf("afterwards: %d, %v", status, err)
	}
}

func TestStatusesSayWhatKeepsAnActorFromAnswering(t *testing.T) {
	n := newNode(t)
	want := func(what string, status int) {
		t.Helper()
		if got, _, err := get(client(t), n.http()+"/version"); got != status || err != nil {
			t.Errorf("%s: %d, %v, want %d", what, got, err, status)
		}
	}
	want("without a link", 404)
	n.web(control.Limits{})
	want("with an actor", 200)
	n.link("httpserver", "peer", "wasi:http", "", "path", "/elsewhere")
	want("with another path", 404)
	n.link("httpserver", "peer", "wasi:http", "")
	want("with the old path", 200)
	fatal(t, n.Stop(t.Context(), control.StopRequest{Actor: "peer"}))
	want("stopped", 503)
	n.run(signed{guest: "peer", caps: allCaps()})
	want("started again", 200)
	fatal(t, n.DeleteLink(t.Context(), lattice.LinkKey{Source: "httpserver", Contract: "wasi:http"}))
	want("after the link", 404)
}

func TestAnHTTPCallThatCannotBeServedIsAnError(t *testing.T) {
	n := newNode(t)
	n.run(signed{guest: "kvprobe"})
	n.link("httpserver", "kvprobe", "wasi:http", "")
	head := contract.RequestHead{Method: "GET", Scheme: "http", Authority: "x", PathWithQuery: "/"}.Encode(nil)
	for what, c := range map[string]struct {
		payload []byte
		stream  lattice.ReplyWriter
		kind    error
	}{
		"no stream":           {head, nil, lattice.ErrUnsupported},
		"a malformed head":    {[]byte("junk"), discard{}, lattice.ErrInvalid},
		"an actor without it": {head, discard{}, lattice.ErrUnsupported},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := n.calls.Invoke(ctx, lattice.Invocation{Source: "httpserver", Contract: "wasi:http", Link: "kvprobe", Op: "handle", Payload: c.payload, Stream: c.stream})
		cancel()
		if !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", what, err, c.kind)
		}
	}
}

// stuck is a request whose body never comes and a response that nobody takes, until a deadline that is over is set.
type stuck struct {
	discard
	blocked     chan struct{} // told when something blocks
	read, write chan struct{} // closed by the deadlines
}

func (s *stuck) Read([]byte) (int, error)  { return s.block(s.read) }
func (s *stuck) Write([]byte) (int, error) { return s.block(s.write) }

func (s *stuck) block(until chan struct{}) (int, error) {
	select {
	case s.blocked <- struct{}{}:
	default:
	}
	<-until
	return 0, os.ErrDeadlineExceeded
}

func (s *stuck) SetReadDeadline(t time.Time) error  { return end(s.read, t) }
func (s *stuck) SetWriteDeadline(t time.Time) error { return end(s.write, t) }

func end(c chan struct{}, t time.Time) error {
	select {
	case <-c:
	default:
		if !t.IsZero() && t.Before(time.Now()) {
			close(c)
		}
	}
	return nil
}

func TestACallThatIsGivenUpEndsAReadOrWriteThatBlocks(t *testing.T) {
	n := newNode(t)
	n.web(control.Limits{})
	for _, c := range []struct{ method, path string }{{"GET", "/flood"}, {"POST", "/echo"}} {
		s := &stuck{blocked: make(chan struct{}, 1), read: make(chan struct{}), write: make(chan struct{})}
		ctx, cancel := context.WithCancel(latticetest.Context(t))
		head := contract.RequestHead{Method: c.method, Scheme: "http", Authority: "x", PathWithQuery: c.path}.Encode(nil)
		ended := make(chan error, 1)
		go func() {
			_, err := n.calls.Invoke(ctx, lattice.Invocation{Source: "httpserver", Contract: "wasi:http", Link: "peer", Op: "handle", Payload: head, Body: s, Stream: s})
			ended <- err
		}()
		<-s.blocked
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", c.path, err)
			}
		case <-time.After(latticetest.Patience):
			t.Fatalf("%s: the call goes on", c.path)
		}
	}
}

// discard is a reply that nobody reads.
type discard struct{}

func (discard) Head([]byte) error           { return nil }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Flush() error                { return nil }
