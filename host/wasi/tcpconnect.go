package wasi

import (
	"context"
	"net"
	"net/netip"

	"github.com/wattle-io/wattle/wit"
)

// tcpStartConnect begins to connect. It goes on by itself, for at most maxConnect, until the guest drops the socket.
func tcpStartConnect(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	wit.HandleOf[networkHandle](c)
	addr := decodeAddr(&c.Args)
	return func() error {
		if err := t.expect(tcpUnbound, tcpBound); err != nil {
			return err
		}
		if err := t.family.checkRemote(addr); err != nil {
			return err
		}
		if err := t.s.allow(NetConnect, addr); err != nil {
			return err
		}
		t.connect(addr)
		return nil
	}
}

func (t *tcpSocket) connect(addr netip.AddrPort) {
	d := net.Dialer{KeepAlive: -1, LocalAddr: t.unbind()}
	ctx, cancel := context.WithTimeout(context.Background(), maxConnect)
	t.hangUp, t.state = cancel, tcpConnecting
	t.dial = newFetch(func() (*net.TCPConn, error) {
		c, err := d.DialContext(ctx, t.family.network("tcp"), addr.String())
		if err != nil {
			return nil, err
		}
		return c.(*net.TCPConn), nil
	})
	t.dial.once = true
	t.dial.ready() // begins
}

// unbind gives the address that the socket was bound to back to the system, for the connection to take it.
func (t *tcpSocket) unbind() net.Addr {
	if t.ln == nil {
		return nil
	}
	a := t.ln.Addr()
	t.closeListener()
	return a
}

// tcpFinishConnect appends tuple<input-stream, output-stream>.
func tcpFinishConnect(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		if t.state != tcpConnecting {
			return sockNotInProgress
		}
		conn, err, ok := t.dial.take()
		if !ok {
			return sockWouldBlock
		}
		t.hangUp()
		t.dial, t.state = nil, tcpClosed
		if err != nil {
			return err
		}
		return t.connected(c, conn)
	}
}

// connected appends the streams of a new connection.
func (t *tcpSocket) connected(c *wit.Call, conn *net.TCPConn) error {
	if err := t.options.apply(conn, t.family); err != nil {
		conn.Close()
		return err
	}
	t.conn, t.state = newTCPConn(conn), tcpConnected
	t.conn.give(c)
	return nil
}
