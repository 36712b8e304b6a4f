package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// Callee carries out a call that came from the host srcHost, which NATS's permissions prove; inv.Source is what that host says. It is called from many
// goroutines. Payload, Body, Out and Stream are not to be used when it has returned, nor when ctx has ended. Its error reaches the caller
// with kind, message and hint.
type Callee func(ctx context.Context, srcHost string, inv lattice.Invocation) (lattice.Reply, error)

// ServerConfig says how a server works. The zero value is ready to use.
type ServerConfig struct {
	MaxPayload int // bytes of the payload of a call; DefaultMaxPayload unless given
	MaxCalls   int // of one host at a time; more are refused with ErrBusy; 1024 unless given
	// MaxBytes is how much the calls of one host may hold in memory: payloads, and a window for each body. More are refused with ErrBusy. 64 MiB
	// unless given.
	MaxBytes int
	Lost     time.Duration // a call that nobody asked for in so long is cancelled; five seconds unless given
	Log      *slog.Logger  // discarded unless given
}

func (c ServerConfig) withDefaults() ServerConfig {
	if c.MaxPayload == 0 {
		c.MaxPayload = DefaultMaxPayload
	}
	if c.MaxCalls == 0 {
		c.MaxCalls = 1024
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 64 << 20
	}
	if c.Lost == 0 {
		c.Lost = defaultLost
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server carries out the calls that come to one host.
type Server struct {
	nc      *nats.Conn
	prefix  string // of the subjects: "rpc.<this host>."
	callee  Callee
	cfg     ServerConfig
	sub     *nats.Subscription
	sources sources
	chunks  sync.Pool // of *[]byte, for frames with a chunk

	base context.Context // of all calls; ends with Close
	end  context.CancelFunc
	wg   sync.WaitGroup // the sweeper
}

// Serve takes calls for the host with the id self, whose user nc must be of, until Close. The server must be closed before nc.
func Serve(nc *nats.Conn, self string, callee Callee, cfg ServerConfig) (*Server, error) {
	if !lattice.IsHostID(self) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a host", self)}
	}
	s := &Server{nc: nc, prefix: root + self + ".", callee: callee, cfg: cfg.withDefaults()}
	s.sources.init()
	s.base, s.end = context.WithCancel(context.Background())
	var err error
	if s.sub, err = nc.Subscribe(s.prefix+">", s.dispatch); err == nil {
		err = flush(nc)
	}
	if err != nil {
		s.end()
		return nil, fmt.Errorf("rpc: serve host %s: %w", self, err)
	}
	s.wg.Go(s.sweep)
	return s, nil
}

// Close takes no more calls (their callers learn that they have not begun), lets those under way end until ctx does, then cancels them, and waits.
func (s *Server) Close(ctx context.Context) error {
	s.sources.close()
	err := s.sources.idle(ctx)
	s.end()
	if err != nil {
		_ = s.sources.idle(context.Background())
	}
	_ = s.sub.Unsubscribe() // fails only if the connection is gone, and the subscription with it
	s.wg.Wait()
	if err != nil {
		return &lattice.Error{Kind: lattice.ErrDeadline, Msg: "calls from other hosts were cut off: they did not end in time", Err: err}
	}
	return nil
}

// dispatch takes what comes. It runs on the subscription's goroutine and does not block.
func (s *Server) dispatch(m *nats.Msg) {
	a, ok := parseSubject(s.prefix, m.Subject)
	if !ok {
		s.cfg.Log.Debug("rpc: a message on a subject that is none", "subject", fmt.Sprintf("%.260q", m.Subject))
		return
	}
	f, err := open(m.Data)
	if err != nil && a.verb == verbCall {
		s.refuse(a.src, m.Reply, notBegun(lattice.ErrUnsupported, "the host called got "+err.Error(), "does it run another version?"))
	}
	if err != nil {
		return
	}
	switch {
	case a.verb == verbCall && f.kind == toCall:
		s.accept(a, m.Reply, f.data)
	case a.verb == verbPing && f.kind == toPing:
		s.pong(a.src, m.Reply, f.data)
	case a.verb == verbMore:
		s.more(a.src, f)
	}
}

// refuse answers a call that was not begun.
func (s *Server) refuse(src, reply string, err error) {
	if _, ok := parseReply(src, reply); ok {
		s.publish(reply, appendFault([]byte{version, toFault}, err))
	}
}

func (s *Server) publish(reply string, data []byte) {
	if err := s.nc.Publish(reply, data); err != nil {
		s.cfg.Log.Debug("rpc: cannot answer", "err", err)
	}
}

// accept starts a call, or refuses it.
func (s *Server) accept(a address, reply string, data []byte) {
	token, ok := parseReply(a.src, reply)
	if !ok {
		s.cfg.Log.Warn("rpc: a call whose answer would go elsewhere", "host", a.src, "reply", fmt.Sprintf("%.200q", reply))
		return
	}
	head, err := decodeCall(data)
	switch {
	case err != nil:
		err = notBegun(lattice.ErrInvalid, "the host called got "+err.Error(), "does it run another version?")
	case head.size > uint64(s.cfg.MaxPayload):
		err = notBegun(lattice.ErrLimit, fmt.Sprintf("the payload of %s has %d bytes; %d are allowed", head.op, head.size, s.cfg.MaxPayload),
			"send less at a time, or a stream")
	}
	if err != nil {
		s.refuse(a.src, reply, err)
		return
	}
	k := &inCall{server: s, address: a, call: head, token: token, reply: reply}
	k.begin()
	if err := s.sources.admit(k, &s.cfg); err != nil {
		k.cancel()
		s.refuse(a.src, reply, err)
		return
	}
	go k.run()
}

// more takes what follows a call. If the call is over or was never here, so be it: its caller learns that from a pong.
func (s *Server) more(src string, f frame) {
	token, rest, ok := cutToken(f.data)
	if !ok {
		return
	}
	if k := s.sources.find(src, token); k != nil {
		k.more(frame{f.kind, rest})
	}
}

// pong says which calls are not here.
func (s *Server) pong(src, reply string, data []byte) {
	if _, ok := parseReply(src, reply); !ok {
		return
	}
	unknown := []byte{version, toPong}
	for _, token := range splitTokens(data) {
		if k := s.sources.find(src, token); k != nil {
			k.heard.Store(time.Now().UnixNano())
		} else {
			unknown = append(unknown, token...)
		}
	}
	s.publish(reply, unknown)
}

// sweep cancels the calls whose callers do not ask for them any more.
func (s *Server) sweep() {
	tick := time.NewTicker(s.cfg.Lost / 5)
	defer tick.Stop()
	for {
		select {
		case <-s.base.Done():
			return
		case now := <-tick.C:
			s.sources.sweep(now.Add(-s.cfg.Lost).UnixNano())
		}
	}
}

// guarded is the callee; one that panics fails that call only.
func (s *Server) guarded(ctx context.Context, src string, inv lattice.Invocation) (reply lattice.Reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("rpc: a call panicked", "op", inv.Op, "target", inv.Target, "panic", p, "stack", string(debug.Stack()))
			err = &lattice.Error{Kind: lattice.ErrInternal, Msg: inv.Op + " broke in the host", Hint: "the host's log says where"}
		}
	}()
	return s.callee(ctx, src, inv)
}

// chunk is memory for a frame with a chunk.
func (s *Server) chunk() *[]byte {
	if b, ok := s.chunks.Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, 3+chunk)
	return &b
}

// keep keeps memory for the next frame.
func (s *Server) keep(b *[]byte) {
	if cap(*b) <= 2*chunk {
		s.chunks.Put(b)
	}
}
