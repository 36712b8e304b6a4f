package http

import (
	"errors"
	"unsafe"

	"github.com/wattle-io/wattle/sdk/abi"
)

// outgoing is the response's side of an exchange.
type outgoing struct {
	outparam, body, stream uint32 // handles; 0 is none
}

var _ transport = (*outgoing)(nil)

// headers lays out the response's header fields; kept for its memory.
var headers abi.Writer

func (out *outgoing) head(status int, fields []field, body bool) error {
	response, err := newResponse(fields)
	if err != nil {
		return err
	}
	if status != StatusOK && (status < 200 || status > 599 || responseSetStatus(response, uint32(status)) != 0) {
		dropResponse(response)
		return ErrStatus
	}
	if err := out.openBody(response); err != nil {
		dropResponse(response)
		return err
	}
	setOutparam(out.outparam, 0, response, 0, 0, 0, 0, 0, 0)
	out.outparam = 0
	if !body {
		return out.finish()
	}
	return out.openStream()
}

func newResponse(fields []field) (uint32, error) {
	headers.Reset()
	for _, f := range fields {
		headers.String(f.name)
		headers.String(f.value)
	}
	c := abi.Begin()
	defer c.End()
	fieldsFromList(headers.Pointer(), uint32(len(fields)), c.Area())
	headers.Reset()
	if !c.OK() {
		return 0, ErrHeader
	}
	return newOutgoingResponse(c.U32(4)), nil
}

func (out *outgoing) openBody(response uint32) error {
	c := abi.Begin()
	defer c.End()
	if responseBody(response, c.Area()); !c.OK() {
		return errors.New("http: the response has no body")
	}
	out.body = c.U32(4)
	return nil
}

func (out *outgoing) openStream() error {
	c := abi.Begin()
	defer c.End()
	if bodyWrite(out.body, c.Area()); !c.OK() {
		return errors.New("http: the body has no stream to write")
	}
	out.stream = c.U32(4)
	return nil
}

func (out *outgoing) write(p []byte, flush bool) error {
	if flush && len(p) <= bufferSize {
		return out.writeAndFlush(p)
	}
	for len(p) > 0 {
		n, err := out.permit()
		if err != nil {
			return err
		}
		n = min(n, len(p))
		if err := out.writePart(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	if flush {
		return out.flush()
	}
	return nil
}

// permit waits until at least one byte may be written and answers how many.
func (out *outgoing) permit() (int, error) {
	for {
		n, err := out.checkWrite()
		if n > 0 || err != nil {
			return int(min(n, 1<<30)), err
		}
		if err := out.flush(); err != nil {
			return 0, err
		}
	}
}

func (out *outgoing) checkWrite() (uint64, error) {
	c := abi.Begin()
	defer c.End()
	if streamCheckWrite(out.stream, c.Area()); c.OK() {
		return c.U64(8), nil
	}
	return 0, streamErrorAt(c, 8, "write the body")
}

func (out *outgoing) writePart(p []byte) error {
	c := abi.Begin()
	defer c.End()
	if streamWrite(out.stream, unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p)), c.Area()); c.OK() {
		return nil
	}
	return streamErrorAt(c, 4, "write the body")
}

// writeAndFlush writes at most 4096 bytes, the most that the host takes in this call.
func (out *outgoing) writeAndFlush(p []byte) error {
	c := abi.Begin()
	defer c.End()
	if streamWriteAndFlush(out.stream, unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p)), c.Area()); c.OK() {
		return nil
	}
	return streamErrorAt(c, 4, "write the body")
}

func (out *outgoing) flush() error {
	c := abi.Begin()
	defer c.End()
	if streamFlush(out.stream, c.Area()); c.OK() {
		return nil
	}
	return streamErrorAt(c, 4, "flush the body")
}

func (out *outgoing) finish() error {
	out.dropStream()
	body := out.body
	out.body = 0
	c := abi.Begin()
	defer c.End()
	if bodyFinish(body, 0, 0, c.Area()); c.OK() {
		return nil
	}
	return errors.New("http: the host refused the end of the body; is Content-Length right?")
}

func (out *outgoing) dropStream() {
	if out.stream != 0 {
		dropOutputStream(out.stream)
		out.stream = 0
	}
}

// abort drops the body without finishing it, which the host takes as a broken response.
func (out *outgoing) abort() { out.close() }

// close lets go of the handles that are left, children first. An outparam is left if no response could be made at all.
func (out *outgoing) close() {
	out.dropStream()
	if out.body != 0 {
		dropOutgoingBody(out.body)
		out.body = 0
	}
	if out.outparam != 0 {
		dropOutparam(out.outparam)
		out.outparam = 0
	}
}

//go:wasmimport wasi:http/types@0.2.0 [static]fields.from-list
func fieldsFromList(entries unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [constructor]outgoing-response
func newOutgoingResponse(headers uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-response.set-status-code
func responseSetStatus(self, status uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-response.body
func responseBody(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]outgoing-response
func dropResponse(self uint32)

// setOutparam is response-outparam.set: kind 0 is the response, kind 1 an error-code with its flattened payload, unused here.
//
//go:wasmimport wasi:http/types@0.2.0 [static]response-outparam.set
func setOutparam(param, kind, response, p1 uint32, p2 uint64, p3, p4, p5, p6 uint32)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]response-outparam
func dropOutparam(self uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-body.write
func bodyWrite(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [static]outgoing-body.finish
func bodyFinish(self, hasTrailers, trailers uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]outgoing-body
func dropOutgoingBody(self uint32)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.check-write
func streamCheckWrite(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.write
func streamWrite(self uint32, p unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.blocking-write-and-flush
func streamWriteAndFlush(self uint32, p unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.blocking-flush
func streamFlush(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]output-stream
func dropOutputStream(self uint32)
