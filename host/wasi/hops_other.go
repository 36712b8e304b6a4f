//go:build !unix

package wasi

import "syscall"

// setHops would set the most routers that a packet of the socket passes.
func setHops(syscall.Conn, family, uint8) error { return sockNotSupported }
