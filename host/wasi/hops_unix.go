//go:build unix

package wasi

import "syscall"

// setHops sets the most routers that a packet of the socket passes.
func setHops(c syscall.Conn, f family, n uint8) error {
	level, name := syscall.IPPROTO_IP, syscall.IP_TTL
	if f == ipv6 {
		level, name = syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), level, name, int(n)) }); err != nil {
		return err
	}
	return set
}
