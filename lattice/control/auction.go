package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// An auction asks all hosts at once on auctionSubject. Each answers, be it that it takes nothing, on evt.<host>.bid.<token>, with the token of
// the question: so permissions prove whose bid it is, and one host cannot bid, or refuse, for another.
const (
	auctionSubject = "auc.start"
	bidKind        = "bid."
	bidTime        = 2 * time.Second // that a host has for its bid
	bidPatience    = 3 * time.Second // after which a host that lives, but does not bid, is given up
	maxBid         = 64 << 10        // bytes
	maxFree        = 10_000          // instances that a bid is believed to offer
	lookAgain      = 50 * time.Millisecond
)

// question is an Ask on the wire.
type question struct {
	Token string `json:"token"` // where to answer
	Ask   Ask    `json:"ask"`
}

// hear answers an auction. What is not signed by an administrator, or is a copy, is left unanswered.
func (s *Service) hear(placer Placer, m *nats.Msg) {
	data := m.Data
	started := s.start(bidTime, func(ctx context.Context, _ string) {
		q, err := s.question(data)
		if err != nil {
			s.log.Warn("control: an auction is refused", "err", err)
			return
		}
		if err := s.bid(ctx, placer, q); err != nil {
			s.log.Warn("control: no bid", "err", err)
		}
	})
	if !started {
		s.log.Warn("control: no bid: too many commands under way")
	}
}

func (s *Service) question(data []byte) (q question, err error) {
	if len(data) > MaxRequest+envelope.MaxOverhead {
		return q, tooLarge(len(data))
	}
	o, err := s.verifier.Command(data, auctionSubject, bus.RoleAdmin)
	if err != nil {
		return q, err
	}
	n, first, err := s.answers.begin(o)
	if err != nil {
		return q, err
	}
	if !first {
		return q, &lattice.Error{Kind: lattice.ErrConflict, Msg: "it is a copy of one before"}
	}
	s.answers.finish(n, reply{})
	if err = decodeStrict(o.Body, &q); err == nil && !isToken(q.Token) {
		err = &lattice.Error{Kind: lattice.ErrInvalid, Msg: "it has no token to answer to"}
	}
	return q, err
}

// isToken: 26 letters and digits, as rand.Text makes them.
func isToken(s string) bool {
	return len(s) == 26 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') })
}

// bid asks the node and sends what it says.
func (s *Service) bid(ctx context.Context, placer Placer, q question) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("control: the bid panicked: %v", p)
		}
	}()
	b, err := placer.Bid(ctx, q.Ask)
	if err != nil {
		b = Bid{Refused: cut(err.Error())}
	}
	b.Host = s.host
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if len(body) > maxBid {
		return tooLarge(len(body))
	}
	return s.nc.Publish("evt."+s.host+"."+bidKind+q.Token, body)
}

// Auction is a search for hosts.
type Auction struct {
	Ask Ask
	// Enough reports that no more bids are needed. Without it the auction goes on until all have answered.
	Enough func([]Bid) bool
	// Live is the hosts that are there, as far as is known: the auction ends when they have answered. It is asked again and again, so a host
	// that is lost meanwhile is not waited for. Without it the auction ends when no more bids come (see Discover).
	Live func() []string
}

// Auction asks all hosts and returns their bids, those that take nothing included, in the order in which they came. It never waits for a time to
// pass when it knows the hosts: it ends with Enough, or with the answer of the last live one. When the context ends first, or a host that lives does
// not bid in three seconds, the bids so far come with ErrDeadline, which names the hosts that are silent. Other errors: ErrUnavailable if no host is there at all, ErrDenied.
func (l *Lattice) Auction(ctx context.Context, a Auction) ([]Bid, error) {
	q := question{Token: rand.Text(), Ask: a.Ask}
	sub, err := l.nc.SubscribeSync("evt.*." + bidKind + q.Token)
	if err != nil {
		return nil, l.fail(err)
	}
	defer sub.Unsubscribe()
	if err := sub.SetPendingLimits(maxHosts, maxHosts*maxBid); err != nil {
		return nil, l.fail(err)
	}
	nobody, err := l.nc.SubscribeSync(newReply(l.nc)) // hears only that there is no host
	if err != nil {
		return nil, l.fail(err)
	}
	defer nobody.Unsubscribe()
	if err := l.ask(ctx, q, nobody.Subject); err != nil {
		return nil, err
	}
	g := gathering{Auction: a, asked: time.Now(), bids: sub, nobody: nobody, at: make(map[string]int)}
	if err := g.run(ctx); err != nil {
		return g.got, l.fail(err)
	}
	return g.got, nil
}

