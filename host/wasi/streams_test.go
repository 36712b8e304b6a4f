package wasi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

const (
	read    = "streams#[method]input-stream.read"
	bread   = "streams#[method]input-stream.blocking-read"
	write   = "streams#[method]output-stream.write"
	check   = "streams#[method]output-stream.check-write"
	bwrite  = "streams#[method]output-stream.blocking-write-and-flush"
	bflush  = "streams#[method]output-stream.blocking-flush"
	isReady = "poll#[method]pollable.ready"
)

var closed = fail{variant{name: "closed"}}

// until waits for a condition that another goroutine brings about.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestReadTakesAtMostWhatWasAskedFor(t *testing.T) {
	g := newGuest(t, Config{})
	s := g.input(strings.NewReader("hello"))
	same(t, "read 2", g.call(read, s, 2), ok{[]byte("he")})
	same(t, "read 0", g.call(read, s, 0), ok{[]byte{}})
	same(t, "skip 1", g.call("streams#[method]input-stream.skip", s, 1), ok{1})
	same(t, "skip 9", g.call("streams#[method]input-stream.blocking-skip", s, 9), ok{2})
	same(t, "read at the end", g.call(read, s, 2), closed)
	same(t, "skip at the end", g.call("streams#[method]input-stream.skip", s, 2), closed)
}

func TestReadNeverReturnsMoreThan64KiB(t *testing.T) {
	g := newGuest(t, Config{})
	s := g.input(bytes.NewReader(make([]byte, 1<<20)))
	longest := 0
	for n := 0; n < 1<<20; {
		got := len(g.get(bread, s, -1).([]byte))
		n, longest = n+got, max(longest, got)
	}
	if longest != maxRead {
		t.Fatalf("longest read is %d", longest)
	}
}

func TestReadDoesNotBlockAndSubscribeWaits(t *testing.T) {
	g := newGuest(t, Config{})
	r, w := io.Pipe()
	s := g.input(r)
	same(t, "read with nothing there", g.call(read, s, 10), ok{[]byte{}})
	p := g.open("streams#[method]input-stream.subscribe", s)
	same(t, "ready", g.call(isReady, p), false)
	go w.Write([]byte("x"))
	g.call("poll#[method]pollable.block", p)
	same(t, "ready", g.call(isReady, p), true)
	same(t, "read", g.call(read, s, 10), ok{[]byte("x")})
	go w.Close()
	same(t, "blocking-read", g.call(bread, s, 10), closed)
}

