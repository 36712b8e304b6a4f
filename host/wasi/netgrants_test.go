package wasi

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func grants(t testing.TB, list ...string) *NetGrants {
	t.Helper()
	n, err := ParseNetGrants(list, func(_ context.Context, name string) ([]netip.Addr, error) {
		return map[string][]netip.Addr{
			"db.internal":     {netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd00::3")},
			"api.example.com": {netip.MustParseAddr("::ffff:203.0.113.5")},
			"example.com":     {netip.MustParseAddr("203.0.113.9")},
		}[name], nil
	})
	must(t, err)
	return n
}

func TestGrantsAllowWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		grant string
		op    NetOp
		addr  string
		want  bool
	}{
		{"192.0.2.1:80", NetConnect, "192.0.2.1:80", true},
		{"192.0.2.1:80", NetConnect, "192.0.2.1:81", false},
		{"192.0.2.1:80", NetConnect, "192.0.2.2:80", false},
		{"192.0.2.1:80", NetSend, "192.0.2.1:80", false},
		{"192.0.2.1:80", NetListen, "192.0.2.1:80", false},
		{"192.0.2.1:*", NetConnect, "192.0.2.1:65535", true},
		{"192.0.2.1:80-90", NetConnect, "192.0.2.1:90", true},
		{"192.0.2.1:80-90", NetConnect, "192.0.2.1:91", false},
		{"10.0.0.0/8:5432", NetConnect, "10.9.9.9:5432", true},
		{"10.0.0.0/8:5432", NetConnect, "11.0.0.1:5432", false},
		{"[fd00::/8]:80", NetConnect, "[fd12::1]:80", true},
		{"[fd00::/8]:80", NetConnect, "[fe80::1]:80", false},
		{"[::1]:80", NetConnect, "[::1]:80", true},
		{"127.0.0.1:80", NetConnect, "[::ffff:127.0.0.1]:80", true},
		{"udp:192.0.2.1:53", NetSend, "192.0.2.1:53", true},
		{"udp:192.0.2.1:53", NetConnect, "192.0.2.1:53", false},
		{"listen:127.0.0.1:8080", NetListen, "127.0.0.1:8080", true},
		{"listen:127.0.0.1:8080", NetListen, "0.0.0.0:8080", false},
		{"listen:127.0.0.1:8080", NetReceive, "127.0.0.1:8080", false},
		{"listen:*:8080", NetListen, "0.0.0.0:8080", true},
		{"udp:listen:0.0.0.0:5353", NetReceive, "0.0.0.0:5353", true},
		{"*:443", NetConnect, "203.0.113.1:443", true},
		{"*:443", NetConnect, "203.0.113.1:80", false},
		{"*:443", NetConnect, "127.0.0.1:443", false},
		{"*:443", NetConnect, "[::1]:443", false},
		{"*:443", NetConnect, "10.0.0.1:443", false},
		{"*:443", NetConnect, "192.168.1.1:443", false},
		{"*:443", NetConnect, "169.254.169.254:443", false},
		{"*:443", NetConnect, "100.64.0.1:443", false},
		{"*:443", NetConnect, "0.0.0.0:443", false},
		{"*:443", NetConnect, "[fe80::1]:443", false},
		{"*:443", NetConnect, "[fd00::1]:443", false},
		{"*:443", NetConnect, "[::ffff:127.0.0.1]:443", false},
		{"*:443", NetConnect, "[2001:db8::1]:443", true},
		{"example.com:443", NetConnect, "203.0.113.9:443", false}, // it was not looked up
	} {
		err := grants(t, c.grant).Allow(c.op, netip.MustParseAddrPort(c.addr))
		if (err == nil) != c.want || err != nil && !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %v %s: %v", c.grant, c.op, c.addr, err)
		}
	}
}

func TestAGrantForANameAllowsWhatTheNameLeadsTo(t *testing.T) {
	for _, c := range []struct {
		grant, name, addr string
		found, allowed    bool
	}{
		{"db.internal:5432", "db.internal", "10.1.2.3:5432", true, true},
		{"db.internal:5432", "DB.Internal.", "[fd00::3]:5432", true, true},
		{"db.internal:5432", "db.internal", "10.1.2.3:80", true, false},
		{"db.internal:5432", "db.internal", "10.1.2.4:5432", true, false},
		{"db.internal:5432", "example.com", "203.0.113.9:5432", false, false},
		{"*.example.com:443", "api.example.com", "203.0.113.5:443", true, true},
		{"*.example.com:443", "example.com", "203.0.113.9:443", false, false},
		{"*.example.com:443", "notexample.com", "203.0.113.9:443", false, false},
		{"*:443", "db.internal", "10.1.2.3:443", true, false},
	} {
		n := grants(t, c.grant)
		_, err := n.Lookup(t.Context(), c.name)
		if (err == nil) != c.found || err != nil && !errors.Is(err, ErrDenied) {
			t.Errorf("%s: lookup of %s: %v", c.grant, c.name, err)
		}
		if err := n.Allow(NetConnect, netip.MustParseAddrPort(c.addr)); (err == nil) != c.allowed {
			t.Errorf("%s: %s: %v", c.grant, c.addr, err)
		}
	}
}