func (l *Lattice) ask(ctx context.Context, q question, reply string) error {
	body, err := json.Marshal(q)
	if err != nil {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "auction: " + err.Error(), Err: err}
	}
	if len(body) > MaxRequest {
		return tooLarge(len(body))
	}
	data, err := seal(l.user, auctionSubject, body)
	if err != nil {
		return err
	}
	if err := l.Host("").send(ctx, &nats.Msg{Subject: auctionSubject, Reply: reply, Data: data}); err != nil {
		return l.fail(err)
	}
	return nil
}

func (l *Lattice) fail(err error) error {
	var e *lattice.Error
	if errors.As(err, &e) {
		return err
	}
	if errors.Is(err, nats.ErrNoResponders) {
		return noHosts(err)
	}
	return l.Host("").fail("auction", err)
}

// gathering collects the bids of an auction.
type gathering struct {
	Auction
	asked  time.Time
	bids   *nats.Subscription
	nobody *nats.Subscription
	got    []Bid
	at     map[string]int // index in got, by host
	slow   time.Duration  // that the slowest bid took
}

// run collects until there is enough.
func (g *gathering) run(ctx context.Context) error {
	quiet := time.Now().Add(firstAnswer)
	for !g.done() && len(g.got) < maxHosts {
		m, err := next(ctx, g.bids, lookAgain)
		switch {
		case err == nil:
			g.take(m)
			quiet = time.Now().Add(min(max(4*g.slow, quietAtLeast), quietAtMost))
		case ctx.Err() != nil:
			return g.late(ctx.Err())
		case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrSlowConsumer):
			return err
		case time.Since(g.asked) > bidPatience:
			return g.late(context.DeadlineExceeded)
		case len(g.got) == 0 && g.empty():
			return nats.ErrNoResponders
		case time.Now().After(quiet) && len(g.silent()) == 0:
			return g.none()
		}
	}
	return nil
}

// none is the end of an auction among hosts that are not known.
func (g *gathering) none() error {
	if len(g.got) == 0 {
		return nats.ErrNoResponders
	}
	return nil
}

// empty reports that nobody heard the question.
func (g *gathering) empty() bool {
	n, _, err := g.nobody.Pending()
	return err == nil && n > 0
}

func (g *gathering) done() bool {
	if g.Enough != nil && len(g.got) > 0 && g.Enough(g.got) {
		return true
	}
	return g.Live != nil && len(g.got) > 0 && len(g.silent()) == 0
}

// silent is the live hosts that have not answered.
func (g *gathering) silent() []string {
	if g.Live == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(g.Live()), func(host string) bool { _, ok := g.at[host]; return ok })
}

// take reads a bid. One that is malformed is left out; the later of two of one host counts.
func (g *gathering) take(m *nats.Msg) {
	b, ok := parseBid(m)
	if !ok {
		return
	}
	b.RTT = time.Since(g.asked)
	g.slow = max(g.slow, b.RTT)
	if i, again := g.at[b.Host]; again {
		g.got[i] = b
		return
	}
	g.at[b.Host] = len(g.got)
	g.got = append(g.got, b)
}

// parseBid reads a bid, whose host is what its subject says.
func parseBid(m *nats.Msg) (b Bid, ok bool) {
	host, _, found := strings.Cut(strings.TrimPrefix(m.Subject, "evt."), ".")
	if !found || !lattice.IsHostID(host) || len(m.Data) > maxBid || json.Unmarshal(m.Data, &b) != nil {
		return b, false
	}
	b.Host, b.Refused = host, cut(b.Refused)
	b.Free, b.Running = max(min(b.Free, maxFree), 0), max(min(b.Running, maxFree), 0)
	if b.Load = max(min(b.Load, 1), 0); b.Refused != "" {
		b.Free = 0
	}
	return b, true
}

// late says who did not answer.
func (g *gathering) late(cause error) error {
	silent := g.silent()
	if len(silent) == 0 {
		return cause
	}
	return &lattice.Error{Kind: lattice.ErrDeadline, Msg: fmt.Sprintf("auction: %d hosts have answered, these have not: %.600s", len(g.got), strings.Join(silent, ", ")),
		Hint: "give it more time, or ask for less", Err: cause}
}
