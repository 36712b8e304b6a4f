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
	"github.com/wattle-io/wattle/lattice/envelope"
)

// maxRunning is how many commands of a host run at a time; more are refused with ErrBusy.
const maxRunning = 256

// ServiceConfig says what a service serves.
type ServiceConfig struct {
	Host  string                // its id, U…
	Node  Node                  // what commands do; a Placer and a LinkWaiter too, if it can
	Trust func() envelope.Trust // whose commands count, asked for each
	Log   *slog.Logger          // discarded unless given
	Now   func() time.Time      // time.Now unless given: what commands are judged by
}

// Service serves the commands of one host.
type Service struct {
	nc       *nats.Conn
	host     string
	node     Node
	log      *slog.Logger
	verifier *envelope.Verifier
	answers  *answers
	micro    micro.Service
	beats    *nats.Subscription
	auctions *nats.Subscription // nil unless the node is a Placer
	inbox    string             // prefix of the subjects that say that nobody listens to a beat any more

	base context.Context // of all commands; ends with Close
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	closed  bool                          // guarded by mu
	running map[string]context.CancelFunc // guarded by mu: by number of the command
	last    uint64                        // guarded by mu: number of the newest command
}

// Serve puts a node on the lattice. It takes commands when it is returned, until Close.
func Serve(nc *nats.Conn, cfg ServiceConfig) (*Service, error) {
	if !lattice.IsHostID(cfg.Host) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a host", cfg.Host)}
	}
	if cfg.Node == nil || cfg.Trust == nil {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "a host needs a node, and to know whose commands count"}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{nc: nc, host: cfg.Host, node: cfg.Node, log: cfg.Log, inbox: nc.NewInbox() + ".", running: make(map[string]context.CancelFunc),
		verifier: envelope.NewVerifier(cfg.Trust, cfg.Now), answers: newAnswers(cfg.Now)}
	s.base, s.end = context.WithCancel(context.Background())
	if err := s.subscribe(); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("control: serve host %s: %w", cfg.Host, err)
	}
	return s, nil
}

func (s *Service) subscribe() (err error) {
	if s.beats, err = s.nc.Subscribe(s.inbox+"*", s.unheard); err != nil {
		return err
	}
	s.micro, err = micro.AddService(s.nc, micro.Config{
		Name: serviceName, Version: apiVersion, Description: "commands to a wattle host",
		Metadata: map[string]string{"host": s.host}, QueueGroupDisabled: true,
		ErrorHandler: func(_ micro.Service, e *micro.NATSError) { s.log.Warn("control: subscription", "err", e) },
	})
	if err != nil {
		return err
	}
	for name, v := range verbs() {
		h := micro.HandlerFunc(func(r micro.Request) { s.accept(name, v, r) })
		if err := s.micro.AddEndpoint(name, h, micro.WithEndpointSubject(subject(s.host, name))); err != nil {
			return err
		}
	}
	if placer, ok := s.node.(Placer); ok {
		if s.auctions, err = s.nc.Subscribe(auctionSubject, func(m *nats.Msg) { s.hear(placer, m) }); err != nil {
			return err
		}
	}
	return s.nc.FlushTimeout(beatTimeout) // so that the server knows of it when Serve returns; a leaf tells the hub a moment later
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
	if s.auctions != nil {
		_ = s.auctions.Unsubscribe() // fails only if the connection is gone, and the subscription with it
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
	started := s.start(timeoutOf(r), func(ctx context.Context, number string) { s.carryOut(ctx, name, number, v, r) })
	if !started {
		s.respond(name, r, reply{err: &lattice.Error{Kind: lattice.ErrBusy, Msg: "the host is closing, or has too many commands under way", Hint: "try again"}})
	}
}

// start runs do in a goroutine of its own that Close waits for. False if the service is closed or has too much to do.
func (s *Service) start(timeout time.Duration, do func(ctx context.Context, number string)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.running) >= maxRunning {
		return false
	}
	ctx, cancel := context.WithTimeout(s.base, timeout)
	s.last++
	number := strconv.FormatUint(s.last, 10)
	s.running[number] = cancel
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer s.forget(number, cancel)
		do(ctx, number)
	}()
	return true
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
	done := make(chan reply, 1)
	go func() { done <- s.obey(ctx, name, v, r.Data()) }()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case rep := <-done:
			s.respond(name, r, rep)
			return
		case <-beat.C:
			s.beat(r.Reply(), number)
		}
	}
}

// obey carries out a command if its envelope holds, and once only: a copy gets the answer of the first.
func (s *Service) obey(ctx context.Context, name string, v verb, data []byte) reply {
	if len(data) > MaxRequest+envelope.MaxOverhead {
		return reply{err: tooLarge(len(data))}
	}
	o, err := s.verifier.Command(data, subject(s.host, name), v.roles...)
	if err != nil {
		s.log.Warn("control: a command is refused", "verb", name, "err", err)
		return reply{err: err}
	}
	if v.reads {
		return s.guarded(ctx, name, v, o.Body)
	}
	n, first, err := s.answers.begin(o)
	if err != nil {
		s.log.Warn("control: a command is refused", "verb", name, "from", o.User, "err", err)
		return reply{err: err}
	}
	if !first {
		return s.answers.wait(ctx, n)
	}
	s.log.Info("control: command", "verb", name, "from", o.User, "name", o.Name, "id", o.ID)
	rep := s.guarded(ctx, name, v, o.Body)
	s.answers.finish(n, rep)
	return rep
}

// guarded turns a panic of the node into an error: one bad command must not end the host.
func (s *Service) guarded(ctx context.Context, name string, v verb, data []byte) (rep reply) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("control: a command panicked", "verb", name, "panic", p, "stack", string(debug.Stack()))
			rep = reply{err: &lattice.Error{Kind: lattice.ErrInternal, Msg: name + " broke in the host", Hint: "the host's log says where"}}
		}
	}()
	answer, err := v.do(ctx, s.node, data)
	if err != nil {
		return reply{err: err}
	}
	return encode(name, answer)
}

// encode writes an answer.
func encode(name string, answer any) reply {
	body, err := json.Marshal(answer)
	if err != nil {
		return reply{err: &lattice.Error{Kind: lattice.ErrInternal, Msg: name + ": the answer cannot be written as JSON: " + cut(err.Error())}}
	}
	if len(body) > MaxReply {
		return reply{err: &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("%s: the answer has %d bytes; %d fit", name, len(body), MaxReply)}}
	}
	return reply{body: body}
}

func (s *Service) respond(name string, r micro.Request, rep reply) {
	var err error
	if rep.err == nil {
		err = r.Respond(rep.body)
	} else {
		err = respondError(r, toWire(rep.err))
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
	// What Error would send. That also keeps the error in the request, where micro reads it as soon as the handler returns, which is before
	// the command has ended.
	return r.Respond(body, micro.WithHeaders(micro.Headers{micro.ErrorHeader: {w.Kind}, micro.ErrorCodeHeader: {w.Kind}}))
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
