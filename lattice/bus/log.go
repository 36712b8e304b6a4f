package bus

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// serverLog passes the NATS server's messages on: notices as debug, warnings and errors as warnings. The first fatal message is
// kept: the server would exit on it, we report it from StartHub.
type serverLog struct {
	log   *slog.Logger
	fatal atomic.Pointer[string]
}

func (l *serverLog) put(level slog.Level, format string, v []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, fmt.Sprintf(format, v...))
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.put(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.put(slog.LevelWarn, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.put(slog.LevelWarn, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.put(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(string, ...any)           {} // would have message bodies

func (l *serverLog) Fatalf(format string, v ...any) {
	s := fmt.Sprintf(format, v...)
	l.fatal.CompareAndSwap(nil, &s)
	l.put(slog.LevelError, format, v)
}
