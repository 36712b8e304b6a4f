package wasi

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

// FuzzHostFunctions calls functions with any bytes as parameters and any objects behind the handles: a function may trap,
// never panic, and if it does not trap its result must be a value of its type. What it gives is there for the next call.
func FuzzHostFunctions(f *testing.F) {
	dir := newFiles(f, Preopen{Write: true}).objects[1].(*descriptor)
	dir.tree.MaxFile = 1 << 20
	imports := Imports(Config{Stdin: strings.NewReader("in"), Preopens: []Preopen{*dir.tree}, Network: deafNet{}})
	maps.Copy(imports, OutgoingHandler(func(_ context.Context, r OutgoingRequest) (IncomingResponse, error) {
		return IncomingResponse{Status: 200, Header: r.Header, Body: r.Body}, nil
	}))
	delete(imports, "wasi:config/store@0.2.0-draft#get") // the contracts have one version
	delete(imports, "wasi:config/store@0.2.0-draft#get-all")
	delete(imports, "wasi:cli/exit@0.2.0#exit-with-code")
	names := slices.Sorted(maps.Keys(imports))
	for i, name := range names {
		f.Add([]byte{byte(i), 3, 0, 1, 2}, uint8(i))
		if strings.HasPrefix(name, "wasi:http/types@0.2.0#[constructor]") {
			f.Add([]byte{byte(i), 1, 0, byte(i) + 1, 2, 0, 1}, uint8(i))
		}
	}
	for _, path := range []string{"a", "../outside/secret", "a/../..", "/etc"} {
		open := []byte{byte(slices.Index(names, "wasi:filesystem/types@0.2.0#[method]descriptor.open-at")), byte(5 + len(path)), 0, 1, byte(len(path))}
		f.Add(append(append(open, path...), byte(openCreate), byte(readFlag|writeFlag)), uint8(0))
	}
	f.Fuzz(func(t *testing.T, script []byte, first uint8) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing may wait
		objects := fuzzObjects(dir)
		for len(script) > 2 && len(objects) < 200 {
			name := names[int(script[0])%len(names)]
			n := min(int(script[1]), len(script)-2)
			objects = fuzzCall(t, ctx, name, imports[name], script[2:2+n], objects, int(first))
			script = script[2+n:]
		}
		for _, o := range objects {
			if d, ok := o.(wit.Dropper); ok {
				d.Drop()
			}
		}
	})
}

// deafNet reaches no address; unlike no network at all it lets a guest make sockets.
type deafNet struct{ noNetwork }

// fuzzObjects has one object of each kind.
func fuzzObjects(dir *descriptor) []any {
	x := &exchange{w: &recorder{}, req: Request{Method: "GET", Header: header("a", "b"), Body: strings.NewReader("body")}}
	x.open(HTTPLimits{})
	base := *dir
	return []any{&base, networkHandle{}, &x.in, &x.out, &fields{}, &fields{list: header("x", "y")}, &inputStream{src: newSource(strings.NewReader("abc"))},
		&outputStream{sink: &writerSink{w: &bytes.Buffer{}}}, &pollable{}, &ioError{errClosed}, &Timeouts{},
		&outgoingResponse{status: 200}, &outgoingRequest{method: "GET"}, &outgoingBody{declared: 3}}
}

func fuzzCall(t *testing.T, ctx context.Context, name string, f wit.HostFunc, args []byte, objects []any, first int) []any {
	iface, fn, _ := strings.Cut(name, "#")
	contract, _ := wit.Contracts().Interface(iface)
	var c wit.Call
	rotated := append(slices.Clone(objects[first%len(objects):]), objects[:first%len(objects)]...)
	c.Reset(args, fuzzHandles(contract.Func(fn), rotated))
	if err := f(ctx, &c); err != nil {
		return objects
	}
	g := &guest{t: t, objects: map[handle]any{}}
	d := wit.Decoder{Buf: c.Result.Buf}
	if result := contract.Func(fn).Result; result != nil {
		g.decode(&d, result, c.Out())
	}
	if err := d.Close(); err != nil {
		t.Fatalf("%s(% x) gave % x: %v", name, args, c.Result.Buf, err)
	}
	return append(objects, c.Out()...)
}

// fuzzHandles puts objects that fit the parameters first, so that the script gets past the type checks.
func fuzzHandles(f *wit.FuncType, objects []any) []any {
	var fit, rest []any
	for _, p := range f.Params {
		if p.Type.Kind != wit.Own && p.Type.Kind != wit.Borrow {
			continue
		}
		for _, o := range objects {
			if resourceName(o) == p.Type.Resource.Name && !slices.Contains(fit, o) {
				fit = append(fit, o)
				break
			}
		}
	}
	for _, o := range objects {
		if !slices.Contains(fit, o) {
			rest = append(rest, o)
		}
	}
	return append(fit, rest...)
}

func resourceName(o any) string {
	switch o.(type) {
	case *incomingRequest:
		return "incoming-request"
	case *outparam:
		return "response-outparam"
	case *fields:
		return "fields"
	case *inputStream:
		return "input-stream"
	case *outputStream:
		return "output-stream"
	case *pollable:
		return "pollable"
	case *ioError:
		return "error"
	case *Timeouts:
		return "request-options"
	case *outgoingResponse:
		return "outgoing-response"
	case *outgoingRequest:
		return "outgoing-request"
	case *outgoingBody:
		return "outgoing-body"
	case *incomingBody:
		return "incoming-body"
	case *futureTrailers:
		return "future-trailers"
	case *futureResponse:
		return "future-incoming-response"
	case *incomingResponse:
		return "incoming-response"
	case *descriptor:
		return "descriptor"
	case *entryStream:
		return "directory-entry-stream"
	case networkHandle:
		return "network"
	case *tcpSocket:
		return "tcp-socket"
	case *udpSocket:
		return "udp-socket"
	case *incomingDatagrams:
		return "incoming-datagram-stream"
	case *outgoingDatagrams:
		return "outgoing-datagram-stream"
	case *resolving:
		return "resolve-address-stream"
	}
	return ""
}
