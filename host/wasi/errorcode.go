package wasi

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// Code is the case of an ErrorCode.
type Code uint8

// The cases of wasi:http/types error-code, in its order.
const (
	DNSTimeout Code = iota
	DNSError
	DestinationNotFound
	DestinationUnavailable
	DestinationIPProhibited
	DestinationIPUnroutable
	ConnectionRefused
	ConnectionTerminated
	ConnectionTimeout
	ConnectionReadTimeout
	ConnectionWriteTimeout
	ConnectionLimitReached
	TLSProtocolError
	TLSCertificateError
	TLSAlertReceived
	HTTPRequestDenied
	HTTPRequestLengthRequired
	HTTPRequestBodySize
	HTTPRequestMethodInvalid
	HTTPRequestURIInvalid
	HTTPRequestURITooLong
	HTTPRequestHeaderSectionSize
	HTTPRequestHeaderSize
	HTTPRequestTrailerSectionSize
	HTTPRequestTrailerSize
	HTTPResponseIncomplete
	HTTPResponseHeaderSectionSize
	HTTPResponseHeaderSize
	HTTPResponseBodySize
	HTTPResponseTrailerSectionSize
	HTTPResponseTrailerSize
	HTTPResponseTransferCoding
	HTTPResponseContentCoding
	HTTPResponseTimeout
	HTTPUpgradeFailed
	HTTPProtocolError
	LoopDetected
	ConfigurationError
	InternalError
)

// payload is the shape of a case's payload.
type payload uint8

const (
	noPayload     payload = iota
	dnsPayload            // record {rcode: option<string>, info-code: option<u16>}
	tlsPayload            // record {alert-id: option<u8>, alert-message: option<string>}
	u64Payload            // option<u64>
	u32Payload            // option<u32>
	optionalField         // option<field-size-payload>
	fieldPayload          // record field-size-payload {field-name: option<string>, field-size: option<u32>}
	textPayload           // option<string>
)

var codes = [...]struct {
	name    string
	payload payload
}{
	{"DNS-timeout", noPayload},
	{"DNS-error", dnsPayload},
	{"destination-not-found", noPayload},
	{"destination-unavailable", noPayload},
	{"destination-IP-prohibited", noPayload},
	{"destination-IP-unroutable", noPayload},
	{"connection-refused", noPayload},
	{"connection-terminated", noPayload},
	{"connection-timeout", noPayload},
	{"connection-read-timeout", noPayload},
	{"connection-write-timeout", noPayload},
	{"connection-limit-reached", noPayload},
	{"TLS-protocol-error", noPayload},
	{"TLS-certificate-error", noPayload},
	{"TLS-alert-received", tlsPayload},
	{"HTTP-request-denied", noPayload},
	{"HTTP-request-length-required", noPayload},
	{"HTTP-request-body-size", u64Payload},
	{"HTTP-request-method-invalid", noPayload},
	{"HTTP-request-URI-invalid", noPayload},
	{"HTTP-request-URI-too-long", noPayload},
	{"HTTP-request-header-section-size", u32Payload},
	{"HTTP-request-header-size", optionalField},
	{"HTTP-request-trailer-section-size", u32Payload},
	{"HTTP-request-trailer-size", fieldPayload},
	{"HTTP-response-incomplete", noPayload},
	{"HTTP-response-header-section-size", u32Payload},
	{"HTTP-response-header-size", fieldPayload},
	{"HTTP-response-body-size", u64Payload},
	{"HTTP-response-trailer-section-size", u32Payload},
	{"HTTP-response-trailer-size", fieldPayload},
	{"HTTP-response-transfer-coding", textPayload},
	{"HTTP-response-content-coding", textPayload},
	{"HTTP-response-timeout", noPayload},
	{"HTTP-upgrade-failed", noPayload},
	{"HTTP-protocol-error", noPayload},
	{"loop-detected", noPayload},
	{"configuration-error", noPayload},
	{"internal-error", textPayload},
}

// String is the case's WIT name.
func (c Code) String() string {
	if int(c) < len(codes) {
		return codes[c].name
	}
	return fmt.Sprintf("error-code(%d)", uint8(c))
}

// Status is the HTTP status with which a server answers when the guest gives it this code as its response.
func (c Code) Status() int {
	switch c {
	case HTTPRequestDenied, DestinationIPProhibited:
		return 403
	case HTTPRequestLengthRequired:
		return 411
	case HTTPRequestBodySize:
		return 413
	case HTTPRequestMethodInvalid:
		return 405
	case HTTPRequestURIInvalid:
		return 400
	case HTTPRequestURITooLong:
		return 414
	case HTTPRequestHeaderSectionSize, HTTPRequestHeaderSize, HTTPRequestTrailerSectionSize, HTTPRequestTrailerSize:
		return 431
	case DNSTimeout, ConnectionTimeout, ConnectionReadTimeout, ConnectionWriteTimeout, HTTPResponseTimeout:
		return 504
	case DestinationUnavailable, ConnectionLimitReached:
		return 503
	case LoopDetected:
		return 508
	case ConfigurationError, InternalError:
		return 500
	}
	return 502
}

