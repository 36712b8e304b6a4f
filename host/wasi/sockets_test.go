package wasi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// openNet allows everything and knows a few names. It notes what it was asked.
type openNet struct {
	names map[string][]netip.Addr
	mu    sync.Mutex // guards asked
	asked []string
}

func (n *openNet) Allow(op NetOp, addr netip.AddrPort) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, fmt.Sprint(op, " ", addr.Addr()))
	return nil
}

func (n *openNet) Lookup(_ context.Context, name string) ([]netip.Addr, error) {
	if addrs, ok := n.names[name]; ok {
		return addrs, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func tcpf(name string) string { return "wasi:sockets/tcp#[method]tcp-socket." + name }
func udpf(name string) string { return "wasi:sockets/udp#[method]udp-socket." + name }

const (
	tcpSubscribe = "wasi:sockets/tcp#[method]tcp-socket.subscribe"
	createTCP    = "wasi:sockets/tcp-create-socket#create-tcp-socket"
	createUDP    = "wasi:sockets/udp-create-socket#create-udp-socket"
	block        = "poll#[method]pollable.block"
)

var v4, v6 = variant{name: "ipv4"}, variant{name: "ipv6"}

// online is a guest with a network.
type online struct {
	*guest
	net handle
}

func newOnline(t testing.TB, n Network) *online {
	g := newGuest(t, Config{Network: n})
	t.Cleanup(g.quit)
	return &online{g, g.open("wasi:sockets/instance-network#instance-network")}
}

// within is try with a deadline.
func (g *guest) within(d time.Duration, name string, args ...any) (any, error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.ctx, d)
	defer cancel()
	before := g.ctx
	g.ctx = ctx
	defer func() { g.ctx = before }()
	return g.try(name, args...)
}

// at is an ip-socket-address.
func at(a netip.AddrPort) variant {
	ip := a.Addr()
	if ip.Is4() {
		b := ip.As4()
		return variant{"ipv4", list(int(a.Port()), list(int(b[0]), int(b[1]), int(b[2]), int(b[3])))}
	}
	groups := list()
	b := ip.As16()
	for i := 0; i < 16; i += 2 {
		groups = append(groups, int(b[i])<<8|int(b[i+1]))
	}
	return variant{"ipv6", list(int(a.Port()), 0, groups, 0)}
}

func addr(s string) variant { return at(netip.MustParseAddrPort(s)) }

// port is that of an ip-socket-address.
func port(v any) int { return v.(variant).value.([]any)[0].(int) }

func (o *online) wait(subscribe string, h handle) {
	o.t.Helper()
	p := o.open(subscribe, h)
	o.call(block, p)
	o.mustDrop(p)
}

// connect connects a new socket.
func (o *online) connect(to variant) (sock, in, out handle) {
	o.t.Helper()
	family := v4
	if to.name == "ipv6" {
		family = v6
	}
	sock = o.getHandle(createTCP, family)
	o.get(tcpf("start-connect"), sock, o.net, to)
	o.wait(tcpSubscribe, sock)
	streams := o.get(tcpf("finish-connect"), sock).([]any)
	return sock, streams[0].(handle), streams[1].(handle)
}

// listen binds a socket and listens.
func (o *online) listen(on variant) (sock handle, local variant) {
	o.t.Helper()
	sock = o.getHandle(createTCP, variant{name: on.name})
	o.get(tcpf("start-bind"), sock, o.net, on)
	o.get(tcpf("finish-bind"), sock)
	o.get(tcpf("start-listen"), sock)
	o.get(tcpf("finish-listen"), sock)
	return sock, o.get(tcpf("local-address"), sock).(variant)
}

// peer accepts one connection of the host's and serves it.
func peer(t testing.TB, serve func(c *net.TCPConn)) variant {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		stop := context.AfterFunc(t.Context(), func() { c.Close() }) // the test is over
		defer stop()
		serve(c.(*net.TCPConn))
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return at(netip.MustParseAddrPort(ln.Addr().String()))
}

func TestWithoutANetworkNothingIsReached(t *testing.T) {
	var refused []error
	g := newGuest(t, Config{Refused: func(err error) { refused = append(refused, err) }})
	network := g.open("wasi:sockets/instance-network#instance-network")
	same(t, "tcp", g.call(createTCP, v4), code("access-denied"))
	same(t, "udp", g.call(createUDP, v6), code("access-denied"))
	s := g.getHandle("wasi:sockets/ip-name-lookup#resolve-addresses", network, "example.com")
	g.call(block, g.open("wasi:sockets/ip-name-lookup#[method]resolve-address-stream.subscribe", s))
	same(t, "lookup", g.call("wasi:sockets/ip-name-lookup#[method]resolve-address-stream.resolve-next-address", s), code("access-denied"))
	if len(refused) != 3 || !errors.Is(refused[2], ErrDenied) || !strings.Contains(refused[2].Error(), "example.com") {
		t.Errorf("the host was told %v", refused)
	}
}

func TestAConnectionCarriesBytesBothWays(t *testing.T) {
	o := newOnline(t, &openNet{})
	to := peer(t, func(c *net.TCPConn) { io.Copy(c, c); c.CloseWrite() })
	sock, in, out := o.connect(to)
	text := strings.Repeat("0123456789", 10_000)
	for i := 0; i < len(text); i += 4000 {
		o.get(bwrite, out, []byte(text[i:min(i+4000, len(text))]))
	}
	same(t, "shutdown", o.call(tcpf("shutdown"), sock, variant{name: "send"}), ok{})
	same(t, "write after it", o.call(check, out), closed)
	same(t, "echo", o.readAll(in) == text, true)
	same(t, "remote", o.get(tcpf("remote-address"), sock), to)
	same(t, "family", o.call(tcpf("address-family"), sock), v4)
	o.mustDrop(sock, in, out)
}

func TestWhatIsWrittenBeforeADropIsSent(t *testing.T) {
	o := newOnline(t, &openNet{})
	got := make(chan string, 1)
	sock, in, out := o.connect(peer(t, func(c *net.TCPConn) {
		b, err := io.ReadAll(c)
		got <- fmt.Sprint(len(b), err)
	}))
	n := o.get(check, out).(int)
	o.get(write, out, make([]byte, n))
	o.mustDrop(out, in, sock)
	same(t, "got", <-got, fmt.Sprint(n, nil))
}

func TestCheckWriteGivesRoomForWhatAPeerDoesNotTake(t *testing.T) {
	o := newOnline(t, &openNet{})
	stop := make(chan struct{})
	sock, in, out := o.connect(peer(t, func(c *net.TCPConn) {
		select {
		case <-stop:
			io.Copy(io.Discard, c)
		case <-t.Context().Done():
		}
	}))
	room := o.open("streams#[method]output-stream.subscribe", out)
	for total := 0; ; total += maxWrite {
		if _, err := o.within(50*time.Millisecond, block, room); err != nil {
			break
		}
		if total > 64<<20 {
			t.Fatal("a peer that reads nothing takes 64 MiB")
		}
		o.get(write, out, make([]byte, o.get(check, out).(int)))
	}
	same(t, "room", o.call(check, out), ok{0})
	if _, err := o.within(10*time.Millisecond, bflush, out); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("blocking-flush: %v", err)
	}
	close(stop)
	same(t, "flush", o.call(bflush, out), ok{})
	same(t, "room", o.call(check, out), ok{maxWrite})
	o.mustDrop(out, in, sock)
}

