package rpc_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/rpc"
)

const mib = 1 << 20

// noise is n bytes that are the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// sink takes a streamed reply.
type sink struct {
	mu      sync.Mutex
	head    []byte
	body    bytes.Buffer
	flushes int
	gate    chan struct{} // if not nil, each Write takes a token
	err     error         // of each Write
}

func (s *sink) Head(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head = append([]byte("head:"), p...)
	return nil
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.body.Write(p)
}

func (s *sink) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushes++
	return nil
}

func (s *sink) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Len()
}

func TestLargePayloadAndReplyGoInParts(t *testing.T) {
	p := newPair(t, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	for _, n := range []int{0, 1, 64 << 10, 511 << 10, 512 << 10, 513 << 10, mib + 1, 16 * mib} {
		payload := noise(n)
		reply, err := p.call(latticetest.Context(t), invocation("echo", payload))
		if err != nil || !bytes.Equal(reply.Payload, payload) {
			t.Errorf("%d bytes: got %d bytes, %v", n, len(reply.Payload), err)
		}
	}
}

func TestPayloadOrReplyBeyondTheLimitIsRefused(t *testing.T) {
	var called atomic.Bool
	p := newPair(t, func(context.Context, string, lattice.Invocation) (lattice.Reply, error) {
		called.Store(true)
		return lattice.Reply{Payload: make([]byte, 2*mib)}, nil
	}, rpc.ClientConfig{MaxPayload: mib}, rpc.ServerConfig{MaxPayload: mib})
	_, err := p.call(latticetest.Context(t), invocation("put", make([]byte, mib+1)))
	if !errors.Is(err, lattice.ErrLimit) || !rpc.NotBegun(err) || called.Load() {
		t.Errorf("a payload that is too large: %v", err)
	}
	if _, err = p.call(latticetest.Context(t), invocation("get", nil)); !errors.Is(err, lattice.ErrLimit) || rpc.NotBegun(err) {
		t.Errorf("a reply that is too large: %v", err)
	}
}

// TestBodiesOfAnySizeStreamBothWays sends 64 MiB there and back at the same time. Memory is bounded by windows, not by size.
func TestBodiesOfAnySizeStreamBothWays(t *testing.T) {
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		if err := inv.Stream.Head([]byte("ok")); err != nil {
			return lattice.Reply{}, err
		}
		n, err := io.Copy(inv.Stream, inv.Body)
		return lattice.Reply{Payload: []byte{byte(n >> 20)}}, err
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	const size = 64 * mib
	in, out := sha256.New(), sha256.New()
	body := &measured{r: io.LimitReader(rand.NewChaCha8([32]byte{2}), size), hash: in}
	inv := invocation("copy", []byte("payload"))
	inv.Body, inv.Stream = body, &hashSink{hash: out}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	reply, err := p.call(latticetest.Context(t), inv)
	if err != nil || len(reply.Payload) != 1 || reply.Payload[0] != size/mib {
		t.Fatalf("got %v, %v", reply.Payload, err)
	}
	if !bytes.Equal(in.Sum(nil), out.Sum(nil)) {
		t.Error("what came back is not what was sent")
	}
	if grown := int64(body.peak) - int64(before.HeapAlloc); grown > 6*mib {
		t.Errorf("the heap grew by %d MiB", grown/mib)
	}
}

// measured looks at the heap each 4 MiB that are read.
type measured struct {
	r    io.Reader
	hash io.Writer
	n    int
	peak uint64
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	_, _ = m.hash.Write(p[:n])
	if (m.n+n)/(4*mib) > m.n/(4*mib) {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		m.peak = max(m.peak, s.HeapAlloc)
	}
	m.n += n
	return n, err
}

type hashSink struct{ hash io.Writer }

func (s *hashSink) Head([]byte) error           { return nil }
func (s *hashSink) Write(p []byte) (int, error) { return s.hash.Write(p) }
func (s *hashSink) Flush() error                { return nil }

func TestMemoryOfOneCallIsNotSeenByTheNext(t *testing.T) {
	p := newPair(t, func(ctx context.Context, src string, inv lattice.Invocation) (lattice.Reply, error) {
		if inv.Stream != nil {
			_, err := inv.Stream.Write([]byte("short"))
			return lattice.Reply{}, err
		}
		return echo(ctx, src, inv)
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	for range 50 {
		if _, err := p.call(latticetest.Context(t), invocation("echo", noise(70_000))); err != nil {
			t.Fatal(err)
		}
		s := new(sink)
		inv := invocation("stream", nil)
		inv.Stream = s
		if _, err := p.call(latticetest.Context(t), inv); err != nil || s.body.String() != "short" {
			t.Fatalf("got %d bytes, %v", s.size(), err)
		}
	}
}

func TestStreamedReplyComesAsItIsWritten(t *testing.T) {
	next := make(chan struct{})
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		if err := inv.Stream.Head([]byte("200")); err != nil {
			return lattice.Reply{}, err
		}
		for _, part := range []string{"one ", "two "} {
			if _, err := inv.Stream.Write([]byte(part)); err != nil {
				return lattice.Reply{}, err
			}
			if err := inv.Stream.Flush(); err != nil {
				return lattice.Reply{}, err
			}
			<-next
		}
		_, err := inv.Stream.Write([]byte("three"))
		return lattice.Reply{}, err
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	s := new(sink)
	inv := invocation("count", nil)
	inv.Stream = s
	done := make(chan error, 1)
	go func() {
		_, err := p.call(latticetest.Context(t), inv)
		done <- err
	}()
	latticetest.WaitFor(t, "the first part", func() bool { return s.size() == 4 })
	next <- struct{}{}
	latticetest.WaitFor(t, "the second part", func() bool { return s.size() == 8 })
	next <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s.body.String() != "one two three" || string(s.head) != "head:200" || s.flushes != 2 {
		t.Errorf("got %q after %q, flushed %d times", s.body.String(), s.head, s.flushes)
	}
}

func TestSlowReaderHoldsTheWriterBack(t *testing.T) {
	var written atomic.Int64
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		part := make([]byte, 10_000)
		for range 1000 {
			n, err := inv.Stream.Write(part)
			written.Add(int64(n))
			if err != nil {
				return lattice.Reply{}, err
			}
		}
		return lattice.Reply{}, nil
	}, rpc.ClientConfig{Beat: 10 * time.Millisecond, Lost: 10 * time.Second}, rpc.ServerConfig{})
	s := &sink{gate: make(chan struct{})}
	inv := invocation("flood", nil)
	inv.Stream = s
	done := make(chan error, 1)
	go func() {
		_, err := p.call(latticetest.Context(t), inv)
		done <- err
	}()
	latticetest.WaitFor(t, "the window to be full", func() bool { return written.Load() >= 4*64<<10 })
	s.gate <- struct{}{} // one more chunk was read: still far from all
	if n := written.Load(); n > 8*64<<10 {
		t.Errorf("%d bytes were written to a reader that took 64 KiB", n)
	}
	close(s.gate)
	if err := <-done; err != nil || s.size() != 10_000_000 {
		t.Errorf("got %d bytes, %v", s.size(), err)
	}
}

func TestManySmallWritesAreBoundedToo(t *testing.T) {
	var flushed atomic.Int64
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		for range 5000 {
			if _, err := inv.Stream.Write([]byte{1}); err != nil {
				return lattice.Reply{}, err
			}
			if err := inv.Stream.Flush(); err != nil {
				return lattice.Reply{}, err
			}
			flushed.Add(1)
		}
		return lattice.Reply{}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	s := &sink{gate: make(chan struct{})}
	inv := invocation("drip", nil)
	inv.Stream = s
	done := make(chan error, 1)
	go func() {
		_, err := p.call(latticetest.Context(t), inv)
		done <- err
	}()
	latticetest.WaitFor(t, "the window to be full", func() bool { return flushed.Load() > 500 })
	s.gate <- struct{}{}
	if n := flushed.Load(); n > 600 {
		t.Errorf("%d frames are under way", n)
	}
	close(s.gate)
	if err := <-done; err != nil || s.size() != 5000 {
		t.Errorf("got %d bytes, %v", s.size(), err)
	}
}

func TestBodyThatBreaksOffKeepsItsError(t *testing.T) {
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		b, err := io.ReadAll(inv.Body)
		if len(b) != 5 {
			t.Errorf("got %q", b)
		}
		return lattice.Reply{}, err
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	inv := invocation("read", nil)
	inv.Body = io.MultiReader(bytes.NewReader([]byte("hello")), broken{&lattice.Error{Kind: lattice.ErrLimit, Msg: "too large", Hint: "less"}})
	_, err := p.call(latticetest.Context(t), inv)
	var e *lattice.Error
	if !errors.Is(err, lattice.ErrLimit) || !errors.As(err, &e) || e.Msg != "too large" || e.Hint != "less" {
		t.Errorf("got %v", err)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// blockedBody is a body whose Read blocks until its deadline, as that of a client that stopped sending; and the stream that can set it.
type blockedBody struct {
	sink
	begun chan struct{}
	over  chan struct{}
	once  sync.Once
}

func (b *blockedBody) Read([]byte) (int, error) {
	close(b.begun)
	<-b.over
	return 0, errors.New("deadline")
}

func (b *blockedBody) SetReadDeadline(at time.Time) error {
	if time.Now().After(at) {
		b.once.Do(func() { close(b.over) })
	}
	return nil
}

func TestBodyIsNotReadAnyMoreWhenTheCallIsOver(t *testing.T) {
	release := make(chan struct{})
	p := newPair(t, func(context.Context, string, lattice.Invocation) (lattice.Reply, error) {
		<-release
		return lattice.Reply{}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	b := &blockedBody{begun: make(chan struct{}), over: make(chan struct{})}
	inv := invocation("ignore", nil)
	inv.Body, inv.Stream = b, b
	done := make(chan error, 1)
	go func() {
		_, err := p.call(latticetest.Context(t), inv)
		done <- err
	}()
	<-b.begun
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.over:
	default:
		t.Error("the Read was not ended")
	}
}

func TestBodyIsUntouchedIfTheHostDoesNotTakeTheCall(t *testing.T) {
	p := newPair(t, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	body := bytes.NewReader([]byte("hello"))
	inv := invocation("read", nil)
	inv.Body = body
	_, err := p.client.Invoke(latticetest.Context(t), p.User("host").ID, inv)
	if !rpc.NotBegun(err) || body.Len() != 5 {
		t.Errorf("got %v, %d bytes are left", err, body.Len())
	}
}

func TestStreamThatBreaksCancelsTheCallee(t *testing.T) {
	cancelled := make(chan error, 1)
	p := newPair(t, func(ctx context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		for {
			if _, err := inv.Stream.Write(make([]byte, 1000)); err != nil {
				cancelled <- ctx.Err()
				return lattice.Reply{}, err
			}
		}
	}, rpc.ClientConfig{}, rpc.ServerConfig{Lost: never})
	gone := errors.New("the client is gone")
	inv := invocation("flood", nil)
	inv.Stream = &sink{err: gone}
	if _, err := p.call(latticetest.Context(t), inv); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if err := <-cancelled; err == nil {
		t.Error("the callee was not cancelled")
	}
}

func TestStreamAndBodyAreDeadAfterTheCall(t *testing.T) {
	kept := make(chan lattice.Invocation, 1)
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		kept <- inv
		return lattice.Reply{}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	s := new(sink)
	inv := invocation("keep", nil)
	inv.Body, inv.Stream = bytes.NewReader(make([]byte, 10)), s
	if _, err := p.call(latticetest.Context(t), inv); err != nil {
		t.Fatal(err)
	}
	k := <-kept
	latticetest.WaitFor(t, "the end of the stream", func() bool { _, err := k.Stream.Write([]byte("x")); return err != nil })
	if _, err := io.ReadAll(k.Body); err == nil {
		t.Error("the body can be read")
	}
	if k.Stream.Head(nil) == nil || s.size() != 0 {
		t.Error("the stream can be written")
	}
}

func TestDeadlinesEndAReadAndAWriteThatBlock(t *testing.T) {
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		w := inv.Stream.(interface {
			SetReadDeadline(time.Time) error
			SetWriteDeadline(time.Time) error
		})
		_ = w.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := inv.Body.Read(make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) && err == nil {
			t.Errorf("read: %v", err)
		}
		_ = w.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		var err error
		for err == nil {
			_, err = inv.Stream.Write(make([]byte, 64<<10))
		}
		_ = w.SetWriteDeadline(time.Time{})
		return lattice.Reply{Payload: []byte("late")}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	b := &blockedBody{begun: make(chan struct{}), over: make(chan struct{})}
	b.gate = make(chan struct{})
	inv := invocation("wait", nil)
	inv.Body, inv.Stream = b, b
	done := make(chan error, 1)
	go func() {
		reply, err := p.call(latticetest.Context(t), inv)
		if string(reply.Payload) != "late" {
			t.Errorf("got %q", reply.Payload)
		}
		done <- err
	}()
	<-b.begun
	time.AfterFunc(200*time.Millisecond, func() { close(b.gate) }) // the stream is stuck for longer than the callee waits
	if err := <-done; err != nil {
		t.Error(err)
	}
}
