package wasi

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

// raw calls host functions as the engine does, without the checks of guest.
type raw struct {
	imports wit.Imports
	call    wit.Call
	args    wit.Encoder
}

// do calls f with what put encodes and gives the object of the first handle of the result, if any.
func (r *raw) do(ctx context.Context, f wit.HostFunc, in []any, put func(e *wit.Encoder)) (any, error) {
	r.args.Reset()
	put(&r.args)
	r.call.Reset(r.args.Buf, in)
	if err := f(ctx, &r.call); err != nil {
		return nil, err
	}
	if out := r.call.Out(); len(out) > 0 {
		return out[0], nil
	}
	return nil, nil
}

// simpleHandler is what a small guest does: it reads method, path and headers, and answers 64 bytes with two header fields.
func simpleHandler(imports wit.Imports) CallFunc {
	r := &raw{imports: imports}
	types := func(name string) wit.HostFunc { return imports["wasi:http/types@0.2.0#"+name] }
	streams := func(name string) wit.HostFunc { return imports["wasi:io/streams@0.2.0#"+name] }
	method, path := types("[method]incoming-request.method"), types("[method]incoming-request.path-with-query")
	headers, entries := types("[method]incoming-request.headers"), types("[method]fields.entries")
	newFields, newResponse := types("[static]fields.from-list"), types("[constructor]outgoing-response")
	takeBody, setOut := types("[method]outgoing-response.body"), types("[static]response-outparam.set")
	stream, finish := types("[method]outgoing-body.write"), types("[static]outgoing-body.finish")
	checkWrite, write := streams("[method]output-stream.check-write"), streams("[method]output-stream.write")
	payload := make([]byte, 64)
	in := make([]any, 2)
	self := func(e *wit.Encoder) { e.Uint(0) }
	return func(ctx context.Context, args []byte, handles []any, out []byte) ([]byte, error) {
		var errs [16]error
		one := func(f wit.HostFunc, o any, put func(*wit.Encoder)) any {
			in[0] = o
			result, err := r.do(ctx, f, in, put)
			if err != nil {
				errs[0] = err
			}
			return result
		}
		one(method, handles[0], self)
		one(path, handles[0], self)
		h := one(headers, handles[0], self)
		one(entries, h, self)
		h.(wit.Dropper).Drop()
		f := one(newFields, nil, func(e *wit.Encoder) {
			e.Uint(2)
			e.String("content-type")
			e.String("text/plain")
			e.String("content-length")
			e.String("64")
		})
		resp := one(newResponse, f, self)
		body := one(takeBody, resp, self)
		in[1] = resp
		one(setOut, handles[1], func(e *wit.Encoder) { e.Uint(0); e.OK(); e.Uint(1) })
		s := one(stream, body, self)
		one(checkWrite, s, self)
		one(write, s, func(e *wit.Encoder) { e.Uint(0); e.Bytes(payload) })
		s.(wit.Dropper).Drop()
		one(finish, body, func(e *wit.Encoder) { e.Uint(0); e.None() })
		return out, errors.Join(errs[:]...)
	}
}

// discard is a ResponseWriter that counts.
type discard struct{ status, bytes int }

func (d *discard) Head(status int, _ []HeaderField) error { d.status = status; return nil }
func (d *discard) Write(p []byte) (int, error)            { d.bytes += len(p); return len(p), nil }
func (d *discard) Flush() error                           { return nil }

var benchRequest = Request{Method: "GET", Scheme: "http", Authority: "localhost:8080", PathWithQuery: "/apples",
	Header: header("User-Agent", "curl/8.5.0", "Accept", "*/*")}

func serveSimple(t testing.TB, call CallFunc, w *discard) {
	if err := ServeHTTP(context.Background(), call, benchRequest, w, HTTPLimits{}); err != nil || w.status != 200 || w.bytes != 64 {
		t.Fatalf("%+v %v", w, err)
	}
}

func TestASimpleRequestAllocatesLittle(t *testing.T) {
	call := simpleHandler(Imports(Config{}))
	// the exchange, the fields, their list, two values, the response; and the writer of this test
	if n := testing.AllocsPerRun(100, func() { serveSimple(t, call, &discard{}) }); n > 8 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkServeHTTPSimple(b *testing.B) {
	call := simpleHandler(Imports(Config{}))
	b.ReportAllocs()
	for b.Loop() {
		serveSimple(b, call, &discard{})
	}
}

// BenchmarkReadFile reads 4 KiB of a file.
func BenchmarkReadFile(b *testing.B) {
	f := writable(b)
	f.put("a", string(make([]byte, 4096)))
	file := f.objects[f.opened("a", 0, readFlag)]
	r := &raw{imports: f.imports}
	read := f.imports["wasi:filesystem/types@0.2.0#[method]descriptor.read"]
	in := []any{file}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.do(b.Context(), read, in, func(e *wit.Encoder) { e.Uint(0); e.Uint(4096); e.Uint(0) }); err != nil || r.call.Result.Buf[0] != 0 {
			b.Fatal(err, r.call.Result.Buf[:2])
		}
	}
}

// BenchmarkTCPEcho sends 64 bytes to a peer and waits for its answer.
func BenchmarkTCPEcho(b *testing.B) {
	o := newOnline(b, &openNet{})
	_, in, out := o.connect(peer(b, func(c *net.TCPConn) {
		p := make([]byte, 64)
		for {
			n, err := c.Read(p)
			if err != nil {
				return
			}
			c.Write(p[:n])
		}
	}))
	r := &raw{imports: o.imports}
	streams := func(name string) wit.HostFunc { return o.imports["wasi:io/streams@0.2.0#"+name] }
	write, read := streams("[method]output-stream.blocking-write-and-flush"), streams("[method]input-stream.blocking-read")
	payload := make([]byte, 64)
	input, output := []any{o.objects[in]}, []any{o.objects[out]}
	b.ReportAllocs()
	for b.Loop() {
		_, err := r.do(b.Context(), write, output, func(e *wit.Encoder) { e.Uint(0); e.Bytes(payload) })
		_, err2 := r.do(b.Context(), read, input, func(e *wit.Encoder) { e.Uint(0); e.Uint(64) })
		if err != nil || err2 != nil || r.call.Result.Buf[0] != 0 {
			b.Fatal(err, err2)
		}
	}
}
