// Package slog is the handler of log/slog over wasi:logging.
//
//	func init() { slog.SetDefault(wslog.New("orders")) } // wslog is this package
//
// It adds about 1.4 MB to an actor, because log/slog brings packages fmt, reflect and encoding/json; package sdk/log does without.
// The actor needs the capability wasi:logging.
package slog

import (
	"bytes"
	"context"
	"log/slog"
	"sync"

	"github.com/wattle-io/wattle/sdk/log"
)

// New makes a logger whose messages have that context, a text that groups them.
func New(context string) *slog.Logger { return slog.New(NewHandler(context, slog.LevelDebug)) }

// NewHandler makes a handler for messages at that level and above. A message is its text followed by its attributes as
// slog.TextHandler writes them, without time and level: the host has both.
func NewHandler(context string, level slog.Leveler) slog.Handler {
	h := &handler{context: context, out: &output{}}
	h.text = slog.NewTextHandler(&h.out.buf, &slog.HandlerOptions{Level: level, ReplaceAttr: dropBuiltin})
	return h
}

// output is shared by the handlers that are derived from one.
type output struct {
	mu  sync.Mutex // guards buf from Handle to Write
	buf bytes.Buffer
}

type handler struct {
	context string
	text    slog.Handler
	out     *output
}

// dropBuiltin leaves out what is passed on in another way.
func dropBuiltin(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) && a.Value.Kind() != slog.KindGroup {
		return slog.Attr{}
	}
	return a
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.text.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	message := r.Message
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	r.Message = ""
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	attrs := bytes.TrimPrefix(bytes.TrimSuffix(h.out.buf.Bytes(), []byte("\n")), []byte(`msg=""`))
	log.Write(level(r.Level), h.context, message+string(attrs))
	return nil
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.context, h.text.WithAttrs(attrs), h.out}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.context, h.text.WithGroup(name), h.out}
}

func level(l slog.Level) log.Level {
	switch {
	case l < slog.LevelDebug:
		return log.LevelTrace
	case l < slog.LevelInfo:
		return log.LevelDebug
	case l < slog.LevelWarn:
		return log.LevelInfo
	case l < slog.LevelError:
		return log.LevelWarn
	case l < slog.LevelError+4:
		return log.LevelError
	}
	return log.LevelCritical
}
