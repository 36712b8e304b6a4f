package wasi

import (
	"context"
	"net"

	"github.com/wattle-io/wattle/wit"
)

// tcpStartBind binds the socket. Package net binds and listens at once, so the system takes connections from here on; the guest gets
// them when it listens, and if it connects instead they are closed.
func tcpStartBind(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	wit.HandleOf[networkHandle](c)
	addr := decodeAddr(&c.Args)
	return func() error {
		if err := t.expect(tcpUnbound); err != nil {
			return err
		}
		if err := t.family.checkLocal(addr); err != nil {
			return err
		}
		if err := t.s.allow(NetListen, addr); err != nil {
			return err
		}
		cfg := net.ListenConfig{KeepAlive: -1}
		ln, err := cfg.Listen(context.Background(), t.family.network("tcp"), addr.String())
		if t.pending = err; err == nil {
			t.ln = ln.(*net.TCPListener)
		}
		t.state = tcpBinding
		return nil
	}
}

func tcpFinishBind(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		if t.state != tcpBinding {
			return sockNotInProgress
		}
		t.state = tcpBound
		if t.pending != nil {
			t.state = tcpUnbound
		}
		return t.pending
	}
}

func tcpStartListen(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		if err := t.expect(tcpBound); err != nil {
			return err
		}
		t.state = tcpListenStarted
		return nil
	}
}

func tcpFinishListen(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		if t.state != tcpListenStarted {
			return sockNotInProgress
		}
		t.peers, t.state = newFetch(t.ln.AcceptTCP), tcpListening
		return nil
	}
}

// tcpAccept appends tuple<tcp-socket, input-stream, output-stream>.
func tcpAccept(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		if t.state != tcpListening {
			return sockInvalidState
		}
		conn, err, ok := t.peers.take()
		if !ok {
			return sockWouldBlock
		}
		if err != nil {
			return err
		}
		peer := &tcpSocket{s: t.s, family: t.family, options: t.options}
		if err := peer.options.apply(conn, peer.family); err != nil {
			conn.Close()
			return err
		}
		peer.conn, peer.state = newTCPConn(conn), tcpConnected
		c.Give(peer)
		peer.conn.give(c)
		return nil
	}
}
