package control

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/wattle-io/wattle/lattice"
)

const (
	maxHosts     = 10000
	firstAnswer  = 2 * time.Second        // how long to wait for it
	quietAtLeast = 25 * time.Millisecond  // after an answer, how long to wait for the next
	quietAtMost  = 250 * time.Millisecond //
)

// Discover asks which hosts there are and returns their ids, sorted. It ends when no more answers come: when none came for four times as
// long as the slowest one took. ErrUnavailable if there is none at all.
func Discover(ctx context.Context, nc *nats.Conn) ([]string, error) {
	ping, err := micro.ControlSubject(micro.PingVerb, serviceName, "")
	if err != nil {
		return nil, err
	}
	sub, err := nc.SubscribeSync(newReply(nc))
	if err != nil {
		return nil, noHosts(err)
	}
	defer sub.Unsubscribe()
	asked := time.Now()
	if err := nc.PublishRequest(ping, sub.Subject, nil); err != nil {
		return nil, noHosts(err)
	}
	hosts := make(map[string]bool)
	for wait := firstAnswer; len(hosts) < maxHosts; wait = min(max(4*time.Since(asked), quietAtLeast), quietAtMost) {
		m, err := next(ctx, sub, wait)
		if err != nil && (len(hosts) == 0 || ctx.Err() != nil) {
			return nil, noHosts(err)
		}
		if err != nil {
			break
		}
		if id, ok := hostOf(m.Data); ok {
			hosts[id] = true
		}
	}
	return slices.Sorted(maps.Keys(hosts)), nil
}

func next(ctx context.Context, sub *nats.Subscription, wait time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	m, err := sub.NextMsgWithContext(ctx)
	if err == nil && m.Header.Get("Status") == "503" {
		return nil, nats.ErrNoResponders
	}
	return m, err
}

// hostOf reads the answer to a ping.
func hostOf(data []byte) (string, bool) {
	var p micro.Ping
	if len(data) > MaxRequest || json.Unmarshal(data, &p) != nil {
		return "", false
	}
	id := p.Metadata["host"]
	return id, lattice.IsHostID(id)
}

func noHosts(err error) error {
	e := &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "no host answers", Hint: "start one with \"wattle up\"", Err: err}
	if errors.Is(err, context.Canceled) {
		e.Kind, e.Msg, e.Hint = lattice.ErrDeadline, "the search for hosts was cancelled", ""
	}
	return e
}