func TestBlockingReadEndsWithItsContext(t *testing.T) {
	g := newGuest(t, Config{})
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	g.ctx = ctx
	time.AfterFunc(5*time.Millisecond, cancel)
	if _, err := g.try(bread, g.input(r), 10); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// deadlineOnly is a context that tells its deadline but has no channel that is closed at it.
type deadlineOnly struct {
	context.Context
	at time.Time
}

func (d deadlineOnly) Deadline() (time.Time, bool) { return d.at, true }

func TestBlockingReadEndsWithADeadlineThatOnlyTheClockTells(t *testing.T) {
	g := newGuest(t, Config{})
	r, w := io.Pipe()
	defer w.Close()
	g.ctx = deadlineOnly{t.Context(), time.Now().Add(5 * time.Millisecond)}
	if _, err := g.try(bread, g.input(r), 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

// rude is a reader that breaks io.Reader's rules.
type rude struct{ n int }

func (r rude) Read([]byte) (int, error) { return r.n, nil }

func TestReadErrorIsToldOnceThenTheStreamIsClosed(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"failing":  io.MultiReader(strings.NewReader("a"), errReader{errors.New("cable cut")}),
		"too long": rude{1 << 30}, "negative": rude{-1}, "stuck": rude{0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, Config{})
			s := g.input(r)
			var v any
			for v = g.call(bread, s, 10); ; v = g.call(bread, s, 10) {
				if _, isOK := v.(ok); !isOK {
					break
				}
			}
			e := v.(fail).value.(variant)
			if e.name != "last-operation-failed" {
				t.Fatalf("got %v", v)
			}
			text := g.call("error#[method]error.to-debug-string", e.value).(string)
			if text == "" || name == "failing" && text != "cable cut" {
				t.Fatalf("text %q", text)
			}
			same(t, "http-error-code", g.call("types#http-error-code", e.value), nil)
			same(t, "read again", g.call(bread, s, 10), closed)
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestWriteNeedsAPermit(t *testing.T) {
	var b bytes.Buffer
	g := newGuest(t, Config{})
	s := g.output(&b)
	if _, err := g.try(write, s, []byte("x")); !errors.Is(err, ErrMisuse) {
		t.Fatalf("write without check-write: %v", err)
	}
	permit := g.get(check, s).(int)
	g.get(write, s, make([]byte, permit-1))
	g.get("streams#[method]output-stream.write-zeroes", s, 1)
	if _, err := g.try("streams#[method]output-stream.write-zeroes", s, 1); !errors.Is(err, ErrMisuse) {
		t.Fatalf("write beyond the permit: %v", err)
	}
	if _, err := g.try(write, s, []byte("x")); !errors.Is(err, ErrMisuse) {
		t.Fatalf("write beyond the permit: %v", err)
	}
	if b.Len() != permit || permit != maxWrite {
		t.Fatalf("%d bytes written of %d", b.Len(), permit)
	}
}

func TestBlockingWriteIsBounded(t *testing.T) {
	var b bytes.Buffer
	g := newGuest(t, Config{})
	s := g.output(&b)
	g.get(bwrite, s, make([]byte, 4096))
	g.get("streams#[method]output-stream.blocking-write-zeroes-and-flush", s, 4096)
	for _, try := range []func() (any, error){
		func() (any, error) { return g.try(bwrite, s, make([]byte, 4097)) },
		func() (any, error) {
			return g.try("streams#[method]output-stream.blocking-write-zeroes-and-flush", s, -1)
		},
	} {
		if _, err := try(); !errors.Is(err, ErrMisuse) {
			t.Errorf("got %v", err)
		}
	}
	if b.Len() != 8192 {
		t.Fatalf("%d bytes", b.Len())
	}
}

// brittle is a writer that fails after some bytes, and counts flushes.
type brittle struct {
	left, flushed int
}

func (b *brittle) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return b.left, errors.New("disk full")
	}
	b.left -= len(p)
	return len(p), nil
}

func (b *brittle) Flush() error { b.flushed++; return nil }

func TestWriteErrorClosesTheStream(t *testing.T) {
	g := newGuest(t, Config{})
	w := &brittle{left: 4}
	s := g.output(w)
	g.get(bwrite, s, []byte("abcd"))
	g.get(bflush, s)
	g.get("streams#[method]output-stream.flush", s)
	if w.flushed != 3 {
		t.Fatalf("%d flushes", w.flushed)
	}
	e := g.call(bwrite, s, []byte("e")).(fail).value.(variant)
	same(t, "error", g.call("error#[method]error.to-debug-string", e.value), "disk full")
	for _, v := range []any{g.call(check, s), g.call(bflush, s), g.call(bwrite, s, []byte("e")),
		g.call("streams#[method]output-stream.blocking-splice", s, g.input(nil), 1)} {
		same(t, "after the error", v, closed)
	}
	same(t, "pollable", g.call(isReady, g.open("streams#[method]output-stream.subscribe", s)), true)
}

// mute takes less than it is given and says nothing.
type mute struct{}

func (mute) Write(p []byte) (int, error) { return len(p) / 2, nil }

func TestShortWriteIsAnError(t *testing.T) {
	g := newGuest(t, Config{})
	if v, failed := g.call(bwrite, g.output(mute{}), []byte("abcd")).(fail); !failed {
		t.Fatalf("got %v", v)
	}
}

func TestSpliceMovesWhatIsThere(t *testing.T) {
	var b bytes.Buffer
	g := newGuest(t, Config{})
	src, dst := g.input(strings.NewReader("hello")), g.output(&b)
	same(t, "splice 2", g.call("streams#[method]output-stream.splice", dst, src, 2), ok{2})
	same(t, "splice 0", g.call("streams#[method]output-stream.blocking-splice", dst, src, 0), ok{0})
	same(t, "splice all", g.call("streams#[method]output-stream.blocking-splice", dst, src, -1), ok{3})
	same(t, "splice at the end", g.call("streams#[method]output-stream.splice", dst, src, 1), closed)
	same(t, "output", b.String(), "hello")
}

func TestBlockingSpliceWaitsForInput(t *testing.T) {
	var b bytes.Buffer
	g := newGuest(t, Config{})
	r, w := io.Pipe()
	src, dst := g.input(r), g.output(&b)
	same(t, "splice with nothing there", g.call("streams#[method]output-stream.splice", dst, src, 9), ok{0})
	go w.Write([]byte("late"))
	same(t, "blocking-splice", g.call("streams#[method]output-stream.blocking-splice", dst, src, 9), ok{4})
	w.Close()
}
