package http

import (
	"io"
	"strconv"
)

// Text answers with plain text in UTF-8.
func Text(w ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text) // a client that is gone misses nothing
}

// JSON answers with JSON text, which package sdk/json or encoding/json has made.
func JSON(w ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}

// Error answers with a plain text message to the client.
func Error(w ResponseWriter, status int, message string) { Text(w, status, message+"\n") }

// NotFound answers 404.
func NotFound(w ResponseWriter, _ *Request) { Error(w, StatusNotFound, "not found") }

// Redirect sends the client to another address; status is one of 301, 302, 303, 307 and 308.
func Redirect(w ResponseWriter, _ *Request, url string, status int) {
	w.Header().Set("Location", url)
	w.WriteHeader(status)
}

// MethodNotAllowed answers 405 and names the methods that are allowed: "GET, HEAD".
func MethodNotAllowed(w ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	Error(w, StatusMethodNotAllowed, "method not allowed; use "+allow)
}

func itoa(n int) string { return strconv.Itoa(n) }
