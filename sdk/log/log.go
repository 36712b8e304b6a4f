// Package log writes log messages, over wasi:logging. Messages have a level and may have attributes, which are appended as
// key=value:
//
//	log.Info("counted", "name", name, "count", n) // counted name=apples count=3
//
// It formats strings, errors, numbers, booleans and durations itself, without package fmt, to keep actors small. Package
// sdk/slog is the same for log/slog, with groups and everything, and half as much again in size.
//
// The host adds time, actor and instance, and decides which levels are kept. The actor needs the capability wasi:logging.
// Outside Wasm the messages go where package sdktest says.
package log

// Level is how serious a message is; the values are those of wasi:logging.
type Level uint8

// The levels.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelCritical
)

var names = [...]string{"trace", "debug", "info", "warn", "error", "critical"}

// String is the level's name in wasi:logging.
func (l Level) String() string { return names[min(l, LevelCritical)] }

// Trace logs details of the control flow.
func Trace(message string, attrs ...any) { Log(LevelTrace, "", message, attrs...) }

// Debug logs what helps in finding errors.
func Debug(message string, attrs ...any) { Log(LevelDebug, "", message, attrs...) }

// Info logs what an operator likes to know.
func Info(message string, attrs ...any) { Log(LevelInfo, "", message, attrs...) }

// Warn logs what may become a problem.
func Warn(message string, attrs ...any) { Log(LevelWarn, "", message, attrs...) }

// Error logs what has gone wrong.
func Error(message string, attrs ...any) { Log(LevelError, "", message, attrs...) }

// Log writes a message. The context groups messages, e.g. by part of the actor; attrs are keys and values in turn.
func Log(level Level, context, message string, attrs ...any) {
	if len(attrs) > 0 {
		message = string(appendAttrs([]byte(message), attrs))
	}
	Write(min(level, LevelCritical), context, message)
}
