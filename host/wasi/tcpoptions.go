package wasi

import (
	"context"
	"net"
	"time"

	"github.com/wattle-io/wattle/wit"
)

const (
	// maxBuffer bounds the system's buffers that a guest can ask for, in bytes.
	maxBuffer = 4 << 20
	// defaultBuffer is what a guest is told of a buffer whose size it has not set.
	defaultBuffer = 64 << 10
	defaultHops   = 64
)

// tcpOptions are the settings of a TCP socket; they hold from when it is connected.
type tcpOptions struct {
	keepAlive      bool
	idle, interval time.Duration
	count          uint32
	hops           uint8
	hopsSet        bool
	receive, send  uint64 // sizes of buffers; 0 is the system's choice
}

var defaultTCPOptions = tcpOptions{idle: 2 * time.Hour, interval: 75 * time.Second, count: 9, hops: defaultHops}

// apply sets them on a connection.
func (o *tcpOptions) apply(c *net.TCPConn, f family) error {
	if o.hopsSet {
		if err := setHops(c, f, o.hops); err != nil {
			return err
		}
	}
	if o.receive > 0 {
		if err := c.SetReadBuffer(int(o.receive)); err != nil {
			return err
		}
	}
	if o.send > 0 {
		if err := c.SetWriteBuffer(int(o.send)); err != nil {
			return err
		}
	}
	return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: o.keepAlive, Idle: o.idle, Interval: o.interval, Count: int(o.count)})
}

func tcpOptionImports() wit.Imports {
	m := map[string]wit.HostFunc{
		"[method]tcp-socket.is-listening":            tcpIsListening,
		"[method]tcp-socket.address-family":          tcpFamily,
		"[method]tcp-socket.set-listen-backlog-size": sockOp(tcpSetBacklog),
		"[method]tcp-socket.keep-alive-enabled":      sockOp(tcpKeepAlive),
		"[method]tcp-socket.set-keep-alive-enabled":  sockOp(tcpSetKeepAlive),
	}
	for name, field := range map[string]func(*tcpOptions) *time.Duration{
		"keep-alive-idle-time": func(o *tcpOptions) *time.Duration { return &o.idle },
		"keep-alive-interval":  func(o *tcpOptions) *time.Duration { return &o.interval },
	} {
		m["[method]tcp-socket."+name] = tcpGet(func(o *tcpOptions) uint64 { return uint64(*field(o)) })
		m["[method]tcp-socket.set-"+name] = tcpSet(64, func(o *tcpOptions, v uint64) {
			*field(o) = min(max(nanoseconds(v), time.Second), 32767*time.Second) // what systems take
		})
	}
	for name, field := range map[string]func(*tcpOptions) *uint64{
		"receive-buffer-size": func(o *tcpOptions) *uint64 { return &o.receive },
		"send-buffer-size":    func(o *tcpOptions) *uint64 { return &o.send },
	} {
		m["[method]tcp-socket."+name] = tcpGet(func(o *tcpOptions) uint64 { return bufferSize(*field(o)) })
		m["[method]tcp-socket.set-"+name] = tcpSet(64, func(o *tcpOptions, v uint64) { *field(o) = min(v, maxBuffer) })
	}
	m["[method]tcp-socket.keep-alive-count"] = tcpGet(func(o *tcpOptions) uint64 { return uint64(o.count) })
	m["[method]tcp-socket.set-keep-alive-count"] = tcpSet(32, func(o *tcpOptions, v uint64) { o.count = uint32(min(v, 127)) })
	m["[method]tcp-socket.hop-limit"] = sockOp(tcpHops)
	m["[method]tcp-socket.set-hop-limit"] = sockOp(tcpSetHops)
	return imports("wasi:sockets/tcp@0.2.0", m)
}

// bufferSize is what a guest is told of a buffer.
func bufferSize(n uint64) uint64 {
	if n == 0 {
		return defaultBuffer
	}
	return n
}

func tcpIsListening(_ context.Context, c *wit.Call) error {
	t := wit.HandleOf[*tcpSocket](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.Bool(t.state == tcpListening)
	return nil
}

func tcpFamily(_ context.Context, c *wit.Call) error {
	t := wit.HandleOf[*tcpSocket](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.Bool(bool(t.family))
	return nil
}

// tcpGet gives a number.
func tcpGet(get func(*tcpOptions) uint64) wit.HostFunc {
	return sockOp(func(c *wit.Call) func() error {
		t := wit.HandleOf[*tcpSocket](c)
		return func() error {
			c.Result.Uint(get(&t.options))
			return nil
		}
	})
}

// tcpSet takes a number of so many bits, which must not be 0.
func tcpSet(bits uint, set func(*tcpOptions, uint64)) wit.HostFunc {
	return sockOp(func(c *wit.Call) func() error {
		t, v := wit.HandleOf[*tcpSocket](c), c.Args.Uint(bits)
		return func() error {
			if v == 0 {
				return sockInvalidArgument
			}
			return t.change(func(o *tcpOptions) { set(o, v) })
		}
	})
}

// change changes the options, also those of a connection.
func (t *tcpSocket) change(f func(*tcpOptions)) error {
	if t.state == tcpClosed {
		return sockInvalidState
	}
	changed := t.options
	f(&changed)
	if t.state == tcpConnected {
		if err := changed.apply(t.conn.TCPConn, t.family); err != nil {
			return err
		}
	}
	t.options = changed
	return nil
}

// tcpSetBacklog takes a hint, which is not used.
func tcpSetBacklog(c *wit.Call) func() error {
	t, v := wit.HandleOf[*tcpSocket](c), c.Args.Uint(64)
	return func() error {
		if v == 0 {
			return sockInvalidArgument
		}
		if t.state == tcpConnecting || t.state == tcpConnected {
			return sockInvalidState
		}
		return nil
	}
}

func tcpKeepAlive(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		c.Result.Bool(t.options.keepAlive)
		return nil
	}
}

func tcpSetKeepAlive(c *wit.Call) func() error {
	t, on := wit.HandleOf[*tcpSocket](c), c.Args.Bool()
	return func() error { return t.change(func(o *tcpOptions) { o.keepAlive = on }) }
}

func tcpHops(c *wit.Call) func() error {
	t := wit.HandleOf[*tcpSocket](c)
	return func() error {
		c.Result.Byte(t.options.hops)
		return nil
	}
}

func tcpSetHops(c *wit.Call) func() error {
	t, v := wit.HandleOf[*tcpSocket](c), c.Args.Byte()
	return func() error {
		if v == 0 {
			return sockInvalidArgument
		}
		return t.change(func(o *tcpOptions) { o.hops, o.hopsSet = v, true })
	}
}
