package rpc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/lattice/rpc"
)

const token = "ABCDEFGHIJKLMNOPQRSTUVWX23"

// callFrame is the first frame of a call of "get" by hand.
func callFrame(flags byte, size int, payload string) []byte {
	b := []byte{1, 1, flags, 13, 7, 3, 0}
	b = binary.AppendUvarint(b, uint64(size))
	return append(b, "wasi:keyvaluedefaultget"+payload...)
}

func TestHostCannotCallInTheNameOfAnother(t *testing.T) {
	var calls atomic.Int32
	p := newPair(t, func(ctx context.Context, src string, inv lattice.Invocation) (lattice.Reply, error) {
		calls.Add(1)
		return echo(ctx, src, inv)
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	rogue := p.User(bus.RoleHost)
	nc := p.ConnAs(rogue)
	// A client that says it is another host cannot even hear answers.
	if c, err := rpc.NewClient(nc, p.caller.ID, rpc.ClientConfig{}); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if _, err := c.Invoke(ctx, p.callee.ID, invocation("get", nil)); err == nil {
			t.Error("a call in the name of another was answered")
		}
		c.Close()
	}
	inbox := "_R." + rogue.ID + ".ABCDEFGH." + token
	forged := "rpc." + p.callee.ID + "." + p.caller.ID + ".keyvalue." + source + ".call"
	if err := nc.PublishRequest(forged, inbox, callFrame(0, 0, "")); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil || !errors.Is(nc.LastError(), nats.ErrPermissionViolation) {
		t.Errorf("the hub let it pass: %v, %v", err, nc.LastError())
	}
	for _, subject := range []string{"rpc." + p.callee.ID + ".>", "rpc.*.*.keyvalue.>", "_R." + p.caller.ID + ".>", "_R.>"} {
		before := nc.LastError()
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil || nc.LastError() == before {
			t.Errorf("a host may subscribe %s", subject)
		}
	}
	if calls.Load() != 0 {
		t.Error("the callee was called")
	}
}

// TestAnswerGoesOnlyToItsCaller has a host ask for answers on subjects of others, on which the callee may publish and it may not.
func TestAnswerGoesOnlyToItsCaller(t *testing.T) {
	var calls atomic.Int32
	p := newPair(t, func(ctx context.Context, src string, inv lattice.Invocation) (lattice.Reply, error) {
		calls.Add(1)
		return echo(ctx, src, inv)
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	victim := p.User(bus.RoleHost).ID
	rogue := p.User(bus.RoleHost)
	nc := p.ConnAs(rogue)
	all := p.Conn(bus.RoleService)
	heard, err := all.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(heard.SetPendingLimits(-1, -1), all.Flush()); err != nil {
		t.Fatal(err)
	}
	to := "rpc." + p.callee.ID + "." + rogue.ID + "."
	own := "_R." + rogue.ID + ".ABCDEFGH."
	for _, reply := range []string{"", "_R." + victim + ".ABCDEFGH." + token, "$KV.inv." + p.callee.ID, "evt." + p.callee.ID + ".actor.stopped", "hb." + p.callee.ID,
		own + token + ".x", own + token[1:], own + strings.ToLower(token), own + "ABCD.EFG." + token, "_R." + rogue.ID + ".ABC*EFGH." + token} {
		for _, frame := range []struct {
			verb string
			data []byte
		}{{"keyvalue." + source + ".call", callFrame(0, 0, "")}, {"keyvalue." + source + ".call", []byte("junk")}, {"-.-.ping", []byte{1, 7}}} {
			if err := nc.PublishMsg(&nats.Msg{Subject: to + frame.verb, Reply: reply, Data: frame.data}); err != nil && !strings.Contains(reply, "*") {
				t.Fatal(err)
			}
		}
	}
	if err := nc.Flush(); err != nil { // all of it is with the callee by now
		t.Fatal(err)
	}
	if _, err := p.call(latticetest.Context(t), invocation("get", []byte("the last"))); err != nil {
		t.Fatal(err)
	}
	for {
		m, err := heard.NextMsg(latticetest.Patience)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(m.Data, []byte("the last")) && strings.HasPrefix(m.Subject, "_R."+p.caller.ID) {
			break
		}
		if !strings.HasPrefix(m.Subject, "rpc.") && m.Subject != "_R."+p.caller.ID && !strings.HasPrefix(m.Subject, "_R."+p.caller.ID) && !strings.HasPrefix(m.Subject, "$") {
			t.Errorf("the callee published on %s", m.Subject)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls were carried out", n)
	}
}

// rogueHost is a host that speaks by hand to the callee of a pair.
type rogueHost struct {
	t       *testing.T
	nc      *nats.Conn
	to      string
	reply   string
	answers *nats.Subscription
}

func newRogue(t *testing.T, p *pair) *rogueHost {
	t.Helper()
	u := p.User(bus.RoleHost)
	r := &rogueHost{t: t, nc: p.ConnAs(u), to: "rpc." + p.callee.ID + "." + u.ID + ".keyvalue." + source + ".", reply: "_R." + u.ID + ".ABCDEFGH."}
	var err error
	if r.answers, err = r.nc.SubscribeSync(r.reply + ">"); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rogueHost) send(verb, reply string, data []byte) {
	r.t.Helper()
	if err := r.nc.PublishMsg(&nats.Msg{Subject: r.to + verb, Reply: reply, Data: data}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rogueHost) next() []byte {
	r.t.Helper()
	m, err := r.answers.NextMsg(latticetest.Patience)
	if err != nil {
		r.t.Fatal(err)
	}
	return m.Data
}

func (r *rogueHost) more(kind byte, data ...byte) {
	r.t.Helper()
	r.send("more", "", append(append([]byte{1, kind}, token...), data...))
}

func TestHostileFramesHurtNobody(t *testing.T) {
	p := newPair(t, echo, rpc.ClientConfig{}, rpc.ServerConfig{MaxPayload: mib})
	r := newRogue(t, p)
	for _, data := range [][]byte{nil, {1}, {2, 1}, {1, 1}, {1, 1, 0xff, 1, 1, 1}, {1, 1, 0, 255, 255, 255, 0, 0}, callFrame(0, 1<<62, ""), callFrame(0, 0, "more than announced"),
		append([]byte{1, 1, 0, 13, 7, 3}, bytes.Repeat([]byte{0xff}, 20)...), bytes.Repeat([]byte{1}, 600_000)} {
		r.send("call", r.reply+token, data)
		if got := r.next(); len(got) < 2 || got[1] != 6 {
			t.Errorf("%.20q was answered with %q", data, got)
		}
	}
	for _, verb := range []string{"more", "call.x", "", "x", "ping"} {
		for _, data := range [][]byte{nil, []byte("junk"), []byte("\x01\x02" + token), []byte("\x01\x05" + token + "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), []byte("\x01\x06" + token)} {
			if verb != "" {
				r.send(verb, r.reply+token, data)
			}
		}
	}
	if reply, err := p.call(latticetest.Context(t), invocation("get", []byte("well"))); err != nil || string(reply.Payload) != "well" {
		t.Errorf("an honest host: %q, %v", reply.Payload, err)
	}
}

func TestSenderBeyondItsWindowIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	p := newPair(t, func(ctx context.Context, _ string, _ lattice.Invocation) (lattice.Reply, error) {
		<-ctx.Done() // reads nothing
		ended <- ctx.Err()
		return lattice.Reply{}, ctx.Err()
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	r := newRogue(t, p)
	r.send("call", r.reply+token, callFrame(1, 0, ""))
	if got := r.next(); got[1] != 5 {
		t.Fatalf("got %q, want credit", got)
	}
	for range 5 {
		r.more(2, make([]byte, 64<<10)...)
	}
	await(t, "the end of the call", ended)
}

func TestPayloadThatIsNotAsAnnouncedIsRefused(t *testing.T) {
	p := newPair(t, func(context.Context, string, lattice.Invocation) (lattice.Reply, error) {
		t.Error("the call was carried out")
		return lattice.Reply{}, nil
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	r := newRogue(t, p)
	for _, kind := range []byte{2, 3, 4} {
		r.send("call", r.reply+token, callFrame(0, 10, "12345"))
		if got := r.next(); got[1] != 5 {
			t.Fatalf("got %q, want credit", got)
		}
		r.more(kind, []byte("1234567")...)
		if got := r.next(); got[1] != 6 || !bytes.Contains(got, []byte("announced")) {
			t.Errorf("got %q", got)
		}
	}
}

func TestSameCallTwiceRunsOnce(t *testing.T) {
	h := newHang()
	p := newPair(t, h.call, rpc.ClientConfig{}, rpc.ServerConfig{Lost: lost})
	r := newRogue(t, p)
	for range 2 {
		r.send("call", r.reply+token, callFrame(0, 0, ""))
	}
	if got := r.next(); got[1] != 6 || !bytes.Contains(got, []byte("under way already")) {
		t.Errorf("got %q", got)
	}
	await(t, "the first", h.begun)
	await(t, "its end, as nobody asks for it", h.ended)
	if len(h.begun) != 0 {
		t.Error("it ran twice")
	}
}

// hostileCallee answers a client's calls by hand.
func hostileCallee(t *testing.T, answer func(reply func(data ...byte))) (*rpc.Client, string) {
	t.Helper()
	l := latticetest.Hub(t)
	u := l.User(bus.RoleHost)
	nc := l.ConnAs(u)
	if _, err := nc.Subscribe("rpc."+u.ID+".>", func(m *nats.Msg) {
		if strings.HasSuffix(m.Subject, ".call") {
			answer(func(data ...byte) { _ = nc.Publish(m.Reply, data) })
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return dial(t, l, l.User(bus.RoleHost), rpc.ClientConfig{MaxPayload: mib}), u.ID
}

func TestHostileAnswersFailOnlyTheirCall(t *testing.T) {
	chunk := make([]byte, 64<<10)
	for name, tc := range map[string]struct {
		answer func(reply func(data ...byte))
		want   error
	}{
		"nothing":              {func(r func(...byte)) { r() }, lattice.ErrInternal},
		"one byte":             {func(r func(...byte)) { r(1) }, lattice.ErrInternal},
		"another version":      {func(r func(...byte)) { r(2, 1) }, lattice.ErrInternal},
		"an empty fault":       {func(r func(...byte)) { r(1, 6) }, lattice.ErrInternal},
		"a cut fault":          {func(r func(...byte)) { r(1, 6, 0, 200, 1) }, lattice.ErrInternal},
		"a head":               {func(r func(...byte)) { r(1, 3, 'x') }, lattice.ErrInternal},
		"a body":               {func(r func(...byte)) { r(1, 4, 0, 'x') }, lattice.ErrInternal},
		"more than the window": {func(r func(...byte)) { flood(r, append([]byte{1, 2}, chunk...), 6) }, nil},
		"more than a payload":  {func(r func(...byte)) { flood(r, append([]byte{1, 2}, chunk...), 64) }, nil},
		"a frame too large":    {func(r func(...byte)) { r(append([]byte{1, 1}, make([]byte, 600_000)...)...) }, lattice.ErrInternal},
	} {
		t.Run(name, func(t *testing.T) {
			c, dst := hostileCallee(t, tc.answer)
			_, err := c.Invoke(latticetest.Context(t), dst, invocation("get", nil))
			if err == nil || rpc.NotBegun(err) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func flood(reply func(...byte), data []byte, n int) {
	for range n {
		reply(data...)
	}
}

func TestFirstAnswerCounts(t *testing.T) {
	c, dst := hostileCallee(t, func(reply func(...byte)) {
		reply(append([]byte{1, 99}, "of a later version"...)...)
		reply(append([]byte{1, 1}, "first"...)...)
		reply(append([]byte{1, 1}, "second"...)...)
		reply(append([]byte{1, 6, 0}, "third"...)...)
	})
	for range 100 { // an answer that is late for one call must not become that of the next
		reply, err := c.Invoke(latticetest.Context(t), dst, invocation("get", nil))
		if err != nil || string(reply.Payload) != "first" {
			t.Fatalf("got %q, %v", reply.Payload, err)
		}
	}
}

func TestWhatCannotBeSentIsRefused(t *testing.T) {
	p := newPair(t, echo, rpc.ClientConfig{}, rpc.ServerConfig{})
	long := strings.Repeat("x", 5000)
	for _, bad := range []string{"", "a.b", "*", ">", "a b", "a\r\nPUB x", "-", "ä", long, "\x00"} {
		inv := invocation("get", nil)
		inv.Target = bad
		refused(t, p, inv, bad)
		inv = invocation("get", nil)
		inv.Source = bad
		refused(t, p, inv, bad)
	}
	for _, bad := range []string{"", "a b", "a\r\n", "ä", long, "\x00"} {
		refused(t, p, invocation(bad, nil), bad)
		inv := invocation("get", nil)
		inv.Contract = bad
		refused(t, p, inv, bad)
	}
	for _, dst := range []string{"", "*", p.callee.ID + ".x", strings.ToLower(p.callee.ID)} {
		if _, err := p.client.Invoke(latticetest.Context(t), dst, invocation("get", nil)); !errors.Is(err, lattice.ErrInvalid) || !rpc.NotBegun(err) {
			t.Errorf("host %q: %v", dst, err)
		}
	}
	for _, op := range []string{"wasi:http/incoming-handler@0.2.0#handle", "[method]bucket.get", "a.b.>.*", strings.Repeat("x", 255)} {
		if _, err := p.call(latticetest.Context(t), invocation(op, nil)); err != nil {
			t.Errorf("operation %q: %v", op, err)
		}
	}
}

func refused(t *testing.T, p *pair, inv lattice.Invocation, bad string) {
	t.Helper()
	if _, err := p.call(latticetest.Context(t), inv); !errors.Is(err, lattice.ErrInvalid) || !rpc.NotBegun(err) {
		t.Errorf("%.20q: %v", bad, err)
	}
}

func TestBodyOfZeroByteReadsEnds(t *testing.T) {
	p := newPair(t, func(_ context.Context, _ string, inv lattice.Invocation) (lattice.Reply, error) {
		b, err := io.ReadAll(inv.Body)
		return lattice.Reply{Payload: b}, err
	}, rpc.ClientConfig{}, rpc.ServerConfig{})
	inv := invocation("read", nil)
	inv.Body = &stutter{r: strings.NewReader("hello")}
	reply, err := p.call(latticetest.Context(t), inv)
	if err != nil || string(reply.Payload) != "hello" {
		t.Errorf("got %q, %v", reply.Payload, err)
	}
}

// stutter reads nothing each other time, one byte otherwise: enough of it to use up a window if nothing were given back.
type stutter struct {
	r *strings.Reader
	n int
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.n++; s.n%1000 != 0 {
		return 0, nil
	}
	return s.r.Read(p[:1])
}
