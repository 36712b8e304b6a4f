package wasi

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"

	"github.com/wattle-io/wattle/wit"
)

// decodeAddr reads an ip-socket-address. An IPv4 address in the form of an IPv6 one stays as it is; checkLocal and checkRemote
// refuse it.
func decodeAddr(d *wit.Decoder) netip.AddrPort {
	v6 := d.Case(2) == 1
	port := uint16(d.Uint(16))
	if !v6 {
		return netip.AddrPortFrom(decodeIPv4(d), port)
	}
	d.U32() // the flow is the system's to choose
	ip := decodeIPv6(d)
	if scope := d.U32(); scope != 0 {
		ip = ip.WithZone(strconv.FormatUint(uint64(scope), 10))
	}
	return netip.AddrPortFrom(ip, port)
}

func decodeIPv4(d *wit.Decoder) netip.Addr {
	var b [4]byte
	for i := range b {
		b[i] = d.Byte()
	}
	return netip.AddrFrom4(b)
}

func decodeIPv6(d *wit.Decoder) netip.Addr {
	var b [16]byte
	for i := 0; i < len(b); i += 2 {
		binary.BigEndian.PutUint16(b[i:], uint16(d.Uint(16)))
	}
	return netip.AddrFrom16(b)
}

// encodeAddr appends an ip-socket-address.
func encodeAddr(e *wit.Encoder, a netip.AddrPort) {
	ip := a.Addr().Unmap()
	e.Bool(ip.Is6())
	e.Uint(uint64(a.Port()))
	if ip.Is4() {
		encodeGroups(e, ip)
		return
	}
	e.Uint(0)
	encodeGroups(e, ip)
	e.Uint(uint64(scopeOf(ip)))
}

// encodeIP appends an ip-address.
func encodeIP(e *wit.Encoder, ip netip.Addr) {
	ip = ip.Unmap()
	e.Bool(ip.Is6())
	encodeGroups(e, ip)
}

// encodeGroups appends an ipv4-address or ipv6-address.
func encodeGroups(e *wit.Encoder, ip netip.Addr) {
	if ip.Is4() {
		for _, b := range ip.As4() {
			e.Byte(b)
		}
		return
	}
	b := ip.As16()
	for i := 0; i < len(b); i += 2 {
		e.Uint(uint64(binary.BigEndian.Uint16(b[i:])))
	}
}

// scopeOf is the number of the zone, which may be given by name.
func scopeOf(ip netip.Addr) uint32 {
	if n, err := strconv.ParseUint(ip.Zone(), 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(ip.Zone()); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// family is ipv4 or ipv6.
type family bool

const (
	ipv4 family = false
	ipv6 family = true
)

func decodeFamily(d *wit.Decoder) family { return d.Case(2) == 1 }

// network is the name for package net of a protocol in this family.
func (f family) network(protocol string) string {
	if f == ipv6 {
		return protocol + "6"
	}
	return protocol + "4"
}

// checkLocal refuses addresses that a socket of the family cannot be bound to.
func (f family) checkLocal(a netip.AddrPort) error {
	if ip := a.Addr(); ip.Is6() != bool(f) || ip.Is4In6() || ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return sockInvalidArgument
	}
	return nil
}

// checkRemote refuses addresses that nobody can have.
func (f family) checkRemote(a netip.AddrPort) error {
	if a.Port() == 0 || a.Addr().IsUnspecified() {
		return sockInvalidArgument
	}
	return f.checkLocal(a)
}
