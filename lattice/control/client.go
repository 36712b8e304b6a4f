package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// Client drives one host. It is a Node and a LinkWaiter, and has the commands of a Placer: what its methods return is what the host's returned, errors as *lattice.Error. Beyond those, each method may
// return ErrUnavailable (the host is not there, or stopped answering), ErrDenied (this user may not send the command), ErrDeadline (the context's,
// which stays matchable) and ErrLimit (the request is too large). When the context ends, the host is told within a second.
type Client struct {
	nc   *nats.Conn
	user *bus.User
	host string
}

var (
	_ Node       = (*Client)(nil)
	_ LinkWaiter = (*Client)(nil)
)

// NewClient makes a client of the host of that id. Its commands are signed by the user; without one, it can upload and follow, but not command.
// Nothing is sent.
func NewClient(nc *nats.Conn, user *bus.User, host string) *Client { return &Client{nc, user, host} }

// Host is the id of the host.
func (c *Client) Host() string { return c.host }

// Start starts an actor.
func (c *Client) Start(ctx context.Context, req StartRequest) (info ActorInfo, err error) {
	return info, c.do(ctx, verbStart, req, &info)
}

// Stop ends an actor.
func (c *Client) Stop(ctx context.Context, req StopRequest) error {
	return c.do(ctx, verbStop, req, &empty{})
}

// PutLink makes or changes a link.
func (c *Client) PutLink(ctx context.Context, link lattice.Link) (stored lattice.Link, err error) {
	return stored, c.do(ctx, verbPutLink, link, &stored)
}

// DeleteLink ends a link.
func (c *Client) DeleteLink(ctx context.Context, key lattice.LinkKey) error {
	return c.do(ctx, verbDeleteLink, linkKey(key), &empty{})
}

// Inventory tells what is there.
func (c *Client) Inventory(ctx context.Context) (inv Inventory, err error) {
	return inv, c.do(ctx, verbInventory, empty{}, &inv)
}

// Call calls a function of an actor.
func (c *Client) Call(ctx context.Context, req CallRequest) (reply CallReply, err error) {
	return reply, c.do(ctx, verbCall, req, &reply)
}

// AwaitLink waits for a link to hold on the host.
func (c *Client) AwaitLink(ctx context.Context, key lattice.LinkKey, revision uint64) error {
	return c.do(ctx, verbAwaitLink, awaitRequest{linkKey(key), revision}, &empty{})
}

// Scale changes how many instances of an actor may run there.
func (c *Client) Scale(ctx context.Context, req ScaleRequest) (info ActorInfo, err error) {
	return info, c.do(ctx, verbScale, req, &info)
}

// Drain makes the host take no new placements, or take them again.
func (c *Client) Drain(ctx context.Context, req DrainRequest) (reply DrainReply, err error) {
	return reply, c.do(ctx, verbDrain, req, &reply)
}

// Label changes the host's labels.
func (c *Client) Label(ctx context.Context, req LabelRequest) (info HostInfo, err error) {
	return info, c.do(ctx, verbLabel, req, &info)
}

// do sends a command and reads the answer into reply.
func (c *Client) do(ctx context.Context, verb string, req, reply any) error {
	m, err := c.message(ctx, verb, req)
	if err != nil {
		return err
	}
	sub, err := c.nc.SubscribeSync(m.Reply)
	if err != nil {
		return c.fail(verb, err)
	}
	defer sub.Unsubscribe()
	if err := c.send(ctx, m); err != nil {
		return c.fail(verb, err)
	}
	answer, err := receive(ctx, sub)
	if err != nil {
		return c.fail(verb, err)
	}
	if isError(answer) {
		return fromWire(answer.Data)
	}
	if err := json.Unmarshal(answer.Data, reply); err != nil {
		return &lattice.Error{Kind: lattice.ErrInternal, Msg: verb + ": the host's answer is malformed", Hint: "is the host of another version?", Err: err}
	}
	return nil
}

func (c *Client) message(ctx context.Context, verb string, req any) (*nats.Msg, error) {
	if !lattice.IsHostID(c.host) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a host", c.host)}
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%s: %v", verb, err), Err: err}
	}
	if len(body) > MaxRequest {
		return nil, &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("%s: the request has %d bytes; %d are allowed", verb, len(body), MaxRequest)}
	}
	m := &nats.Msg{Subject: subject(c.host, verb), Reply: newReply(c.nc)}
	if m.Data, err = seal(c.user, m.Subject, body); err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		m.Header = nats.Header{timeoutHeader: {max(time.Until(deadline), time.Millisecond).String()}}
	}
	return m, nil
}

// commandTTL is how long a command counts. It must arrive in that time; it may take longer.
const commandTTL = 30 * time.Second

// seal signs a command.
func seal(u *bus.User, subject string, body []byte) ([]byte, error) {
	if u == nil {
		return nil, &lattice.Error{Kind: lattice.ErrDenied, Msg: "a command must be signed, and there is no key to sign it with", Hint: "use a credential of the role admin"}
	}
	return envelope.Seal(u, subject, commandTTL, 0, body)
}

// newReply is a subject for answers that nobody can guess. (nats.go's own are drawn from a predictable source.)
func newReply(nc *nats.Conn) string {
	s := nc.NewInbox()
	return s[:strings.LastIndexByte(s, '.')+1] + rand.Text()
}

// send publishes the command and waits until the hub has it: so a refusal is known at once, and is not taken for a host that does not answer.
func (c *Client) send(ctx context.Context, m *nats.Msg) error {
	if err := c.nc.PublishMsg(m); err != nil {
		return err
	}
	if err := c.flush(ctx); err != nil {
		return err
	}
	if err := c.nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), `"`+m.Subject+`"`) {
		return err
	}
	return nil
}

// flush returns when the hub has taken what was sent.
func (c *Client) flush(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	err := c.nc.FlushWithContext(wait)
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		return errSilent
	}
	return err
}

// receive waits for the answer as long as the host says that it is at it.
func receive(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	for {
		wait, cancel := context.WithTimeout(ctx, beatTimeout)
		m, err := sub.NextMsgWithContext(wait)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return nil, errSilent
		case err != nil:
			return nil, err
		case m.Header.Get("Status") == "503":
			return nil, nats.ErrNoResponders
		case m.Header.Get(beatHeader) == "":
			return m, nil
		}
	}
}

var errSilent = errors.New("the host gave no sign of life")

// fail gives an error of the transport its kind.
func (c *Client) fail(verb string, err error) error {
	e := &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("%s: %v", verb, err), Err: err}
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		e.Kind, e.Msg, e.Hint = lattice.ErrDenied, "this user may not "+verb, "use a credential of the role admin"
	case errors.Is(err, nats.ErrNoResponders):
		e.Msg, e.Hint = fmt.Sprintf("%s: there is no host %s", verb, c.host), "is it running?"
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind, e.Msg = lattice.ErrDeadline, verb+": no answer in the time given"
	case errors.Is(err, context.Canceled):
		e.Kind, e.Msg = lattice.ErrDeadline, verb+": cancelled"
	}
	return e
}