func TestARefusalNamesAGrantThatWouldDo(t *testing.T) {
	for op, want := range map[NetOp]string{NetConnect: "192.0.2.1:80", NetListen: "listen:192.0.2.1:80", NetSend: "udp:192.0.2.1:80",
		NetReceive: "udp:listen:192.0.2.1:80"} {
		addr := netip.MustParseAddrPort("192.0.2.1:80")
		err := grants(t).Allow(op, addr)
		if err == nil || !strings.Contains(err.Error(), " "+want+" ") {
			t.Errorf("%v: %v", op, err)
		}
		if err := grants(t, want).Allow(op, addr); err != nil {
			t.Error(err)
		}
	}
}

func TestTheOldestAddressesAreForgotten(t *testing.T) {
	i := 0
	n, err := ParseNetGrants([]string{"*.example.com:80"}, func(context.Context, string) ([]netip.Addr, error) {
		i++
		return []netip.Addr{netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})}, nil
	})
	must(t, err)
	for range maxLearned + 1 {
		_, err := n.Lookup(t.Context(), "a.example.com")
		must(t, err)
	}
	if len(n.learned) != maxLearned || len(n.order) != maxLearned {
		t.Errorf("%d addresses are remembered", len(n.learned))
	}
	if n.Allow(NetConnect, netip.MustParseAddrPort("192.0.0.1:80")) == nil {
		t.Error("the first one is still allowed")
	}
}

func TestGrantsThatMeanNothingAreRefused(t *testing.T) {
	for s, why := range map[string]string{"": "HOST:PORT", "example.com": "HOST:PORT", "example.com:": "port", "example.com:http": "port",
		"example.com:65536": "port", "example.com:90-80": "port", "a b:80": "no name", ":80": "no name", "::1:80": "[::1]", "[::1:80": "bracket",
		"[example.com]:80": "no name", "listen:example.com:80": "by address", "listen:udp:1.2.3.4:80": "", "1.2.3.4/33:80": "no name",
		"http://example.com:80": "", "*.*.com:80": "no name"} {
		_, err := ParseNetGrants([]string{"127.0.0.1:1", s}, nil)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), `"`+s+`"`) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzParseNetGrants(f *testing.F) {
	for _, s := range []string{"example.com:443", "*.example.com:1-2", "[fd00::/8]:*", "udp:listen:0.0.0.0:5353", "10.0.0.0/8:80", "*:443"} {
		f.Add(s, "127.0.0.1:443")
	}
	f.Fuzz(func(t *testing.T, s, addr string) {
		n, err := ParseNetGrants([]string{s}, nil)
		a, err2 := netip.ParseAddrPort(addr)
		if err != nil || err2 != nil {
			return
		}
		ip := a.Addr().Unmap()
		for op := range NetReceive + 1 {
			if n.Allow(op, a) == nil && strings.HasPrefix(s, "*:") && !isPublic(ip.WithZone("")) {
				t.Errorf("%q allows %v %v", s, op, a)
			}
		}
	})
}

func TestDatagramsComeOnlyFromThoseThatMayBeSentTo(t *testing.T) {
	o := newOnline(t, &openNet{})
	friend, _, friendOut := o.bound(addr("127.0.0.1:0"), nil)
	_, _, strangerOut := o.bound(addr("127.0.0.1:0"), nil)
	from := o.get(udpf("local-address"), friend)
	n, err := ParseNetGrants([]string{"udp:" + netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port(from))).String()}, nil)
	must(t, err)
	p := newOnline(t, n)
	sock, in, out := p.bound(addr("127.0.0.1:0"), nil)
	to := p.get(udpf("local-address"), sock)
	o.sendTo(strangerOut, "not heard", some{to})
	o.sendTo(friendOut, "heard", some{to})
	p.wait(inSub, in)
	same(t, "received", p.get(receive, in, 5), list(list([]byte("heard"), from)))
	same(t, "send to a stranger", p.sendTo(out, "x", some{addr("127.0.0.1:9")}), code("access-denied"))
	other := p.getHandle(createUDP, v4)
	same(t, "bind to a port", p.call(udpf("start-bind"), other, p.net, addr("127.0.0.1:9999")), code("access-denied"))
	same(t, "connect", p.call(tcpf("start-connect"), p.getHandle(createTCP, v4), p.net, addr("127.0.0.1:9")), code("access-denied"))
	same(t, "listen", p.call(tcpf("start-bind"), p.getHandle(createTCP, v4), p.net, addr("127.0.0.1:0")), code("access-denied"))
}
