package http

import (
	"errors"
	"io"
	"unsafe"

	"github.com/wattle-io/wattle/sdk/abi"
)

// incoming is the request's side of an exchange. What the handler does not look at is not asked for.
type incoming struct {
	request, body, stream uint32 // handles; 0 is none, the host counts from 1
	err                   error  // what Read goes on to answer
}

var (
	_ io.Reader = (*incoming)(nil)
	_ host      = (*incoming)(nil)
)

// methods in the order of the variant wasi:http/types.method; the last case is other(string).
var methods = [...]string{MethodGet, MethodHead, MethodPost, MethodPut, MethodDelete, MethodConnect, MethodOptions, MethodTrace, MethodPatch}

func (in *incoming) method() string {
	c := abi.Begin()
	defer c.End()
	requestMethod(in.request, c.Area())
	if m := int(c.U8(0)); m < len(methods) {
		return methods[m]
	}
	return c.String(4)
}

// target is the path and query.
func (in *incoming) target() string {
	c := abi.Begin()
	defer c.End()
	requestPath(in.request, c.Area())
	if c.U8(0) == 0 {
		return "/"
	}
	return c.String(4)
}

func (in *incoming) authority() string {
	if in.request == 0 {
		return ""
	}
	c := abi.Begin()
	defer c.End()
	requestAuthority(in.request, c.Area())
	if c.U8(0) == 0 {
		return ""
	}
	return c.String(4)
}

func (in *incoming) headers() []field {
	if in.request == 0 {
		return nil
	}
	c := abi.Begin()
	defer c.End()
	h := requestHeaders(in.request)
	fieldsEntries(h, c.Area())
	dropFields(h)
	r, n := c.List(0, 16)
	fields := make([]field, n)
	for i := range fields {
		fields[i] = field{r.String(), r.String()}
	}
	return fields
}

// Read reads from the body. The host writes straight into p.
func (in *incoming) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if in.stream == 0 && in.err == nil {
		in.err = in.open()
	}
	if in.err != nil {
		return 0, in.err
	}
	n, err := in.read(p)
	if err == ErrClosed {
		err = io.EOF
	}
	in.err = err
	return n, err
}

func (in *incoming) open() error {
	if in.request == 0 {
		return errors.New("http: the body was read after the handler had returned")
	}
	c := abi.Begin()
	defer c.End()
	if requestConsume(in.request, c.Area()); !c.OK() {
		return errors.New("http: the request has no body to read")
	}
	in.body = c.U32(4)
	if bodyStream(in.body, c.Area()); !c.OK() {
		return errors.New("http: the body has no stream to read")
	}
	in.stream = c.U32(4)
	return nil
}

func (in *incoming) read(p []byte) (int, error) {
	c := abi.BeginInto(p)
	defer c.End()
	if streamRead(in.stream, uint64(len(p)), c.Area()); c.OK() {
		return c.Into(4), nil
	}
	return 0, streamError(c, "read the body")
}

// close lets go of the handles, children first.
func (in *incoming) close() {
	if in.stream != 0 {
		dropInputStream(in.stream)
	}
	if in.body != 0 {
		dropIncomingBody(in.body)
	}
	if in.request != 0 {
		dropRequest(in.request)
	}
	*in = incoming{err: ErrClosed}
}

// streamError is the error of a result<…, stream-error> of alignment 4.
func streamError(c *abi.Call, what string) error { return streamErrorAt(c, 4, what) }

// streamErrorAt reads a stream-error at that offset: its discriminant, 4 bytes on the handle of the cause.
func streamErrorAt(c *abi.Call, off int, what string) error {
	if c.U8(off) != 0 {
		return ErrClosed
	}
	cause := c.U32(off + 4)
	errorText(cause, c.Area())
	text := c.String(0)
	dropError(cause)
	return errors.New("http: " + what + ": " + text)
}

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.method
func requestMethod(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.path-with-query
func requestPath(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.authority
func requestAuthority(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.headers
func requestHeaders(self uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.consume
func requestConsume(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-request
func dropRequest(self uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]fields.entries
func fieldsEntries(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]fields
func dropFields(self uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-body.stream
func bodyStream(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-body
func dropIncomingBody(self uint32)

//go:wasmimport wasi:io/streams@0.2.0 [method]input-stream.blocking-read
func streamRead(self uint32, n uint64, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]input-stream
func dropInputStream(self uint32)

//go:wasmimport wasi:io/error@0.2.0 [method]error.to-debug-string
func errorText(self uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/error@0.2.0 [resource-drop]error
func dropError(self uint32)
