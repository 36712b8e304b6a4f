package host

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/lattice/control"
)

// maxLine bounds one record of an actor's log, in bytes. What is longer is cut.
const maxLine = 8 << 10

// logger takes what an actor logs and prints, and sends it on as records of its log.
type logger struct {
	send func(control.LogRecord)
	id   string
	name string

	stdout, stderr lineWriter
}

func newLogger(id, name string, send func(control.LogRecord)) *logger {
	l := &logger{send: send, id: id, name: name}
	l.stdout.line = func(s string) { l.Log(wasi.LevelInfo, "", s) }
	l.stderr.line = func(s string) { l.Log(wasi.LevelWarn, "", s) }
	return l
}

// Log is the actor's wasi:logging.
func (l *logger) Log(level wasi.Level, context, message string) {
	if len(message) > maxLine {
		message = strings.ToValidUTF8(message[:maxLine], "") + "…"
	}
	r := control.LogRecord{Time: time.Now(), Level: level.Slog(), Actor: l.id, Name: l.name, Message: message}
	if context != "" {
		r.Attrs = map[string]string{"context": context}
	}
	l.send(r)
}

// Close sends what was printed without an end of line.
func (l *logger) Close() {
	l.stdout.flush()
	l.stderr.flush()
}

// lineWriter cuts a stream into lines.
type lineWriter struct {
	line func(string)

	mu  sync.Mutex // guards buf
	buf []byte
}

// Write takes any part of the stream.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.keep(p)
			return n, nil
		}
		w.keep(p[:i])
		w.line(strings.ToValidUTF8(string(w.buf), "\uFFFD"))
		w.buf, p = w.buf[:0], p[i+1:]
	}
}

// keep remembers the beginning of a line, as much of it as a record holds.
func (w *lineWriter) keep(p []byte) {
	w.buf = append(w.buf, p[:min(len(p), maxLine-len(w.buf))]...)
}

func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.buf) > 0 {
		w.line(strings.ToValidUTF8(string(w.buf), "\uFFFD"))
		w.buf = w.buf[:0]
	}
}
