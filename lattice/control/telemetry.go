package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// LogRecord is one line of an actor's or a provider's log.
type LogRecord struct {
	Time     time.Time         `json:"time"`
	Level    slog.Level        `json:"level"`              // "INFO", "ERROR+2"
	Host     string            `json:"host"`               // U…; set by the receiver from the subject, which permissions prove
	Actor    string            `json:"actor"`              // id of the actor, or name of the provider
	Name     string            `json:"name,omitempty"`     // of the actor, for people
	Instance uint64            `json:"instance,omitempty"` // of the actor
	Message  string            `json:"message"`
	Attrs    map[string]string `json:"attrs,omitempty"`
}

// MaxTelemetry is the most bytes of an event or log record as JSON. A longer message of a log record is cut.
const MaxTelemetry = 64 << 10

// maxLogMessage leaves room for its JSON, which may write a byte in six.
const maxLogMessage = 8 << 10

// PublishEvent tells the lattice what happened, as a CloudEvent on evt.<host>.<kind>. It needs the rights of that host or of bus.RoleService. Nothing is stored: who
// does not listen does not hear it. ErrInvalid if the host or the kind (tokens of a-z, 0-9 and "-", joined by dots) is none.
func PublishEvent(nc *nats.Conn, ev lattice.Event) error {
	b, err := MarshalEvent(ev)
	if err != nil {
		return err
	}
	return publish(nc, "evt."+ev.Host+"."+ev.Kind, b)
}

// PublishLog sends a line of log of an actor or provider on log.<host>.<actor>. Rights and delivery are as for PublishEvent.
func PublishLog(nc *nats.Conn, host string, r LogRecord) error {
	if !lattice.IsHostID(host) || !lattice.IsActorID(r.Actor) && !lattice.ValidName(r.Actor) {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("a log of %.80q on host %.80q cannot be", r.Actor, host)}
	}
	if len(r.Message) > maxLogMessage {
		r.Message = strings.ToValidUTF8(r.Message[:maxLogMessage], "") + "…"
	}
	r.Host = host
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("control: log of %s: %w", r.Actor, err)
	}
	return publish(nc, "log."+host+"."+r.Actor, b)
}

func publish(nc *nats.Conn, subject string, b []byte) error {
	if len(b) > MaxTelemetry {
		return &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("%s: %d bytes; %d are allowed", subject, len(b), MaxTelemetry)}
	}
	if err := nc.Publish(subject, b); err != nil {
		return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("%s: %v", subject, err), Err: err}
	}
	return nil
}

func isKind(s string) bool {
	for token := range strings.SplitSeq(s, ".") {
		if !lattice.ValidName(token) {
			return false
		}
	}
	return true
}

// Events gives what happens from now on, on the client's host, or on all hosts if its id is empty. The channel is closed when the context or
// the connection ends. A reader that is too slow misses some.
func (c *Client) Events(ctx context.Context) (<-chan lattice.Event, error) {
	return follow(ctx, c, "evt", ">", func(host, kind string, data []byte) (lattice.Event, bool) {
		ev, err := ParseEvent(data)
		return ev, err == nil && ev.Host == host && ev.Kind == kind // which permissions prove; bids of an auction are none
	})
}

// Logs gives what is logged from now on by an actor (id or name) or provider, or by all if it is empty. Otherwise it is as Events.
func (c *Client) Logs(ctx context.Context, actor string) (<-chan LogRecord, error) {
	if actor != "" && !lattice.IsActorID(actor) && !lattice.ValidName(actor) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is neither an id nor a name", actor)}
	}
	source := "*"
	if lattice.IsActorID(actor) {
		source = actor
	}
	return follow(ctx, c, "log", source, func(host, source string, data []byte) (r LogRecord, ok bool) {
		ok = json.Unmarshal(data, &r) == nil
		r.Host, r.Actor = host, source
		return r, ok && (actor == "" || actor == r.Actor || actor == r.Name)
	})
}

// follow subscribes <root>.<host>.<rest> and gives what decode makes of each message; what it cannot read is left out.
func follow[T any](ctx context.Context, c *Client, root, rest string, decode func(host, rest string, data []byte) (T, bool)) (<-chan T, error) {
	host := c.host
	if host == "" {
		host = "*"
	} else if !lattice.IsHostID(host) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no id of a host", host)}
	}
	sub, err := c.nc.SubscribeSync(root + "." + host + "." + rest)
	if err != nil {
		return nil, c.fail("follow", err)
	}
	if err := c.flush(ctx); err != nil {
		_ = sub.Unsubscribe()
		return nil, c.fail("follow", err)
	}
	out := make(chan T, 64)
	go func() {
		defer close(out)
		defer sub.Unsubscribe()
		forward(ctx, sub, out, decode)
	}()
	return out, nil
}

func forward[T any](ctx context.Context, sub *nats.Subscription, out chan<- T, decode func(host, rest string, data []byte) (T, bool)) {
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if errors.Is(err, nats.ErrSlowConsumer) {
			continue // some were missed; go on with the next
		}
		if err != nil {
			return
		}
		part := strings.SplitN(m.Subject, ".", 3)
		if len(part) != 3 || len(m.Data) > MaxTelemetry {
			continue
		}
		v, ok := decode(part[1], part[2], m.Data)
		if !ok {
			continue
		}
		select {
		case out <- v:
		case <-ctx.Done():
			return
		}
	}
}
