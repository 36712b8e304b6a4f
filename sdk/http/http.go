// Package http serves HTTP requests from an actor, over wasi:http/incoming-handler. It has the shape of net/http, so that a
// handler reads as usual, but is not net/http: that would add several megabytes to every actor.
//
//	func init() {
//		http.HandleFunc(func(w http.ResponseWriter, r *http.Request) {
//			http.Text(w, http.StatusOK, "hello "+r.Path)
//		})
//	}
//
//	func main() {} // never runs: an actor is called, it does not run by itself
//
// Importing the package exports wasi:http/incoming-handler@0.2.0, so the actor needs the capability wasi:http and a link from
// an HTTP server. Registration happens in init, because that is all that runs before the first request.
//
// Request bodies and large or flushed responses are streamed. A small response is sent in one piece with its Content-Length.
// A handler that panics is answered with 500, its panic goes to standard error and the actor goes on.
//
// Outside Wasm there is no server. Record runs a handler on a request in memory, for tests with go test.
package http

import "errors"

// Handler answers a request. It must not use w or r after it has returned.
type Handler interface {
	ServeHTTP(w ResponseWriter, r *Request)
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(w ResponseWriter, r *Request)

// ServeHTTP calls f.
func (f HandlerFunc) ServeHTTP(w ResponseWriter, r *Request) { f(w, r) }

// ResponseWriter writes the response to a request.
type ResponseWriter interface {
	// Header is what will be sent with the first Write, Flush or the end of the handler; changes after that have no effect.
	Header() *Header
	// WriteHeader sets the status, 200 to 599. Only the first call counts. Without one the status is 200.
	WriteHeader(status int)
	// Write sends body bytes, or keeps them until there are enough of them. It fails with ErrBody if the response has no
	// body, with ErrClosed once the client is gone, or with another error that says what the host refused.
	Write(p []byte) (int, error)
	// Flush sends what was written so far, head and body.
	Flush() error
}

// Errors of Write, Flush and of reading a body.
var (
	ErrBody   = errors.New("http: a response with this status, or to HEAD, has no body")
	ErrClosed = errors.New("http: connection closed")
	ErrHeader = errors.New("http: the host refused a response header: invalid name or value, or one that it sets itself")
	ErrStatus = errors.New("http: the host refused the status")
)

// handler is what the actor serves. An instance is one actor, so there is one.
var handler Handler

// Handle makes h the actor's handler. Call it from init; a ServeMux serves several patterns.
func Handle(h Handler) { handler = h }

// HandleFunc makes f the actor's handler.
func HandleFunc(f func(ResponseWriter, *Request)) { Handle(HandlerFunc(f)) }

// unregistered answers when there is no handler.
func unregistered(w ResponseWriter, _ *Request) {
	Error(w, StatusInternalServerError, "the actor has no handler: call http.Handle in an init function")
}