// ErrorCode is the wasi:http error-code variant, as a Go error. It is comparable.
type ErrorCode struct {
	Code Code
	// Text is the text of the payload, "" for none: the rcode of DNSError, the message of TLSAlertReceived, the field name
	// of the size cases, the coding, or the text of InternalError.
	Text string
	// Size is the number of the payload, if HasSize: a size in bytes, the info-code of DNSError, the alert id.
	Size    uint64
	HasSize bool
}

// Error names the case and what its payload says.
func (e ErrorCode) Error() string {
	var b strings.Builder
	b.WriteString("wasi:http error-code " + e.Code.String())
	if e.HasSize {
		fmt.Fprintf(&b, " (%d)", e.Size)
	}
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	return b.String()
}

// sized is a code with a number.
func sized(c Code, n int64) ErrorCode {
	return ErrorCode{Code: c, Size: uint64(max(0, n)), HasSize: true}
}

// asErrorCode is the ErrorCode in err.
func asErrorCode(err error) (ErrorCode, bool) {
	var e ErrorCode
	ok := errors.As(err, &e)
	return e, ok
}

// errorCodeOf is the ErrorCode in err, or an internal-error that says the same.
func errorCodeOf(err error) ErrorCode {
	if e, ok := asErrorCode(err); ok {
		return e
	}
	return ErrorCode{Code: InternalError, Text: err.Error()}
}

// encode appends the variant.
func (e ErrorCode) encode(c *wit.Encoder) {
	if int(e.Code) >= len(codes) {
		e.Code = InternalError
	}
	c.Uint(uint64(e.Code))
	switch codes[e.Code].payload {
	case dnsPayload, fieldPayload:
		e.encodeText(c)
		e.encodeSize(c)
	case tlsPayload:
		e.encodeAlert(c)
	case u64Payload, u32Payload:
		e.encodeSize(c)
	case textPayload:
		e.encodeText(c)
	case optionalField:
		c.Bool(e.Text != "" || e.HasSize)
		if e.Text != "" || e.HasSize {
			e.encodeText(c)
			e.encodeSize(c)
		}
	}
}

func (e ErrorCode) encodeText(c *wit.Encoder) {
	c.Bool(e.Text != "")
	if e.Text != "" {
		c.String(validText(e.Text))
	}
}

// encodeSize appends an option of the payload's number type; what the type cannot hold is its maximum.
func (e ErrorCode) encodeSize(c *wit.Encoder) {
	c.Bool(e.HasSize)
	if !e.HasSize {
		return
	}
	most := uint64(1<<64 - 1)
	switch codes[e.Code].payload {
	case dnsPayload:
		most = 1<<16 - 1
	case u32Payload, optionalField, fieldPayload:
		most = 1<<32 - 1
	}
	c.Uint(min(e.Size, most))
}

// encodeAlert appends the TLS-alert-received-payload: here the number is first, and one byte.
func (e ErrorCode) encodeAlert(c *wit.Encoder) {
	c.Bool(e.HasSize)
	if e.HasSize {
		c.Byte(byte(min(e.Size, 255)))
	}
	e.encodeText(c)
}

// decodeErrorCode reads the variant.
func decodeErrorCode(d *wit.Decoder) ErrorCode {
	e := ErrorCode{Code: Code(d.Case(len(codes)))}
	switch codes[e.Code].payload {
	case dnsPayload:
		e.decodeText(d)
		e.decodeSize(d, 16)
	case tlsPayload:
		if e.HasSize = d.Option(); e.HasSize {
			e.Size = uint64(d.Byte())
		}
		e.decodeText(d)
	case u64Payload:
		e.decodeSize(d, 64)
	case u32Payload:
		e.decodeSize(d, 32)
	case textPayload:
		e.decodeText(d)
	case optionalField:
		if d.Option() {
			e.decodeText(d)
			e.decodeSize(d, 32)
		}
	case fieldPayload:
		e.decodeText(d)
		e.decodeSize(d, 32)
	}
	return e
}

func (e *ErrorCode) decodeText(d *wit.Decoder) {
	if d.Option() {
		e.Text = cut(d.RawString(), maxLogContext)
	}
}

func (e *ErrorCode) decodeSize(d *wit.Decoder, bits uint) {
	if e.HasSize = d.Option(); e.HasSize {
		e.Size = d.Uint(bits)
	}
}
