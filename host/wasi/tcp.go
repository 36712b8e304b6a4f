package wasi

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// maxConnect bounds how long a connection may take to be made.
const maxConnect = 30 * time.Second

// tcpState is where a TCP socket stands (wasi-sockets, TcpSocketOperationalSemantics).
type tcpState uint8

const (
	tcpUnbound tcpState = iota
	tcpBinding
	tcpBound
	tcpConnecting
	tcpConnected
	tcpListenStarted
	tcpListening
	tcpClosed
)

// tcpSocket is the resource tcp-socket. As an event it is ready when what it does has come to something: the connection is made, a
// peer wants to be accepted.
type tcpSocket struct {
	s       *sockets
	family  family
	state   tcpState
	options tcpOptions
	ln      *net.TCPListener // from bind on; see startBind
	pending error            // of a bind
	peers   *fetch[*net.TCPConn]
	dial    *fetch[*net.TCPConn]
	hangUp  context.CancelFunc // ends dial
	conn    *tcpConn
}

// tcpConn is a connection that its socket and streams share; it is closed when the last of them is dropped.
type tcpConn struct {
	*net.TCPConn
	src  *source
	sink *connSink

	mu    sync.Mutex // guards users
	users int
}

func newTCPConn(c *net.TCPConn) *tcpConn {
	t := &tcpConn{TCPConn: c, src: newSource(c), sink: &connSink{conn: c}, users: 3}
	return t
}

// release lets go of the connection.
func (t *tcpConn) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.users--; t.users == 0 {
		t.sink.close()
	}
}

// hush ends reading.
func (t *tcpConn) hush(err error) { t.src.stop(err, func() { t.SetReadDeadline(past()) }) }

// give appends the two streams.
func (t *tcpConn) give(c *wit.Call) {
	c.Give(&inputStream{src: t.src, release: func() { t.hush(errClosed); t.release() }})
	c.Give(&outputStream{sink: t.sink, release: t.release})
}

func (s *sockets) tcpImports() wit.Imports {
	return merge(
		imports("wasi:sockets/tcp-create-socket@0.2.0", map[string]wit.HostFunc{"create-tcp-socket": sockOp(s.createTCP)}),
		tcpOptionImports(),
		imports("wasi:sockets/tcp@0.2.0", map[string]wit.HostFunc{
			"[method]tcp-socket.start-bind":     sockOp(tcpStartBind),
			"[method]tcp-socket.finish-bind":    sockOp(tcpFinishBind),
			"[method]tcp-socket.start-connect":  sockOp(tcpStartConnect),
			"[method]tcp-socket.finish-connect": sockOp(tcpFinishConnect),
			"[method]tcp-socket.start-listen":   sockOp(tcpStartListen),
			"[method]tcp-socket.finish-listen":  sockOp(tcpFinishListen),
			"[method]tcp-socket.accept":         sockOp(tcpAccept),
			"[method]tcp-socket.local-address":  sockOp(tcpLocalAddress),
			"[method]tcp-socket.remote-address": sockOp(tcpRemoteAddress),
			"[method]tcp-socket.shutdown":       sockOp(tcpShutdown),
			"[method]tcp-socket.subscribe":      subscribeTo[*tcpSocket],
		}),
	)
}

// createTCP makes a socket. Without a network there is none: a guest that only tries learns it at once.
func (s *sockets) createTCP(c *wit.Call) func() error {
	f := decodeFamily(&c.Args)
	return func() error {
		if err := s.any(); err != nil {
			return err
		}
		c.Give(&tcpSocket{s: s, family: f, options: defaultTCPOptions})
		return nil
	}
}

// any refuses sockets to a guest without a network.
func (s *sockets) any() error {
	if none, ok := s.network.(noNetwork); ok {
		return s.noted(none.Allow(NetConnect, netip.AddrPort{}))
	}
	return nil
}

// event is what the socket waits for, nil for nothing.
func (t *tcpSocket) event() event {
	switch t.state {
	case tcpConnecting:
		return t.dial
	case tcpListening:
		return t.peers
	}
	return nil
}

func (t *tcpSocket) ready() bool {
	e := t.event()
	return e == nil || e.ready()
}

func (t *tcpSocket) watch(wake chan<- struct{}) {
	if e := t.event(); e != nil {
		e.watch(wake)
	}
}

func (t *tcpSocket) unwatch(wake chan<- struct{}) {
	if e := t.event(); e != nil {
		e.unwatch(wake)
	}
}

// Drop implements wit.Dropper.
func (t *tcpSocket) Drop() {
	t.closeListener()
	if t.dial != nil {
		if c, ok := t.dial.stop(t.hangUp); ok {
			c.Close()
		}
		t.hangUp()
	}
	if t.conn != nil {
		t.conn.release()
	}
	t.state = tcpClosed
}

func (t *tcpSocket) closeListener() {
	if t.ln == nil {
		return
	}
	t.ln.Close()
	if t.peers != nil {
		if c, ok := t.peers.stop(func() {}); ok {
			c.Close()
		}
	}
	t.ln = nil
}

// expect is the error of a function that the socket is in no state for.
func (t *tcpSocket) expect(states ...tcpState) error {
	for _, s := range states {
		if t.state == s {
			return nil
		}
	}
	switch t.state {
	case tcpBinding, tcpConnecting, tcpListenStarted:
		return sockConcurrencyConflict
	}
	return sockInvalidState
}

func tcpShutdown(c *wit.Call) func() error {
	t, how := wit.HandleOf[*tcpSocket](c), c.Args.Case(3)
	return func() error {
		if err := t.expect(tcpConnected); err != nil {
			return err
		}
		if how != 1 {
			t.conn.hush(errClosed)
		}
		if how != 0 {
			t.conn.sink.shut()
		}
		return nil
	}
}

func tcpLocalAddress(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		switch {
		case t.state == tcpConnected:
			return giveAddr(c, t.conn.LocalAddr())
		case t.ln != nil && t.state != tcpBinding:
			return giveAddr(c, t.ln.Addr())
		}
		return sockInvalidState
	}
}

func tcpRemoteAddress(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		if t.state != tcpConnected {
			return sockInvalidState
		}
		return giveAddr(c, t.conn.RemoteAddr())
	}
}

// giveAddr appends an address of package net.
func giveAddr(c *wit.Call, a net.Addr) error {
	p, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return sockUnknown
	}
	encodeAddr(&c.Result, p.AddrPort())
	return nil
}
