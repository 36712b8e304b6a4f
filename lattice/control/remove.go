package control

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Remover is a Node that can end the membership of hosts: the hub's.
type Remover interface {
	// RemoveHost makes the host's credential worthless, for good. Its link ends at once; what runs there goes on, alone. ErrNotFound if it is no member.
	RemoveHost(ctx context.Context, req RemoveRequest) error
}

// RemoveRequest names the host.
type RemoveRequest struct {
	Host string `json:"host"` // U…
}

// RemoveHost ends the membership of another host. The client must be the hub's host's.
func (c *Client) RemoveHost(ctx context.Context, req RemoveRequest) error {
	return c.do(ctx, verbRemove, req, &empty{})
}

// ForgetHost takes a host out of the directory. It needs the rights of bus.RoleService.
func ForgetHost(ctx context.Context, nc *nats.Conn, host string) error {
	b, err := bus.UseBucket(nc, inventoryBucket)
	if err != nil {
		return err
	}
	_, err = b.Delete(ctx, host, 0)
	return err
}
