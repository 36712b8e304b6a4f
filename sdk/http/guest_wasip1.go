package http

// buffer is what responses are put together in: an instance answers one request at a time.
var buffer [bufferSize]byte

// handle is called by the host for each request; it owns both handles.
//
//go:wasmexport wasi:http/incoming-handler@0.2.0#handle
func handle(request, outparam uint32) {
	in, out := &incoming{request: request}, &outgoing{outparam: outparam}
	defer in.close()
	defer out.close()
	r := &Request{Method: in.method(), Header: &Header{load: in.headers}, Body: in, authority: in.authority}
	h := handler
	if !r.setTarget(in.target()) {
		h = HandlerFunc(badTarget)
	}
	serve(h, out, r, &buffer)
}

func badTarget(w ResponseWriter, _ *Request) {
	Error(w, StatusBadRequest, "the path is not well encoded")
}