func TestConnectingFails(t *testing.T) {
	o := newOnline(t, &openNet{})
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	to := at(netip.MustParseAddrPort(ln.Addr().String()))
	ln.Close()
	s := o.getHandle(createTCP, v4)
	same(t, "start", o.call(tcpf("start-connect"), s, o.net, to), ok{})
	same(t, "twice", o.call(tcpf("start-connect"), s, o.net, to), code("concurrency-conflict"))
	o.wait(tcpSubscribe, s)
	same(t, "finish", o.call(tcpf("finish-connect"), s), code("connection-refused"))
	same(t, "finish again", o.call(tcpf("finish-connect"), s), code("not-in-progress"))
	same(t, "start again", o.call(tcpf("start-connect"), s, o.net, to), code("invalid-state"))
}

func TestAddressesThatCannotBeMeantAreRefused(t *testing.T) {
	o := newOnline(t, &openNet{})
	mapped := variant{"ipv6", list(80, 0, list(0, 0, 0, 0, 0, 0xffff, 0x7f00, 1), 0)}
	for _, c := range []struct{ family, to variant }{
		{v4, addr("127.0.0.1:0")}, {v4, addr("0.0.0.0:80")}, {v4, addr("[::1]:80")}, {v6, addr("127.0.0.1:80")}, {v6, mapped},
		{v4, addr("224.0.0.1:80")}, {v4, addr("255.255.255.255:80")}, {v6, addr("[ff02::1]:80")}, {v6, addr("[::]:80")},
	} {
		s := o.getHandle(createTCP, c.family)
		same(t, "connect", o.call(tcpf("start-connect"), s, o.net, c.to), code("invalid-argument"))
	}
	same(t, "bind", o.call(tcpf("start-bind"), o.getHandle(createTCP, v4), o.net, addr("224.0.0.1:80")), code("invalid-argument"))
}

