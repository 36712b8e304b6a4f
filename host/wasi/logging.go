package wasi

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// Level is the wasi:logging level.
type Level uint8

// The levels, in order of severity.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelCritical
)

var levelNames = [...]string{"trace", "debug", "info", "warn", "error", "critical"}

// String is the level's WIT name.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// Slog is the matching slog level: trace is 4 below debug, critical 4 above error.
func (l Level) Slog() slog.Level { return slog.LevelDebug + 4*(slog.Level(l)-1) }

// SlogLog makes a Config.Log that writes to a logger. A context that is not empty becomes the attribute "context".
func SlogLog(to *slog.Logger) func(Level, string, string) {
	return func(level Level, where, message string) {
		if where == "" {
			to.Log(context.Background(), level.Slog(), message)
			return
		}
		to.Log(context.Background(), level.Slog(), message, "context", where)
	}
}

const (
	maxLogMessage = 64 << 10
	maxLogContext = 1 << 10
)

func loggingImports(log func(Level, string, string)) wit.Imports {
	return imports("wasi:logging/logging@0.1.0-draft", map[string]wit.HostFunc{
		"log": func(_ context.Context, c *wit.Call) error {
			level, where, message := c.Args.Case(len(levelNames)), c.Args.RawString(), c.Args.RawString()
			if err := c.Args.Close(); err != nil {
				return err
			}
			log(Level(level), cut(where, maxLogContext), cut(message, maxLogMessage))
			return nil
		},
	})
}

// cut makes a string of at most limit bytes of b and says how many are missing.
func cut(b []byte, limit int) string {
	if len(b) <= limit {
		return string(b)
	}
	return fmt.Sprintf("%s… (%d bytes cut)", validText(string(b[:limit])), len(b)-limit)
}

// validText replaces what is not UTF-8, which a WIT string must be.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
