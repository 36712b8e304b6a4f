package wasi

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// netErrorCode translates an error of packages net, crypto/tls and net/http.
func netErrorCode(err error) ErrorCode {
	if code, ok := tlsErrorCode(err); ok {
		return code
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, ErrDenied):
		return ErrorCode{Code: HTTPRequestDenied}
	case errors.As(err, &dns) && dns.IsTimeout:
		return ErrorCode{Code: DNSTimeout}
	case errors.As(err, &dns) && dns.IsNotFound:
		return ErrorCode{Code: DNSError, Text: "NXDOMAIN"}
	case errors.As(err, &dns):
		return ErrorCode{Code: DNSError, Text: dns.Err}
	case errors.Is(err, syscall.ECONNREFUSED):
		return ErrorCode{Code: ConnectionRefused}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return ErrorCode{Code: DestinationIPUnroutable}
	case errors.As(err, &op) && op.Op == "dial" && isTimeout(err):
		return ErrorCode{Code: ConnectionTimeout}
	case isTimeout(err):
		return ErrorCode{Code: ConnectionReadTimeout}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrorCode{Code: ConnectionTerminated}
	}
	return messageCode(err)
}

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err)
}

func tlsErrorCode(err error) (ErrorCode, bool) {
	var cert *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &cert):
		return ErrorCode{Code: TLSCertificateError}, true
	case errors.As(err, &alert):
		return ErrorCode{Code: TLSAlertReceived, Text: alert.Error(), Size: uint64(alert), HasSize: true}, true
	case errors.As(err, &record):
		return ErrorCode{Code: TLSProtocolError}, true
	}
	return ErrorCode{}, false
}

// messageCode goes by the text of errors for which net/http has no type.
func messageCode(err error) ErrorCode {
	text := err.Error()
	switch {
	case strings.Contains(text, "server response headers exceeded"):
		return ErrorCode{Code: HTTPResponseHeaderSectionSize}
	case strings.Contains(text, "malformed"):
		return ErrorCode{Code: HTTPProtocolError}
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return ErrorCode{Code: TLSProtocolError}
	}
	return ErrorCode{Code: InternalError, Text: text}
}
