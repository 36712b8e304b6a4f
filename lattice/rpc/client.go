package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// ClientConfig says how a client works. The zero value is ready to use.
type ClientConfig struct {
	MaxPayload int           // bytes of the payload of a reply; DefaultMaxPayload unless given
	Beat       time.Duration // how often to ask hosts whether they still know of calls; a second unless given
	Lost       time.Duration // a host that did not answer for so long has lost its calls; five seconds unless given
	Log        *slog.Logger  // discarded unless given
}

func (c ClientConfig) withDefaults() ClientConfig {
	if c.MaxPayload == 0 {
		c.MaxPayload = DefaultMaxPayload
	}
	if c.Beat == 0 {
		c.Beat = defaultBeat
	}
	if c.Lost == 0 {
		c.Lost = defaultLost
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Client calls other hosts on behalf of one. Its methods may be called from any goroutine.
type Client struct {
	nc      *nats.Conn
	self    string
	cfg     ClientConfig
	replies string // prefix of reply subjects, up to the token
	sub     *nats.Subscription
	calls   shards
	pings   pings
	pool    sync.Pool // of *outCall
	chunks  sync.Pool // of *[]byte, for frames with a chunk
	end     chan struct{}
	wg      sync.WaitGroup
}

// NewClient makes a client for the host with the id self, whose user nc must be of. It holds until Close, and must be closed before nc.
func NewClient(nc *nats.Conn, self string, cfg ClientConfig) (*Client, error) {
	if !lattice.IsHostID(self) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a host", self)}
	}
	c := &Client{nc: nc, self: self, cfg: cfg.withDefaults(), end: make(chan struct{})}
	c.replies = bus.ReplyPrefix + "." + self + "." + string(randomText(nil, clientLen)) + "."
	c.calls.init()
	c.pings.init()
	var err error
	if c.sub, err = nc.Subscribe(c.replies+">", c.dispatch); err == nil {
		err = flush(nc)
	}
	if err != nil {
		return nil, fmt.Errorf("rpc: client of %s: %w", self, err)
	}
	c.wg.Go(c.beat)
	return c, nil
}

// flush waits until the server knows of a subscription. (Another server learns of it before it learns of what is published from now on.)
func flush(nc *nats.Conn) error { return nc.FlushTimeout(defaultLost) }

// Close fails the calls under way and frees everything.
func (c *Client) Close() {
	_ = c.sub.Unsubscribe() // fails only if the connection is gone, and the subscription with it
	close(c.end)
	c.wg.Wait()
	c.calls.close()
}

// dispatch takes what comes back. It runs on the subscription's goroutine and does not block.
func (c *Client) dispatch(m *nats.Msg) {
	token := strings.TrimPrefix(m.Subject, c.replies)
	if !isToken(token) {
		return
	}
	f, err := open(m.Data)
	switch {
	case len(m.Data) == 0 && m.Header.Get("Status") == "503":
		f = frame{kind: localGone}
	case err != nil:
		f = frame{toFault, appendFault(nil, &lattice.Error{Kind: lattice.ErrInternal, Msg: "the host answered with " + err.Error(),
			Hint: "does it run another version?"})}
	case f.kind < toReply || f.kind > toPong:
		return // of a later version; what matters follows
	}
	if !c.pinged(token, f) {
		c.calls.deliver(token, f)
	}
}

// Invoke sends the call to host dst and waits for its end. Payload and Stream are not used any more when it returns, nor is Body if
// Stream has the ability to end a Read that blocks (SetReadDeadline, as http.ResponseController); otherwise such a Read ends by itself.
// Nothing of Body is read before the host has taken the call.
//
// Errors are *lattice.Error with the kind that the callee gave, or: ErrUnavailable if the host is not there (then NotBegun is true) or was lost,
// ErrBusy if it has too much to do (NotBegun), ErrDeadline, ErrLimit for a payload that is too large, ErrInvalid for what cannot be sent
// (NotBegun), context.Canceled.
func (c *Client) Invoke(ctx context.Context, dst string, inv lattice.Invocation) (lattice.Reply, error) {
	if inv.Link == "" {
		inv.Link = lattice.DefaultLink
	}
	if err := checkInvocation(dst, &inv); err != nil {
		return lattice.Reply{}, err
	}
	if ctx.Err() != nil {
		return lattice.Reply{}, ended(ctx, dst, &inv)
	}
	k := c.begin(dst, inv)
	reply, err := k.run(ctx)
	c.calls.remove(k)
	c.put(k)
	return reply, err
}

// InvokeAny is Invoke at the first of the hosts that can be reached. After one that may have carried out the call, the next is tried only if the
// call is declared idempotent and has neither body nor streamed reply.
func (c *Client) InvokeAny(ctx context.Context, hosts []string, inv lattice.Invocation) (reply lattice.Reply, err error) {
	err = notBegun(lattice.ErrUnavailable, fmt.Sprintf("there is no host to call %s on", inv.Target), "start it with `wattle start`")
	for _, dst := range hosts {
		reply, err = c.Invoke(ctx, dst, inv)
		if err == nil || ctx.Err() != nil || !mayRepeat(&inv, err) {
			break
		}
	}
	return reply, err
}

func mayRepeat(inv *lattice.Invocation, err error) bool {
	again := inv.Idempotent && inv.Body == nil && inv.Stream == nil
	switch lattice.KindOf(err) {
	case lattice.ErrUnavailable:
		return again || NotBegun(err)
	case lattice.ErrBusy:
		return NotBegun(err)
	}
	return false
}

// Host is the Invoker of one host.
func (c *Client) Host(dst string) lattice.Invoker {
	return lattice.InvokerFunc(func(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
		return c.Invoke(ctx, dst, inv)
	})
}

func (c *Client) begin(dst string, inv lattice.Invocation) *outCall {
	k, _ := c.pool.Get().(*outCall)
	if k == nil {
		k = new(outCall)
	}
	k.client, k.dst, k.inv = c, dst, inv
	k.sent.Store(0)
	k.in.init(window)
	return k
}

// put keeps the call's memory for the next. The call is not among those under way any more, so nobody else knows it.
func (c *Client) put(k *outCall) {
	if k.reading {
		return
	}
	if cap(k.buf) > keepMax {
		k.buf = nil
	}
	k.inv, k.payload = lattice.Invocation{}, nil
	c.pool.Put(k)
}

// chunk is memory for a frame with a chunk.
func (c *Client) chunk() *[]byte {
	if b, ok := c.chunks.Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, 2+tokenLen+chunk)
	return &b
}

func notSent(dst string, err error) error {
	return notBegun(lattice.ErrUnavailable, fmt.Sprintf("host %s cannot be called: %v", dst, err), "the call was not sent: is this host connected?")
}

// ended is the error of a call whose context has ended.
func ended(ctx context.Context, dst string, inv *lattice.Invocation) error {
	e := &lattice.Error{Kind: context.Canceled, Msg: fmt.Sprintf("the call of %s on host %s was cancelled", inv.Op, dst), Err: ctx.Err()}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.Kind, e.Msg = lattice.ErrDeadline, fmt.Sprintf("%s on host %s did not answer in time", inv.Op, dst)
	}
	return e
}
