package bus

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// listenForLeaves adds the ports where hosts join. Both speak TLS with the hub's own certificate.
func (h *Hub) listenForLeaves(o *server.Options, cfg HubConfig, ports hubPorts) error {
	if ports.leaf == nil && ports.websocket == nil {
		return nil
	}
	cert, pin, err := cfg.Identity.certificate()
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	h.pin = pin
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	// The websocket port hands leaves to the leaf part of the server, which works only if that listens: then on loopback, and
	// nobody is told.
	leaf := ports.leaf
	if leaf == nil {
		leaf = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: server.RANDOM_PORT}
	}
	o.LeafNode.Host, o.LeafNode.Port = leaf.IP.String(), leaf.Port
	o.LeafNode.TLSConfig, o.LeafNode.TLSTimeout, o.LeafNode.TLSHandshakeFirst = conf, handshakeSeconds, true
	o.LeafNode.AuthTimeout, o.LeafNode.NoAdvertise = handshakeSeconds, true
	if ws := ports.websocket; ws != nil {
		o.Websocket.Host, o.Websocket.Port = ws.IP.String(), ws.Port
		o.Websocket.TLSConfig, o.Websocket.AuthTimeout = conf.Clone(), handshakeSeconds
	}
	return nil
}

// Pin is the key by which hosts know the hub; zero if it does not listen for leaves.
func (h *Hub) Pin() Pin { return h.pin }

// LeafURLs is where hosts join, best first: what HubConfig.Advertise says, else the addresses of this machine. tls:// is a leaf
// port, wss:// a websocket port.
func (h *Hub) LeafURLs() []string { return append([]string(nil), h.leaves...) }

func leafURLs(cfg HubConfig, ports hubPorts) (urls []string) {
	for _, p := range []struct {
		scheme string
		addr   *net.TCPAddr
	}{{"tls", ports.leaf}, {"wss", ports.websocket}} {
		if p.addr == nil {
			continue
		}
		port := strconv.Itoa(p.addr.Port)
		for _, host := range advertised(cfg.Advertise, p.scheme, port, p.addr.IP) {
			urls = append(urls, p.scheme+"://"+host)
		}
	}
	return urls
}

// advertised is the host:port under which a port can be reached.
func advertised(given []string, scheme, port string, listen net.IP) (hosts []string) {
	for _, g := range given {
		s, host, isURL := strings.Cut(g, "://")
		if !isURL {
			host = g
		} else if s != scheme {
			continue
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		hosts = append(hosts, host)
	}
	if len(given) > 0 {
		return hosts
	}
	for _, ip := range reachable(listen) {
		hosts = append(hosts, net.JoinHostPort(ip.String(), port))
	}
	return hosts
}

// reachable is the addresses under which what listens on ip can be reached: those of this machine if it listens on all; loopback
// comes last, and IPv6 link-local addresses, which mean nothing elsewhere, not at all.
func reachable(ip net.IP) (ips []net.IP) {
	if !ip.IsUnspecified() {
		return []net.IP{ip}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.IsLinkLocalUnicast() || n.IP.To4() == nil && ip.To4() != nil {
			continue
		}
		ips = append(ips, n.IP)
	}
	return append(ips, net.IPv4(127, 0, 0, 1))
}

// NumLeaves is how many leaves are joined at the moment.
func (h *Hub) NumLeaves() int { return h.server.NumLeafNodes() }
