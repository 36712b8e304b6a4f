// Package http is the contract wasi:http as it crosses the lattice: one flat operation, OpHandle, whose payload is the head of a
// request, whose body is the invocation's body, and whose reply is streamed: the head of a response, then its body.
//
// What the guest sees of it (incoming-handler and its resources) is made by the host; httpserver, in the directory below, is the
// provider that calls it. Names here are those of HTTP semantics (RFC 9110).
package http

import (
	"fmt"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/wit"
)

// Name is the contract's name in links and claims.
const Name = "wasi:http"

// OpHandle handles a request:
//
//	payload  RequestHead     body  Invocation.Body, or nil
//	reply    none; Invocation.Stream takes a ResponseHead, then the body
const OpHandle = "handle"

// Bounds of a head. Decoding refuses what is larger.
const (
	MaxMethod = 64       // bytes of a method
	MaxTarget = 16 << 10 // bytes of authority, and of path and query
	MaxFields = 256      // header fields
	MaxHeader = 64 << 10 // bytes of all names and values of a header
)

// Field is a header field. Several may have one name; their order counts.
type Field struct {
	Name  string
	Value []byte
}

// RequestHead is a request without its body.
//
//	record { method: string, scheme: string, authority: string, path-with-query: string, header: list<tuple<string, list<u8>>> }
type RequestHead struct {
	Method        string // "GET"
	Scheme        string // "http" or "https"
	Authority     string // "example.org:8080"
	PathWithQuery string // "/a?b=c"
	Header        []Field
}

// ResponseHead is a response without its body.
//
//	record { status: u16, header: list<tuple<string, list<u8>>> }
type ResponseHead struct {
	Status int
	Header []Field
}

// Encode appends the head to buf.
func (h RequestHead) Encode(buf []byte) []byte {
	e := wit.Encoder{Buf: buf}
	e.String(h.Method)
	e.String(h.Scheme)
	e.String(h.Authority)
	e.String(h.PathWithQuery)
	encodeHeader(&e, h.Header)
	return e.Buf
}

// DecodeRequestHead reads a request head, all of payload. The values alias payload; the error is lattice.ErrInvalid.
func DecodeRequestHead(payload []byte) (RequestHead, error) {
	d := wit.Decoder{Buf: payload}
	h := RequestHead{
		Method:        bounded(&d, "method", MaxMethod),
		Scheme:        bounded(&d, "scheme", MaxMethod),
		Authority:     bounded(&d, "authority", MaxTarget),
		PathWithQuery: bounded(&d, "path", MaxTarget),
		Header:        decodeHeader(&d),
	}
	if err := d.Close(); err != nil {
		return RequestHead{}, malformed("request", err)
	}
	return h, nil
}

// Encode appends the head to buf.
func (h ResponseHead) Encode(buf []byte) []byte {
	e := wit.Encoder{Buf: buf}
	e.Uint(uint64(uint16(h.Status)))
	encodeHeader(&e, h.Header)
	return e.Buf
}

// DecodeResponseHead reads a response head, all of payload. The values alias payload; the error is lattice.ErrInvalid. It does not
// judge status and fields: that is for who sends them on.
func DecodeResponseHead(payload []byte) (ResponseHead, error) {
	d := wit.Decoder{Buf: payload}
	h := ResponseHead{Status: int(d.Uint(16)), Header: decodeHeader(&d)}
	if err := d.Close(); err != nil {
		return ResponseHead{}, malformed("response", err)
	}
	return h, nil
}

func encodeHeader(e *wit.Encoder, fields []Field) {
	e.Uint(uint64(len(fields)))
	for _, f := range fields {
		e.String(f.Name)
		e.Bytes(f.Value)
	}
}

func decodeHeader(d *wit.Decoder) []Field {
	n := d.Uint(32)
	if n > MaxFields || n > uint64(d.Len()) {
		d.Fail("%d header fields, at most %d", n, MaxFields)
		return nil
	}
	fields, size := make([]Field, n), 0
	for i := range fields {
		fields[i] = Field{d.String(), d.Bytes()}
		if size += len(fields[i].Name) + len(fields[i].Value); size > MaxHeader {
			d.Fail("header of more than %d bytes", MaxHeader)
			return nil
		}
	}
	return fields
}

func bounded(d *wit.Decoder, what string, limit int) string {
	b := d.RawString()
	if len(b) > limit {
		d.Fail("%s of %d bytes, at most %d", what, len(b), limit)
		return ""
	}
	return string(b)
}

func malformed(what string, err error) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("malformed head of a %s: %v", what, err), Err: err}
}
