package wasi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// sockCode is the enum error-code of wasi:sockets/network, as a Go error.
type sockCode uint8

// The cases, in the enum's order.
const (
	sockUnknown sockCode = iota
	sockAccessDenied
	sockNotSupported
	sockInvalidArgument
	sockOutOfMemory
	sockTimeout
	sockConcurrencyConflict
	sockNotInProgress
	sockWouldBlock
	sockInvalidState
	sockNewSocketLimit
	sockAddressNotBindable
	sockAddressInUse
	sockRemoteUnreachable
	sockConnectionRefused
	sockConnectionReset
	sockConnectionAborted
	sockDatagramTooLarge
	sockNameUnresolvable
	sockTemporaryResolverFailure
	sockPermanentResolverFailure
)

// Error implements error.
func (c sockCode) Error() string { return fmt.Sprintf("wasi:sockets error-code %d", uint8(c)) }

// sockErrnos says which case an error of the system is.
var sockErrnos = [...]struct {
	errno syscall.Errno
	code  sockCode
}{
	{syscall.EACCES, sockAccessDenied}, {syscall.EPERM, sockAccessDenied}, {syscall.EOPNOTSUPP, sockNotSupported},
	{syscall.EAFNOSUPPORT, sockNotSupported}, {syscall.EINVAL, sockInvalidArgument}, {syscall.ENOMEM, sockOutOfMemory},
	{syscall.ENOBUFS, sockOutOfMemory}, {syscall.ETIMEDOUT, sockTimeout}, {syscall.EMFILE, sockNewSocketLimit},
	{syscall.ENFILE, sockNewSocketLimit}, {syscall.EADDRNOTAVAIL, sockAddressNotBindable}, {syscall.EADDRINUSE, sockAddressInUse},
	{syscall.EHOSTUNREACH, sockRemoteUnreachable}, {syscall.ENETUNREACH, sockRemoteUnreachable}, {syscall.ENETDOWN, sockRemoteUnreachable},
	{syscall.ECONNREFUSED, sockConnectionRefused}, {syscall.ECONNRESET, sockConnectionReset},
	{syscall.ECONNABORTED, sockConnectionAborted}, {syscall.EMSGSIZE, sockDatagramTooLarge},
}

// sockCodeOf is the case that an error of package net is.
func sockCodeOf(err error) sockCode {
	var code sockCode
	var dns *net.DNSError
	switch {
	case errors.As(err, &code):
		return code
	case errors.Is(err, ErrDenied):
		return sockAccessDenied
	case errors.As(err, &dns):
		return resolverCode(dns)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return sockTimeout
	}
	for _, e := range sockErrnos {
		if errors.Is(err, e.errno) {
			return e.code
		}
	}
	return sockUnknown
}

func resolverCode(err *net.DNSError) sockCode {
	switch {
	case err.IsNotFound:
		return sockNameUnresolvable
	case err.IsTimeout, err.IsTemporary:
		return sockTemporaryResolverFailure
	}
	return sockPermanentResolverFailure
}