func TestAListenerAcceptsPeers(t *testing.T) {
	o := newOnline(t, &openNet{})
	for _, on := range []string{"127.0.0.1:0", "[::1]:0"} {
		if l, err := net.Listen("tcp", on); err != nil {
			t.Log(err)
			continue
		} else {
			l.Close()
		}
		ln, local := o.listen(addr(on))
		same(t, "listening", o.call(tcpf("is-listening"), ln), true)
		same(t, "nobody there", o.call(tcpf("accept"), ln), code("would-block"))
		sock, in, out := o.connect(local)
		o.wait(tcpSubscribe, ln)
		accepted := o.get(tcpf("accept"), ln).([]any)
		o.get(bwrite, out, []byte("ping"))
		same(t, "ping", o.get(bread, accepted[1].(handle), 10), []byte("ping"))
		same(t, "remote", o.get(tcpf("remote-address"), accepted[0].(handle)), o.get(tcpf("local-address"), sock))
		same(t, "listening", o.call(tcpf("is-listening"), accepted[0].(handle)), false)
		o.mustDrop(out, in, sock)
		same(t, "end", o.readAll(accepted[1].(handle)), "")
		o.mustDrop(accepted[0].(handle), accepted[1].(handle), accepted[2].(handle), ln)
		same(t, "port is free", func() error {
			l, err := net.Listen("tcp", strings.TrimSuffix(on, ":0")+fmt.Sprint(":", port(local)))
			if err == nil {
				l.Close()
			}
			return err
		}(), error(nil))
	}
}

func TestABoundSocketConnectsFromItsAddress(t *testing.T) {
	o := newOnline(t, &openNet{})
	from := make(chan string, 1)
	to := peer(t, func(c *net.TCPConn) { from <- c.RemoteAddr().String() })
	s := o.getHandle(createTCP, v4)
	o.get(tcpf("start-bind"), s, o.net, addr("127.0.0.1:0"))
	same(t, "connect while binding", o.call(tcpf("start-connect"), s, o.net, to), code("concurrency-conflict"))
	o.get(tcpf("finish-bind"), s)
	local := o.get(tcpf("local-address"), s)
	o.get(tcpf("start-connect"), s, o.net, to)
	o.wait(tcpSubscribe, s)
	o.get(tcpf("finish-connect"), s)
	same(t, "local", o.get(tcpf("local-address"), s), local)
	same(t, "seen from", <-from, fmt.Sprint("127.0.0.1:", port(local)))
}

