package http

import "io"

// bufferSize is how much of a body is kept back to be sent in one piece: what blocking-write-and-flush takes in one call.
const bufferSize = 4096

// transport carries one exchange: the host's wasi:http in a guest, memory in a test.
type transport interface {
	// head sends status and header fields; once only. body says whether write and finish follow.
	head(status int, fields []field, body bool) error
	// write sends body bytes; with flush it does not return before they are on their way.
	write(p []byte, flush bool) error
	// finish ends the body.
	finish() error
	// abort breaks the response off, so that the client can tell.
	abort()
}

// response is the ResponseWriter: it holds the body back until it is clear whether it fits in one piece.
type response struct {
	t         transport
	header    Header
	status    int
	buf       []byte
	buffer    *[bufferSize]byte // buf's memory
	discarded int               // body bytes of a response to HEAD
	head      bool              // the request was HEAD
	sent      bool              // the head is sent
	err       error             // the first error of the transport; it sticks
}

var (
	_ ResponseWriter  = (*response)(nil)
	_ io.StringWriter = (*response)(nil)
)

// init readies the response; fields is memory for its header.
func (w *response) init(t transport, buffer *[bufferSize]byte, fields []field) {
	w.t, w.buffer, w.buf, w.header.fields = t, buffer, buffer[:0], fields
}

func (w *response) Header() *Header { return &w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(StatusOK)
	switch {
	case w.err != nil:
		return 0, w.err
	case !hasBody(w.status):
		return 0, ErrBody
	case w.head:
		w.discarded += len(p)
		return len(p), nil
	case len(w.buf)+len(p) <= bufferSize:
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	if err := w.send(w.buf, false); err != nil {
		return 0, err
	}
	if len(p) > bufferSize {
		return len(p), w.send(p, false) // no use in copying it
	}
	w.buf = append(w.buf, p...)
	return len(p), nil
}

// WriteString is Write without the copy that the conversion to a slice would be.
func (w *response) WriteString(s string) (int, error) {
	if w.WriteHeader(StatusOK); w.err == nil && w.hasBody() && len(w.buf)+len(s) <= bufferSize {
		w.buf = append(w.buf, s...)
		return len(s), nil
	}
	return w.Write([]byte(s))
}

func (w *response) Flush() error {
	w.WriteHeader(StatusOK)
	return w.send(w.buf, true)
}

// send sends the head if that was not done yet, and p, and empties the buffer.
func (w *response) send(p []byte, flush bool) error {
	if w.err == nil && !w.sent {
		w.sendHead(w.hasBody())
	}
	if w.err == nil && w.hasBody() && (len(p) > 0 || flush) {
		w.err = w.t.write(p, flush)
	}
	w.buf = w.buffer[:0]
	return w.err
}

func (w *response) hasBody() bool { return !w.head && hasBody(w.status) }

func (w *response) sendHead(body bool) {
	w.err = w.t.head(w.status, w.header.fields, body)
	w.sent = w.err == nil
}

// end completes the response after the handler has returned.
func (w *response) end() error {
	w.WriteHeader(StatusOK)
	if !w.sent && hasBody(w.status) && !w.header.Has("Content-Length") && (!w.head || w.discarded > 0) {
		w.header.Add("Content-Length", itoa(len(w.buf)+w.discarded))
	}
	if !w.sent && len(w.buf) == 0 {
		w.sendHead(false)
		return w.err
	}
	if len(w.buf) > 0 {
		w.send(w.buf, true)
	}
	if w.err == nil && w.hasBody() {
		w.err = w.t.finish()
	}
	return w.err
}

// fail answers 500, or breaks the response off if it is under way.
func (w *response) fail() {
	if w.sent {
		w.t.abort()
		return
	}
	w.header, w.status, w.buf, w.discarded, w.err = Header{}, 0, w.buffer[:0], 0, nil
	Error(w, StatusInternalServerError, "internal error")
	w.end()
}

// serve runs the handler and completes its response. A panic, or a response that the host refused, is reported and becomes
// 500.
func (w *response) serve(h Handler, r *Request) {
	w.head = r.Method == MethodHead
	err := run(h, w, r)
	if err == nil {
		err = w.end()
	}
	if err != nil && err != ErrClosed {
		report(r.Method + " " + r.RawPath + ": " + err.Error())
		w.fail()
	}
	w.err, w.buf = ErrClosed, nil // for a goroutine that goes on
}

// run calls the handler; a panic becomes an error with the stack in it.
func run(h Handler, w ResponseWriter, r *Request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	if h == nil {
		h = HandlerFunc(unregistered)
	}
	h.ServeHTTP(w, r)
	return nil
}
