package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// Connect connects the user to the hub at url, "nats://127.0.0.1:4222", in at most five seconds or the context's deadline. Later
// losses of the connection heal by themselves; what is published meanwhile fails. Errors: ErrUnavailable if nobody listens
// there, ErrDenied if the hub does not take the credential.
func Connect(ctx context.Context, url string, u *User, opts ...nats.Option) (*nats.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, connectError(url, err)
	}
	wait := connectTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(min(wait, time.Until(deadline)), time.Millisecond)
	}
	own := append(u.options(), nats.Timeout(wait), nats.Name(u.ID), nats.ReconnectWait(100*time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond), nats.IgnoreDiscoveredServers())
	nc, err := nats.Connect(url, append(own, opts...)...)
	if err != nil {
		return nil, connectError(url, err)
	}
	return nc, nil
}

func connectError(url string, err error) error {
	if isRefusal(err) {
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("%s does not take this credential: %v", url, err),
			Hint: "it may have expired, or be another lattice's", Err: err}
	}
	return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("no lattice answers at %s: %v", url, err),
		Hint: "start one with \"wattle up\"", Err: err}
}

// isRefusal reports whether the hub refused the credential. Some of its reasons come as plain text: "User Authentication Expired".
func isRefusal(err error) bool {
	text := strings.ToLower(err.Error())
	return errors.Is(err, nats.ErrAuthorization) || strings.Contains(text, "authorization") || strings.Contains(text, "authentication")
}