func TestSocketsRefuseWhatTheirStateDoesNotAllow(t *testing.T) {
	o := newOnline(t, &openNet{})
	s := o.getHandle(createTCP, v4)
	for _, name := range []string{"finish-bind", "finish-connect", "finish-listen"} {
		same(t, name, o.call(tcpf(name), s), code("not-in-progress"))
	}
	for _, name := range []string{"start-listen", "accept", "local-address", "remote-address"} {
		same(t, name, o.call(tcpf(name), s), code("invalid-state"))
	}
	same(t, "shutdown", o.call(tcpf("shutdown"), s, variant{name: "both"}), code("invalid-state"))
	ln, local := o.listen(addr("127.0.0.1:0"))
	same(t, "bind twice", o.call(tcpf("start-bind"), ln, o.net, local), code("invalid-state"))
	same(t, "connect", o.call(tcpf("start-connect"), ln, o.net, local), code("invalid-state"))
	same(t, "bind", o.call(tcpf("start-bind"), s, o.net, local), ok{})
	same(t, "the address is taken", o.call(tcpf("finish-bind"), s), code("address-in-use"))
	same(t, "a socket that is free again", o.call(tcpf("start-bind"), s, o.net, addr("127.0.0.1:0")), ok{})
	same(t, "bind", o.call(tcpf("finish-bind"), s), ok{})
}

func TestAReadOfAConnectionEndsWithItsContext(t *testing.T) {
	o := newOnline(t, &openNet{})
	sock, in, _ := o.connect(peer(t, func(c *net.TCPConn) { io.ReadAll(c) }))
	if _, err := o.within(5*time.Millisecond, bread, in, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("blocking-read: %v", err)
	}
	same(t, "shutdown", o.call(tcpf("shutdown"), sock, variant{name: "receive"}), ok{})
	same(t, "read", o.call(bread, in, 1), closed)
}

func TestAConnectionLastsUntilItsSocketAndStreamsAreDropped(t *testing.T) {
	o := newOnline(t, &openNet{})
	got := make(chan string, 1)
	sock, in, out := o.connect(peer(t, func(c *net.TCPConn) {
		b, _ := io.ReadAll(c)
		got <- string(b)
	}))
	conn := o.objects[sock].(*tcpSocket).conn
	o.get(read, in, 1) // one is under way
	o.mustDrop(in, sock)
	o.get(bwrite, out, []byte("late"))
	o.mustDrop(out)
	same(t, "got", <-got, "late")
	until(t, "the connection is closed", func() bool { return errors.Is(conn.SetDeadline(time.Time{}), net.ErrClosed) })
}

func TestTCPOptions(t *testing.T) {
	o := newOnline(t, &openNet{})
	for _, connected := range []bool{false, true} {
		s := o.getHandle(createTCP, v4)
		if connected {
			s, _, _ = o.connect(peer(t, func(c *net.TCPConn) { io.ReadAll(c) }))
		}
		same(t, "keep-alive", o.get(tcpf("keep-alive-enabled"), s), false)
		o.get(tcpf("set-keep-alive-enabled"), s, true)
		same(t, "keep-alive", o.get(tcpf("keep-alive-enabled"), s), true)
		for name, v := range map[string]int{"keep-alive-idle-time": int(time.Minute), "keep-alive-interval": int(time.Second), "keep-alive-count": 3,
			"hop-limit": 7, "receive-buffer-size": 100_000, "send-buffer-size": 50_000} {
			same(t, name+" of 0", o.call(tcpf("set-"+name), s, 0), code("invalid-argument"))
			o.get(tcpf("set-"+name), s, v)
			same(t, name, o.get(tcpf(name), s), v)
		}
		same(t, "backlog of 0", o.call(tcpf("set-listen-backlog-size"), s, 0), code("invalid-argument"))
	}
}

