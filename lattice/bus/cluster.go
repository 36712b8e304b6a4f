package bus

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/wattle-io/wattle/lattice"
)

// ClusterConfig makes several hubs, three as a rule, one: each holds a copy of the lattice's state, and hosts go to any.
type ClusterConfig struct {
	// Name of the cluster; "hubs" unless given.
	Name string
	// Listen is host:port for the other hubs.
	Listen string
	// Routes is host:port of the other hubs.
	Routes []string
}

// apply adds the cluster to the server's options.
func (c *ClusterConfig) apply(o *server.Options, id *Identity) error {
	if c == nil {
		return nil
	}
	cert, pin, err := id.certificate()
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	addr, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil || addr.Port == 0 {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.100q is no address for a cluster of hubs", c.Listen),
			Hint: "use host:port", Err: err}
	}
	name := c.Name
	if name == "" {
		name = "hubs"
	}
	o.Cluster = server.ClusterOpts{Name: name, Host: c.host(addr), Port: addr.Port, PoolSize: 1, AuthTimeout: handshakeSeconds, TLSTimeout: handshakeSeconds}
	// Hubs of one identity share the key, and whoever has it is one of them.
	o.Cluster.TLSConfig = pinnedTLS(pin, func() {})
	o.Cluster.TLSConfig.Certificates, o.Cluster.TLSConfig.ClientAuth = []tls.Certificate{cert}, tls.RequireAnyClientCert
	for _, r := range c.Routes {
		if _, _, err := net.SplitHostPort(r); err != nil {
			return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.100q is no address of a hub", r),
				Hint: "use host:port", Err: err}
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: r})
	}
	return nil
}

func (c *ClusterConfig) host(addr *net.TCPAddr) string {
	if addr.IP == nil {
		return net.IPv4zero.String()
	}
	return addr.IP.String()
}
