package wasi

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// NetGrants is a Network that goes by a list of grants.
type NetGrants struct {
	grants []netGrant
	lookup func(ctx context.Context, name string) ([]netip.Addr, error)

	mu      sync.Mutex                  // guards the rest
	learned map[netip.Addr]map[int]bool // the grants, by index, for names that have led to the address
	order   []netip.Addr                // of learned, oldest first
}

// maxLearned bounds the addresses that are remembered as those of a name. The oldest is forgotten first: who wants to go there again looks it
// up again.
const maxLearned = 4096

// netGrant allows one operation with some hosts and ports.
type netGrant struct {
	op       NetOp
	any      bool         // every public address
	prefix   netip.Prefix // valid: the addresses in it
	name     string       // a host name, in lower case, without the dot at its end; "*.example.com" is every name below that
	min, max uint16       // ports
}

// ParseNetGrants makes NetGrants of grants in text form, each
//
//	[udp:][listen:]HOST:PORT
//
//	example.com:443          TCP connections to whatever example.com leads to when it is looked up, port 443
//	*.example.com:443        the same for every name below example.com
//	10.0.0.0/8:5432          TCP connections to an address, or to all of a network; IPv6 ones stand in brackets: [fd00::/8]:80
//	*:443                    TCP connections to any public address: none of loopback, private and link-local networks
//	udp:192.0.2.1:53         UDP datagrams to an address and from it
//	listen:127.0.0.1:8080    a TCP listener on an address of this machine; 0.0.0.0 and [::] are all of them
//	udp:listen:0.0.0.0:5353  a UDP socket that hears everyone
//
// PORT is a number, a range (8000-8999) or * for all. lookup resolves names; nil is the machine's resolver.
func ParseNetGrants(grants []string, lookup func(ctx context.Context, name string) ([]netip.Addr, error)) (*NetGrants, error) {
	if lookup == nil {
		lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	n := &NetGrants{lookup: lookup, learned: map[netip.Addr]map[int]bool{}}
	for _, s := range grants {
		g, err := parseNetGrant(s)
		if err != nil {
			return nil, fmt.Errorf("wasi: network grant %q: %w", s, err)
		}
		n.grants = append(n.grants, g)
	}
	return n, nil
}

func parseNetGrant(s string) (g netGrant, err error) {
	rest, udp := strings.CutPrefix(s, "udp:")
	rest, listen := strings.CutPrefix(rest, "listen:")
	switch {
	case udp && listen:
		g.op = NetReceive
	case udp:
		g.op = NetSend
	case listen:
		g.op = NetListen
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return g, fmt.Errorf("want HOST:PORT, e.g. %s", "example.com:443")
	}
	if g.min, g.max, err = parsePorts(rest[i+1:]); err != nil {
		return g, err
	}
	return g, g.parseHost(rest[:i], listen)
}

func parsePorts(s string) (low, high uint16, err error) {
	if s == "*" {
		return 0, 65535, nil
	}
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	a, err := strconv.ParseUint(from, 10, 16)
	b, err2 := strconv.ParseUint(to, 10, 16)
	if err != nil || err2 != nil || a > b {
		return 0, 0, fmt.Errorf("port %q is no number from 0 to 65535, no range like 8000-8999, and not *", s)
	}
	return uint16(a), uint16(b), nil
}

func (g *netGrant) parseHost(host string, listen bool) error {
	plain, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		plain, bracketed = strings.CutSuffix(plain, "]")
		if !bracketed {
			return fmt.Errorf("host %q lacks its closing bracket", host)
		}
	}
	switch {
	case host == "*":
		g.any = true
	case strings.Contains(plain, ":") && !bracketed:
		return fmt.Errorf("put the IPv6 address %s into brackets: [%s]", plain, plain)
	case g.parsePrefix(plain):
	case listen:
		return fmt.Errorf("host %q is no address of a machine; listeners are granted by address, e.g. 127.0.0.1", host)
	case isHostName(strings.TrimPrefix(plain, "*.")) && !bracketed:
		g.name = canonicalHost(plain)
	default:
		return fmt.Errorf("host %q is no name, address or network", host)
	}
	return nil
}

func (g *netGrant) parsePrefix(s string) bool {
	if p, err := netip.ParsePrefix(s); err == nil {
		g.prefix = p.Masked()
		return true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	g.prefix = netip.PrefixFrom(a, a.BitLen())
	return true
}

func canonicalHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// matches reports whether the grant is for a host name, which is canonical.
func (g *netGrant) matches(name string) bool {
	if below, ok := strings.CutPrefix(g.name, "*"); ok {
		return len(name) > len(below) && strings.HasSuffix(name, below)
	}
	return g.name != "" && g.name == name
}

// Allow implements Network.
func (n *NetGrants) Allow(op NetOp, addr netip.AddrPort) error {
	ip := addr.Addr().Unmap().WithZone("")
	for i := range n.grants {
		g := &n.grants[i]
		if g.op != op || addr.Port() < g.min || addr.Port() > g.max {
			continue
		}
		if g.prefix.IsValid() && g.prefix.Contains(ip) || g.any && (isPublic(ip) || op == NetListen || op == NetReceive) || n.ledTo(i, ip) {
			return nil
		}
	}
	return &DeniedError{What: fmt.Sprintf("%v %v", op, addr), Hint: "a grant like " + grantFor(op, addr) + " would allow it"}
}

// isPublic reports whether an address is outside of every private network. What is not must be granted by name or address: services there
// trust whoever can reach them.
func isPublic(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !sharedSpace.Contains(ip)
}

// sharedSpace is that of carriers (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// grantFor is the narrowest grant for an address.
func grantFor(op NetOp, addr netip.AddrPort) string {
	prefix := map[NetOp]string{NetListen: "listen:", NetSend: "udp:", NetReceive: "udp:listen:"}[op]
	return prefix + addr.String()
}

// ledTo reports whether a name that the grant is for has led to the address.
func (n *NetGrants) ledTo(grant int, ip netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.learned[ip][grant]
}

// Lookup implements Network. Names are looked up if there is a grant for them, or one for any public address.
func (n *NetGrants) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	canonical := canonicalHost(name)
	if !n.mayLookup(canonical) {
		return nil, &DeniedError{What: "lookup of " + name, Hint: "a grant like " + name + ":443 would allow it"}
	}
	addrs, err := n.lookup(ctx, canonical)
	if err != nil {
		return nil, err
	}
	n.learn(canonical, addrs)
	return addrs, nil
}

func (n *NetGrants) mayLookup(name string) bool {
	for i := range n.grants {
		if g := &n.grants[i]; g.any && (g.op == NetConnect || g.op == NetSend) || g.matches(name) {
			return true
		}
	}
	return false
}

// learn remembers where a name has led.
func (n *NetGrants) learn(name string, addrs []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.grants {
		if !n.grants[i].matches(name) {
			continue
		}
		for _, a := range addrs[:min(len(addrs), maxAddresses)] {
			n.learnOne(i, a.Unmap().WithZone(""))
		}
	}
}

func (n *NetGrants) learnOne(grant int, a netip.Addr) {
	if n.learned[a] == nil {
		n.learned[a] = map[int]bool{}
		n.order = append(n.order, a)
	}
	n.learned[a][grant] = true
	if len(n.order) > maxLearned {
		delete(n.learned, n.order[0])
		n.order = n.order[1:]
	}
}
