package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/wattle-io/wattle/lattice"
)

// maxRunning is how many commands of a host run at a time; more are refused with ErrBusy.
const maxRunning = 256

// Service serves the commands of one host.
type Service struct {
	nc    *nats.Conn
	node  Node
	log   *slog.Logger
	micro micro.Service
	beats *nats.Subscription
	inbox string // prefix of the subjects that say that nobody listens to a beat any more

	base context.Context // of all commands; ends with Close
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	closed  bool                          // guarded by mu
	running map[string]context.CancelFunc // guarded by mu: by number of the command
	last    uint64                        // guarded by mu: number of the newest command
}

// verb carries out one command: JSON in, JSON out.
type verb func(ctx context.Context, node Node, data []byte) (any, error)

// handle makes a verb of a method.
func handle[Req, Rep any](do func(Node, context.Context, Req) (Rep, error)) verb {
	return func(ctx context.Context, node Node, data []byte) (any, error) {
		var req Req
		if err := decodeStrict(data, &req); err != nil {
			return nil, err
		}
		return do(node, ctx, req)
	}
}

func verbs() map[string]verb {
	return map[string]verb{
		verbStart:   handle(Node.Start),
		verbStop:    handle(func(n Node, ctx context.Context, r StopRequest) (empty, error) { return empty{}, n.Stop(ctx, r) }),
		verbPutLink: handle(Node.PutLink),
		verbDeleteLink: handle(func(n Node, ctx context.Context, k linkKey) (empty, error) {
			return empty{}, n.DeleteLink(ctx, lattice.LinkKey(k))
		}),
		verbInventory: handle(func(n Node, ctx context.Context, _ empty) (Inventory, error) { return n.Inventory(ctx) }),
		verbCall:      handle(Node.Call),
	}
}

// Serve puts a node on the lattice as the host of that id. It takes commands when it is returned, until Close.
func Serve(nc *nats.Conn, host string, node Node, log *slog.Logger) (*Service, error) {
	if !lattice.IsHostID(host) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a host", host)}
	}
	s := &Service{nc: nc, node: node, log: log, inbox: nc.NewInbox() + ".", running: make(map[string]context.CancelFunc)}
	s.base, s.end = context.WithCancel(context.Background())
	if err := s.subscribe(host); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("control: serve host %s: %w", host, err)
	}
	return s, nil
}

func (s *Service) subscribe(host string) (err error) {
	if s.beats, err = s.nc.Subscribe(s.inbox+"*", s.unheard); err != nil {
		return err
	}
	s.micro, err = micro.AddService(s.nc, micro.Config{
		Name: serviceName, Version: apiVersion, Description: "commands to a wattle host",
		Metadata: map[string]string{"host": host}, QueueGroupDisabled: true,
		ErrorHandler: func(_ micro.Service, e *micro.NATSError) { s.log.Warn("control: subscription", "err", e) },
	})
	if err != nil {
		return err
	}
	for name, v := range verbs() {
		h := micro.HandlerFunc(func(r micro.Request) { s.accept(name, v, r) })
		if err := s.micro.AddEndpoint(name, h, micro.WithEndpointSubject(subject(host, name))); err != nil {
			return err
		}
	}
	return s.nc.FlushTimeout(beatTimeout) // so that the hub knows of it when Serve returns
}

// Close takes no more commands, cancels those that run and waits for them.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	var err error
	if s.micro != nil {
		err = s.micro.Stop()
	}
	s.end()
	s.wg.Wait()
	if s.beats != nil {
		_ = s.beats.Unsubscribe() // fails only if the connection is gone, and the subscription with it
	}
	return err
}

// accept starts a command, or refuses it. It runs on the subscription's goroutine and must not block.
func (s *Service) accept(name string, v verb, r micro.Request) {
	ctx, cancel := context.WithTimeout(s.base, timeoutOf(r))
	s.mu.Lock()
	refuse := s.closed || len(s.running) >= maxRunning
	s.last++
	number := strconv.FormatUint(s.last, 10)
	if !refuse {
		s.running[number] = cancel
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if refuse {
		cancel()
		s.answer(name, r, nil, &lattice.Error{Kind: lattice.ErrBusy, Msg: "the host is closing, or has too many commands under way", Hint: "try again"})
		return
	}
	go func() {
		defer s.wg.Done()
		defer s.forget(number, cancel)
		s.carryOut(ctx, name, number, v, r)
	}()
}

func (s *Service) forget(number string, cancel context.CancelFunc) {
	cancel()
	s.mu.Lock()
	delete(s.running, number)
	s.mu.Unlock()
}

func timeoutOf(r micro.Request) time.Duration {
	d, err := time.ParseDuration(r.Headers().Get(timeoutHeader))
	if err != nil || d <= 0 || d > MaxTimeout {
		return MaxTimeout
	}
	return d
}

// carryOut runs a command, with beats until it ends.
func (s *Service) carryOut(ctx context.Context, name, number string, v verb, r micro.Request) {
	type result struct {
		reply any
		err   error
	}
	done := make(chan result, 1)
	go func() {
		reply, err := s.guarded(ctx, name, v, r.Data())
		done <- result{reply, err}
	}()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case res := <-done:
			s.answer(name, r, res.reply, res.err)
			return
		case <-beat.C:
			s.beat(r.Reply(), number)
		}
	}
}

// guarded turns a panic of the node into an error: one bad command must not end the host.
func (s *Service) guarded(ctx context.Context, name string, v verb, data []byte) (reply any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("control: a command panicked", "verb", name, "panic", p, "stack", string(debug.Stack()))
			err = &lattice.Error{Kind: lattice.ErrInternal, Msg: name + " broke in the host", Hint: "the host's log says where"}
		}
	}()
	return v(ctx, s.node, data)
}

func (s *Service) answer(name string, r micro.Request, reply any, err error) {
	body, jsonErr := json.Marshal(reply)
	switch {
	case err != nil:
	case jsonErr != nil:
		err = &lattice.Error{Kind: lattice.ErrInternal, Msg: name + ": the answer cannot be written as JSON: " + cut(jsonErr.Error())}
	case len(body) > MaxReply:
		err = &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("%s: the answer has %d bytes; %d fit", name, len(body), MaxReply)}
	}
	if err == nil {
		err = r.Respond(body)
	} else {
		err = respondError(r, toWire(err))
	}
	if err != nil {
		s.log.Debug("control: cannot answer", "verb", name, "err", err)
	}
}

func respondError(r micro.Request, w wireError) error {
	body, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return r.Error(w.Kind, w.Kind, body)
}

// beat tells the caller that its command still runs. If nobody is there to hear it, NATS says so on the reply subject.
func (s *Service) beat(caller, number string) {
	m := &nats.Msg{Subject: caller, Reply: s.inbox + number, Header: nats.Header{beatHeader: {"1"}}}
	if err := s.nc.PublishMsg(m); err != nil {
		s.log.Debug("control: no beat", "err", err)
	}
}

// unheard cancels the command whose caller is gone.
func (s *Service) unheard(m *nats.Msg) {
	if m.Header.Get("Status") != "503" {
		return
	}
	s.mu.Lock()
	cancel := s.running[strings.TrimPrefix(m.Subject, s.inbox)]
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}
