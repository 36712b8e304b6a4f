package http

// buffer is what responses are put together in: an instance answers one request at a time.
var buffer [bufferSize]byte

// exchange is all that there is to one request. It is one piece of memory, because allocations are dear in a guest, and never
// reused, so that a goroutine that outlives the handler finds its request closed and not the next one.
type exchange struct {
	incoming
	outgoing
	request Request
	header  Header
	res     response
	fields  [4]field
}

// handle is called by the host for each request; it owns both handles.
//
//go:wasmexport wasi:http/incoming-handler@0.2.0#handle
func handle(request, outparam uint32) {
	x := &exchange{incoming: incoming{request: request}, outgoing: outgoing{outparam: outparam}}
	defer x.close()
	x.header.host = &x.incoming
	x.request = Request{Method: x.method(), Header: &x.header, Body: &x.incoming, host: &x.incoming}
	x.res.init(&x.outgoing, &buffer, x.fields[:0])
	h := handler
	if !x.request.setTarget(x.target()) {
		h = HandlerFunc(badTarget)
	}
	x.res.serve(h, &x.request)
}

func (x *exchange) close() {
	x.incoming.close()
	x.outgoing.close()
}

func badTarget(w ResponseWriter, _ *Request) {
	Error(w, StatusBadRequest, "the path is not well encoded")
}
