package wasi

import (
	"context"
	"net"
	"net/netip"

	"github.com/wattle-io/wattle/wit"
)

// udpSocket is the resource udp-socket.
type udpSocket struct {
	s       *sockets
	family  family
	conn    *net.UDPConn // from start-bind on
	pending bool         // start-bind was called and finish-bind not
	failed  error        // what finish-bind gives
	anyone  bool         // datagrams may come from anyone, not only from those that may be sent to
	streams int          // that are open
	remote  netip.AddrPort
	hops    uint8
	receive uint64
	send    uint64
}

// Drop implements wit.Dropper.
func (u *udpSocket) Drop() {
	if u.conn != nil {
		u.conn.Close()
	}
}

// bound is the error of a function that needs an address.
func (u *udpSocket) bound() error {
	if u.conn == nil || u.pending {
		return sockInvalidState
	}
	return nil
}

func (s *sockets) udpImports() wit.Imports {
	return merge(
		imports("wasi:sockets/udp-create-socket@0.2.0", map[string]wit.HostFunc{"create-udp-socket": sockOp(s.createUDP)}),
		imports("wasi:sockets/udp@0.2.0", map[string]wit.HostFunc{
			"[method]udp-socket.start-bind":               sockOp(udpStartBind),
			"[method]udp-socket.finish-bind":              sockOp(udpFinishBind),
			"[method]udp-socket.stream":                   sockOp(udpStream),
			"[method]udp-socket.local-address":            sockOp(udpLocalAddress),
			"[method]udp-socket.remote-address":           sockOp(udpRemoteAddress),
			"[method]udp-socket.address-family":           udpFamily,
			"[method]udp-socket.unicast-hop-limit":        sockOp(udpHops),
			"[method]udp-socket.set-unicast-hop-limit":    sockOp(udpSetHops),
			"[method]udp-socket.receive-buffer-size":      udpSize(func(u *udpSocket) *uint64 { return &u.receive }),
			"[method]udp-socket.send-buffer-size":         udpSize(func(u *udpSocket) *uint64 { return &u.send }),
			"[method]udp-socket.set-receive-buffer-size":  udpSetSize(func(u *udpSocket) *uint64 { return &u.receive }),
			"[method]udp-socket.set-send-buffer-size":     udpSetSize(func(u *udpSocket) *uint64 { return &u.send }),
			"[method]udp-socket.subscribe":                udpSubscribe,
			"[method]incoming-datagram-stream.receive":    sockOp(udpReceive),
			"[method]incoming-datagram-stream.subscribe":  subscribeTo[*incomingDatagrams],
			"[method]outgoing-datagram-stream.check-send": sockOp(udpCheckSend),
			"[method]outgoing-datagram-stream.send":       udpSend,
			"[method]outgoing-datagram-stream.subscribe":  udpOutgoingSubscribe,
		}),
	)
}

func (s *sockets) createUDP(c *wit.Call) func() error {
	f := decodeFamily(&c.Args)
	return func() error {
		if err := s.any(); err != nil {
			return err
		}
		c.Give(&udpSocket{s: s, family: f, hops: defaultHops})
		return nil
	}
}

// udpStartBind binds the socket. To any free port everyone may bind: without a grant to receive, datagrams come only from those to whom the
// guest may send.
func udpStartBind(c *wit.Call) func() error {
	u := wit.HandleOf[*udpSocket](c)
	wit.HandleOf[networkHandle](c)
	addr := decodeAddr(&c.Args)
	return func() error {
		if u.conn != nil {
			return sockInvalidState
		}
		if u.pending {
			return sockConcurrencyConflict
		}
		if err := u.family.checkLocal(addr); err != nil {
			return err
		}
		err := u.s.network.Allow(NetReceive, addr)
		if err != nil && addr.Port() != 0 {
			return u.s.noted(err)
		}
		u.anyone, u.pending = err == nil, true
		u.conn, u.failed = net.ListenUDP(u.family.network("udp"), net.UDPAddrFromAddrPort(addr))
		return nil
	}
}

func udpFinishBind(c *wit.Call) func() error {
	u := wit.HandleOf[*udpSocket](c)
	return func() error {
		if !u.pending {
			return sockNotInProgress
		}
		u.pending = false
		if u.failed != nil {
			u.conn = nil
			return u.failed
		}
		return u.applyOptions()
	}
}

// applyOptions sets what was asked for before there was a socket of the system's.
func (u *udpSocket) applyOptions() error {
	if u.hops != defaultHops {
		if err := setHops(u.conn, u.family, u.hops); err != nil {
			return err
		}
	}
	return u.applySizes()
}

func udpLocalAddress(c *wit.Call) func() error {
	u := wit.HandleOf[*udpSocket](c)
	return func() error {
		if err := u.bound(); err != nil {
			return err
		}
		return giveAddr(c, u.conn.LocalAddr())
	}
}

func udpRemoteAddress(c *wit.Call) func() error {
	u := wit.HandleOf[*udpSocket](c)
	return func() error {
		if !u.remote.IsValid() {
			return sockInvalidState
		}
		encodeAddr(&c.Result, u.remote)
		return nil
	}
}

func udpFamily(_ context.Context, c *wit.Call) error {
	u := wit.HandleOf[*udpSocket](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.Bool(bool(u.family))
	return nil
}

func udpHops(c *wit.Call) func() error {
	u := wit.HandleOf[*udpSocket](c)
	return func() error {
		c.Result.Byte(u.hops)
		return nil
	}
}

func udpSetHops(c *wit.Call) func() error {
	u, v := wit.HandleOf[*udpSocket](c), c.Args.Byte()
	return func() error {
		if v == 0 {
			return sockInvalidArgument
		}
		if u.conn != nil {
			if err := setHops(u.conn, u.family, v); err != nil {
				return err
			}
		}
		u.hops = v
		return nil
	}
}

func udpSize(field func(*udpSocket) *uint64) wit.HostFunc {
	return sockOp(func(c *wit.Call) func() error {
		u := wit.HandleOf[*udpSocket](c)
		return func() error {
			c.Result.Uint(bufferSize(*field(u)))
			return nil
		}
	})
}

func udpSetSize(field func(*udpSocket) *uint64) wit.HostFunc {
	return sockOp(func(c *wit.Call) func() error {
		u, v := wit.HandleOf[*udpSocket](c), c.Args.Uint(64)
		return func() error {
			if v == 0 {
				return sockInvalidArgument
			}
			*field(u) = min(v, maxBuffer)
			return u.applySizes()
		}
	})
}

func (u *udpSocket) applySizes() error {
	if u.conn == nil {
		return nil
	}
	if u.receive > 0 {
		if err := u.conn.SetReadBuffer(int(u.receive)); err != nil {
			return err
		}
	}
	if u.send > 0 {
		return u.conn.SetWriteBuffer(int(u.send))
	}
	return nil
}

// udpSubscribe gives a pollable that is always ready: binding does not take time.
func udpSubscribe(_ context.Context, c *wit.Call) error {
	wit.HandleOf[*udpSocket](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&pollable{})
	return nil
}