// bound is a UDP socket that is bound, with its streams.
func (o *online) bound(on variant, remote any) (sock, in, out handle) {
	o.t.Helper()
	sock = o.getHandle(createUDP, variant{name: on.name})
	o.get(udpf("start-bind"), sock, o.net, on)
	o.get(udpf("finish-bind"), sock)
	streams := o.get(udpf("stream"), sock, remote).([]any)
	return sock, streams[0].(handle), streams[1].(handle)
}

const (
	receive   = "wasi:sockets/udp#[method]incoming-datagram-stream.receive"
	inSub     = "wasi:sockets/udp#[method]incoming-datagram-stream.subscribe"
	checkSend = "wasi:sockets/udp#[method]outgoing-datagram-stream.check-send"
	send      = "wasi:sockets/udp#[method]outgoing-datagram-stream.send"
)

func (o *online) sendTo(out handle, data string, to any) any {
	o.t.Helper()
	o.get(checkSend, out)
	return o.call(send, out, list(list([]byte(data), to)))
}

func TestDatagramsGoBothWays(t *testing.T) {
	o := newOnline(t, &openNet{})
	a, aIn, aOut := o.bound(addr("127.0.0.1:0"), nil)
	b, bIn, bOut := o.bound(addr("127.0.0.1:0"), nil)
	addrA, addrB := o.get(udpf("local-address"), a), o.get(udpf("local-address"), b)
	same(t, "nothing there", o.get(receive, bIn, 5), list())
	same(t, "send", o.sendTo(aOut, "ping", some{addrB}), ok{1})
	o.wait(inSub, bIn)
	same(t, "received", o.get(receive, bIn, 5), list(list([]byte("ping"), addrA)))
	same(t, "send back", o.sendTo(bOut, "", some{addrA}), ok{1})
	o.wait(inSub, aIn)
	same(t, "received", o.get(receive, aIn, 5), list(list([]byte{}, addrB)))
	same(t, "no address", o.sendTo(aOut, "x", nil), code("invalid-argument"))
	same(t, "too large", o.sendTo(aOut, strings.Repeat("x", maxDatagram+1), some{addrB}), code("datagram-too-large"))
	same(t, "streams twice", o.call(udpf("stream"), a, nil), code("invalid-state"))
	o.mustDrop(aIn, aOut)
	streams := o.get(udpf("stream"), a, some{addrB}).([]any)
	same(t, "remote", o.get(udpf("remote-address"), a), addrB)
	same(t, "to the remote", o.sendTo(streams[1].(handle), "pong", nil), ok{1})
	same(t, "to another", o.sendTo(streams[1].(handle), "pong", some{addrA}), code("invalid-argument"))
	c, _, cOut := o.bound(addr("127.0.0.1:0"), nil)
	o.sendTo(cOut, "not heard", some{addrA})
	o.sendTo(bOut, "heard", some{addrA})
	o.wait(inSub, streams[0].(handle))
	same(t, "heard", o.get(receive, streams[0].(handle), 5), list(list([]byte("heard"), addrB)))
	o.mustDrop(streams[0].(handle), streams[1].(handle), a, bIn, bOut, b, c)
}

func TestSendNeedsAPermit(t *testing.T) {
	o := newOnline(t, &openNet{})
	_, _, out := o.bound(addr("127.0.0.1:0"), some{addr("127.0.0.1:9")})
	if _, err := o.try(send, out, list(list([]byte("x"), nil))); !errors.Is(err, ErrMisuse) {
		t.Errorf("send without check-send: %v", err)
	}
	n := o.get(checkSend, out).(int)
	many := list()
	for range n + 1 {
		many = append(many, list([]byte{}, nil))
	}
	if _, err := o.try(send, out, many); !errors.Is(err, ErrMisuse) {
		t.Errorf("send beyond the permit: %v", err)
	}
}

