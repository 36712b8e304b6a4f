package http

import (
	"errors"
	"runtime"
)

// panicError tells what a handler panicked with, and where.
func panicError(v any) error {
	stack := make([]byte, 4<<10)
	stack = stack[:runtime.Stack(stack, false)]
	return errors.New("panic: " + text(v) + "\n" + string(stack))
}

// text formats what is mostly thrown, without package fmt.
func text(v any) string {
	switch v := v.(type) {
	case error:
		return v.Error()
	case string:
		return v
	case interface{ String() string }:
		return v.String()
	case int:
		return itoa(v)
	}
	return "(a value that is no error and no string)"
}

// report writes a line to standard error. It is not package log, because an actor that serves HTTP need not have the
// capability to log.
func report(line string) { print(line + "\n") }
