package wasi

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/wattle-io/wattle/wit"
)

// NetOp is what a guest wants to do with an address.
type NetOp uint8

// The operations. Allow is asked about each one before it happens.
const (
	NetConnect NetOp = iota // a TCP connection to the address
	NetListen               // a TCP socket of the host's, bound to the address, that takes connections from anyone; port 0 is any
	NetSend                 // UDP datagrams to the address, and from it
	NetReceive              // a UDP socket of the host's, bound to the address, that takes datagrams from anyone
)

// String says it in words that go before an address.
func (o NetOp) String() string {
	switch o {
	case NetConnect:
		return "TCP connection to"
	case NetListen:
		return "TCP listener on"
	case NetSend:
		return "UDP datagram to"
	case NetReceive:
		return "UDP socket for anyone on"
	}
	return fmt.Sprintf("operation %d with", uint8(o))
}

// Network is what guests may reach by sockets. It is used by several goroutines at once. See NetGrants for one that goes by a list.
type Network interface {
	// Allow returns nil if a guest may do op with the address, or an error that wraps ErrDenied and says what would allow it.
	// The address is never an IPv4 address in the form of an IPv6 one.
	Allow(op NetOp, addr netip.AddrPort) error
	// Lookup resolves the name of a host to addresses, or gives an error: one that wraps ErrDenied if the guest may not ask.
	Lookup(ctx context.Context, name string) ([]netip.Addr, error)
}

// ErrDenied is wrapped by the errors of what a guest is not granted. The guest itself only gets access-denied.
var ErrDenied = errors.New("wasi: denied")

// DeniedError says what was refused.
type DeniedError struct {
	What string // e.g. "TCP connection to 10.0.0.1:80"
	Hint string // what would allow it; "" if nothing would
}

// Error gives What and Hint.
func (e *DeniedError) Error() string {
	if e.Hint == "" {
		return "wasi: denied: " + e.What
	}
	return "wasi: denied: " + e.What + "; " + e.Hint
}

// Unwrap gives ErrDenied.
func (e *DeniedError) Unwrap() error { return ErrDenied }

// noNetwork is the Network of a guest that has none.
type noNetwork struct{}

func (noNetwork) Allow(op NetOp, addr netip.AddrPort) error {
	return &DeniedError{What: fmt.Sprintf("%v %v", op, addr), Hint: "it has no network"}
}

func (noNetwork) Lookup(_ context.Context, name string) ([]netip.Addr, error) {
	return nil, &DeniedError{What: "lookup of " + name, Hint: "it has no network"}
}

// sockets is what the sockets of one Imports share.
type sockets struct {
	network Network
	refused func(error)
}

// networkHandle is the resource network. It gives nothing: each use is judged by itself.
type networkHandle struct{}

// socketImports are wasi:sockets.
func socketImports(network Network, refused func(error)) wit.Imports {
	s := &sockets{network, refused}
	return merge(
		imports("wasi:sockets/instance-network@0.2.0", map[string]wit.HostFunc{
			"instance-network": plain(func(c *wit.Call) { c.Give(networkHandle{}) }),
		}),
		imports("wasi:sockets/ip-name-lookup@0.2.0", map[string]wit.HostFunc{
			"resolve-addresses": sockOp(s.resolveAddresses),
			"[method]resolve-address-stream.resolve-next-address": sockOp(resolveNextAddress),
			"[method]resolve-address-stream.subscribe":            subscribeTo[*resolving],
		}),
		s.tcpImports(), s.udpImports(),
	)
}

// allow asks the network, and passes a refusal on to whoever wants to know.
func (s *sockets) allow(op NetOp, addr netip.AddrPort) error {
	return s.noted(s.network.Allow(op, addr))
}

func (s *sockets) noted(err error) error {
	if errors.Is(err, ErrDenied) {
		s.refused(err)
	}
	return err
}

// sockOp makes a host function whose result is result<T, error-code>. f reads the parameters and returns what does the work when all
// of them are well formed: that appends T, or fails.
func sockOp(f func(c *wit.Call) (work func() error)) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		work := f(c)
		if err := c.Args.Close(); err != nil {
			return err
		}
		start := len(c.Result.Buf)
		c.Result.OK()
		err := work()
		if errors.Is(err, ErrMisuse) {
			return err
		}
		if err != nil {
			c.Result.Buf = c.Result.Buf[:start]
			c.Result.Err()
			c.Result.Uint(uint64(sockCodeOf(err)))
		}
		return nil
	}
}

// subscribeTo is the subscribe function of a resource that is an event.
func subscribeTo[T event](_ context.Context, c *wit.Call) error {
	e := wit.HandleOf[T](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&pollable{event: e})
	return nil
}