func TestUDPOptionsAndStates(t *testing.T) {
	o := newOnline(t, &openNet{})
	s := o.getHandle(createUDP, v4)
	same(t, "finish-bind", o.call(udpf("finish-bind"), s), code("not-in-progress"))
	same(t, "stream", o.call(udpf("stream"), s, nil), code("invalid-state"))
	same(t, "local", o.call(udpf("local-address"), s), code("invalid-state"))
	for range 2 {
		for name, v := range map[string]int{"unicast-hop-limit": 9, "receive-buffer-size": 100_000, "send-buffer-size": 50_000} {
			set := "set-" + name
			same(t, name+" of 0", o.call(udpf(set), s, 0), code("invalid-argument"))
			o.get(udpf(set), s, v)
			same(t, name, o.get(udpf(name), s), v)
		}
		if o.objects[s].(*udpSocket).conn == nil {
			o.get(udpf("start-bind"), s, o.net, addr("127.0.0.1:0"))
			same(t, "stream while binding", o.call(udpf("stream"), s, nil), code("invalid-state"))
			o.get(udpf("finish-bind"), s)
		}
	}
	same(t, "bind twice", o.call(udpf("start-bind"), s, o.net, addr("127.0.0.1:0")), code("invalid-state"))
	same(t, "remote", o.call(udpf("remote-address"), s), code("invalid-state"))
	same(t, "subscribe", o.call(isReady, o.open(udpf("subscribe"), s)), true)
	o.mustDrop(s)
}

const next = "wasi:sockets/ip-name-lookup#[method]resolve-address-stream.resolve-next-address"

func (o *online) lookup(name string) (addrs []any, err any) {
	o.t.Helper()
	s := o.getHandle("wasi:sockets/ip-name-lookup#resolve-addresses", o.net, name)
	o.wait("wasi:sockets/ip-name-lookup#[method]resolve-address-stream.subscribe", s)
	defer o.mustDrop(s)
	for {
		switch r := o.call(next, s).(type) {
		case fail:
			return addrs, r
		case ok:
			if r.value == nil {
				return addrs, nil
			}
			addrs = append(addrs, r.value.(some).value)
		}
	}
}

func TestNamesAreLookedUp(t *testing.T) {
	o := newOnline(t, &openNet{names: map[string][]netip.Addr{
		"example.com": {netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("::ffff:192.0.2.2")},
	}})
	ip4 := func(b ...any) any { return variant{"ipv4", b} }
	addrs, err := o.lookup("example.com")
	same(t, "addresses", addrs, list(ip4(192, 0, 2, 1), variant{"ipv6", list(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)}, ip4(192, 0, 2, 2)))
	same(t, "error", err, nil)
	addrs, _ = o.lookup("192.0.2.9")
	same(t, "an address", addrs, list(ip4(192, 0, 2, 9)))
	_, err = o.lookup("nowhere.example")
	same(t, "unknown", err, code("name-unresolvable"))
	for _, name := range []string{"", "a b", "a..b", "grün.example", strings.Repeat("a", 64), strings.Repeat("a.", 200), "a\x00", "a:80"} {
		same(t, name, o.call("wasi:sockets/ip-name-lookup#resolve-addresses", o.net, name), code("invalid-argument"))
	}
}

// slowNet is a Network whose lookups last until they are given up.
type slowNet struct{ openNet }

func (*slowNet) Lookup(ctx context.Context, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestDroppingALookupEndsIt(t *testing.T) {
	o := newOnline(t, &slowNet{})
	s := o.getHandle("wasi:sockets/ip-name-lookup#resolve-addresses", o.net, "example.com")
	same(t, "not yet", o.call(next, s), code("would-block"))
	f := o.objects[s].(*resolving)
	o.mustDrop(s)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running {
		t.Error("the lookup goes on")
	}
}
