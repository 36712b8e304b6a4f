package rpc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// A client asks each host every beat which of the calls that it waits for the host does not know. So it learns within seconds when a host has died,
// has hung, was started anew, or when a message was lost; and the host learns which calls nobody waits for any more.

// maxPinged is how many calls one ping names.
const maxPinged = 1000

// ping is one question that is not answered yet.
type ping struct {
	token  string // of the question itself
	dst    string
	sent   time.Time
	tokens []string     // of the calls
	heard  chan<- error // of Ping; nil otherwise
}

type pings struct {
	mu   sync.Mutex
	open map[string]*ping // guarded by mu: by token
}

func (p *pings) init() { p.open = make(map[string]*ping) }

func (p *pings) add(q *ping) {
	p.mu.Lock()
	p.open[q.token] = q
	p.mu.Unlock()
}

// remove takes a question that was answered, and with it those that its host was asked before: it is alive.
func (p *pings) remove(token string) *ping {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.open[token]
	if q == nil {
		return nil
	}
	for t, older := range p.open {
		if older.dst == q.dst && older.heard == nil && older.sent.Before(q.sent) {
			delete(p.open, t)
		}
	}
	delete(p.open, token)
	return q
}

func (p *pings) forget(q *ping) {
	p.mu.Lock()
	delete(p.open, q.token)
	p.mu.Unlock()
}

// overdue takes the questions that were sent before t.
func (p *pings) overdue(t time.Time) (late []*ping) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for token, q := range p.open {
		if q.heard == nil && q.sent.Before(t) {
			late = append(late, q)
			delete(p.open, token)
		}
	}
	return late
}

// beat asks until the client ends.
func (c *Client) beat() {
	tick := time.NewTicker(c.cfg.Beat)
	defer tick.Stop()
	for {
		select {
		case <-c.end:
			return
		case now := <-tick.C:
			for _, q := range c.pings.overdue(now.Add(-c.cfg.Lost)) {
				c.fail(q.tokens, localLost)
			}
			c.askAll(now)
		}
	}
}

// askAll asks the hosts that have had calls for more than a beat.
func (c *Client) askAll(now time.Time) {
	byHost := make(map[string][]string)
	c.calls.older(now.Add(-c.cfg.Beat), func(k *outCall) { byHost[k.dst] = append(byHost[k.dst], k.token) })
	for dst, tokens := range byHost {
		for len(tokens) > 0 {
			n := min(len(tokens), maxPinged)
			if err := c.ask(&ping{dst: dst, sent: now, tokens: tokens[:n]}); err != nil {
				c.cfg.Log.Debug("rpc: cannot ping", "host", dst, "err", err)
			}
			tokens = tokens[n:]
		}
	}
}

// ask sends a question. It counts as asked even if it could not be sent: then this host is cut off, and that has its time limit, too.
func (c *Client) ask(q *ping) error {
	reply := string(randomText([]byte(c.replies), tokenLen))
	q.token = reply[len(c.replies):]
	data := make([]byte, 0, 2+len(q.tokens)*tokenLen)
	data = append(data, version, toPing)
	for _, t := range q.tokens {
		data = append(data, t...)
	}
	c.pings.add(q)
	return c.nc.PublishRequest(subject(q.dst, c.self, nobody, nobody, verbPing), reply, data)
}

// pinged takes the answer to a question. False if the token is none of a question.
func (c *Client) pinged(token string, f frame) bool {
	if f.kind != toPong && f.kind != localGone {
		return false
	}
	q := c.pings.remove(token)
	switch {
	case q == nil:
		return false
	case q.heard != nil && f.kind == toPong:
		q.heard <- nil
	case q.heard != nil:
		q.heard <- gone(q.dst)
	case f.kind == localGone:
		c.fail(q.tokens, localLost)
	default:
		c.fail(splitTokens(f.data), localLost)
	}
	return true
}

// fail ends calls that get no answer any more.
func (c *Client) fail(tokens []string, kind byte) {
	for _, t := range tokens {
		c.calls.deliver(t, frame{kind: kind})
	}
}

// splitTokens reads the tokens of a ping or pong. What is none ends them.
func splitTokens(b []byte) (tokens []string) {
	for len(tokens) < maxPinged {
		t, rest, ok := cutToken(b)
		if !ok {
			break
		}
		tokens, b = append(tokens, t), rest
	}
	return tokens
}

// Ping asks whether the host serves and returns how long the answer took.
func (c *Client) Ping(ctx context.Context, dst string) (time.Duration, error) {
	if !lattice.IsHostID(dst) {
		return 0, notBegun(lattice.ErrInvalid, fmt.Sprintf("%.80q is no id of a host", dst), "")
	}
	heard := make(chan error, 1)
	q := &ping{dst: dst, sent: time.Now(), heard: heard}
	defer c.pings.forget(q)
	if err := c.ask(q); err != nil {
		return 0, notSent(dst, err)
	}
	select {
	case err := <-heard:
		return time.Since(q.sent), err
	case <-ctx.Done():
		return 0, ended(ctx, dst, &lattice.Invocation{Op: verbPing})
	case <-c.end:
		return 0, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "this host stops calling others: it ends"}
	}
}
