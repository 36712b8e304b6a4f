package wasi

import (
	"context"
	"net/netip"
	"time"

	"github.com/wattle-io/wattle/wit"
)

const (
	maxDatagram = 65507           // bytes that UDP over IPv4 can carry
	maxSend     = 16              // datagrams in one send
	sendWait    = 1 * time.Second // how long the system may take to take one
)

// datagram is one that has come.
type datagram struct {
	data []byte
	from netip.AddrPort
}

// incomingDatagrams is the resource incoming-datagram-stream. It reads one datagram ahead.
type incomingDatagrams struct {
	*fetch[datagram]
	u      *udpSocket
	remote netip.AddrPort // if valid, the only one heard
	buf    []byte         // of the reading goroutine
}

// Drop implements wit.Dropper.
func (in *incomingDatagrams) Drop() {
	in.stop(func() { in.u.conn.SetReadDeadline(past()) })
	in.u.conn.SetReadDeadline(time.Time{})
	in.u.streams--
}

// read waits for a datagram that the guest may have.
func (in *incomingDatagrams) read() (datagram, error) {
	for {
		n, from, err := in.u.conn.ReadFromUDPAddrPort(in.buf)
		if err != nil {
			return datagram{}, err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if in.hears(from) {
			return datagram{append([]byte(nil), in.buf[:n]...), from}, nil
		}
	}
}

// hears reports whether the guest may have datagrams from an address.
func (in *incomingDatagrams) hears(from netip.AddrPort) bool {
	if in.remote.IsValid() && from != in.remote {
		return false
	}
	return in.u.anyone || in.u.s.network.Allow(NetSend, from) == nil
}

// outgoingDatagrams is the resource outgoing-datagram-stream.
type outgoingDatagrams struct {
	u      *udpSocket
	remote netip.AddrPort // if valid, the only one sent to
	permit uint32         // what check-send promised and send has not used
}

// Drop implements wit.Dropper.
func (out *outgoingDatagrams) Drop() { out.u.streams-- }

// udpStream appends tuple<incoming-datagram-stream, outgoing-datagram-stream>.
func udpStream(c *wit.Call) func() error {
	u := wit.HandleOf[*udpSocket](c)
	var remote netip.AddrPort
	if c.Args.Option() {
		remote = decodeAddr(&c.Args)
	}
	return func() error {
		if err := u.bound(); err != nil {
			return err
		}
		if u.streams > 0 {
			return sockInvalidState // the streams before are to be dropped first
		}
		if remote.IsValid() {
			if err := u.mayReach(remote); err != nil {
				return err
			}
		}
		u.remote, u.streams = remote, 2
		in := &incomingDatagrams{u: u, remote: remote, buf: make([]byte, maxDatagram)}
		in.fetch = newFetch(in.read)
		c.Give(in)
		c.Give(&outgoingDatagrams{u: u, remote: remote})
		return nil
	}
}

// mayReach checks an address to send to.
func (u *udpSocket) mayReach(addr netip.AddrPort) error {
	if err := u.family.checkRemote(addr); err != nil {
		return err
	}
	return u.s.allow(NetSend, addr)
}

// udpReceive appends list<incoming-datagram>: one that is there, or none.
func udpReceive(c *wit.Call) func() error {
	in, most := wit.HandleOf[*incomingDatagrams](c), c.Args.Uint(64)
	return func() error {
		if most == 0 {
			c.Result.Uint(0)
			return nil
		}
		d, err, ok := in.take()
		if err != nil {
			return err
		}
		if !ok {
			c.Result.Uint(0)
			return nil
		}
		c.Result.Uint(1)
		c.Result.Bytes(d.data)
		encodeAddr(&c.Result, d.from)
		return nil
	}
}

func udpCheckSend(c *wit.Call) func() error {
	out := wit.HandleOf[*outgoingDatagrams](c)
	return func() error {
		out.permit = maxSend
		c.Result.Uint(maxSend)
		return nil
	}
}

// udpOutgoingSubscribe gives a pollable that is always ready: the system takes datagrams, or throws them away.
func udpOutgoingSubscribe(_ context.Context, c *wit.Call) error {
	wit.HandleOf[*outgoingDatagrams](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&pollable{})
	return nil
}

// outDatagram is an outgoing-datagram. Its data is valid during the call.
type outDatagram struct {
	data []byte
	to   netip.AddrPort // not valid if none was given
}

// udpSend appends result<u64, error-code>: how many were sent. The error is told only if there were none.
func udpSend(ctx context.Context, c *wit.Call) error {
	out, n := wit.HandleOf[*outgoingDatagrams](c), c.Args.U32()
	if out != nil && n > out.permit {
		return trapf("outgoing-datagram-stream.send of %d datagrams, but %d are permitted; call check-send before each send", n, out.permit)
	}
	var list [maxSend]outDatagram
	for i := range min(n, maxSend) {
		list[i].data = c.Args.Bytes()
		if c.Args.Option() {
			list[i].to = decodeAddr(&c.Args)
		}
	}
	if err := c.Args.Close(); err != nil {
		return err
	}
	out.permit = 0
	sent, err := out.send(ctx, list[:n])
	c.Result.Bool(sent == 0 && err != nil)
	if sent == 0 && err != nil {
		c.Result.Uint(uint64(sockCodeOf(err)))
		return nil
	}
	c.Result.Uint(uint64(sent))
	return nil
}

func (out *outgoingDatagrams) send(ctx context.Context, list []outDatagram) (sent int, err error) {
	deadline := time.Now().Add(sendWait)
	if t, ok := ctx.Deadline(); ok && t.Before(deadline) {
		deadline = t
	}
	for i := range list {
		if err := out.sendOne(&list[i], deadline); err != nil {
			return i, err
		}
	}
	return len(list), nil
}

func (out *outgoingDatagrams) sendOne(d *outDatagram, deadline time.Time) error {
	to := d.to
	if !to.IsValid() {
		to = out.remote
	}
	switch {
	case !to.IsValid(), out.remote.IsValid() && to != out.remote:
		return sockInvalidArgument
	case len(d.data) > maxDatagram:
		return sockDatagramTooLarge
	}
	if err := out.u.mayReach(to); err != nil {
		return err
	}
	if err := out.u.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err := out.u.conn.WriteToUDPAddrPort(d.data, to)
	return err
}
