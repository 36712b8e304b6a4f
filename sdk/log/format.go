package log

import (
	"strconv"
	"strings"
	"time"
)

// appendAttrs appends keys and values as package log/slog's text form does.
func appendAttrs(b []byte, attrs []any) []byte {
	for len(attrs) > 0 {
		key, ok := attrs[0].(string)
		if !ok || len(attrs) == 1 {
			b = append(b, " !BADKEY="...)
			b, attrs = appendValue(b, attrs[0]), attrs[1:]
			continue
		}
		b = append(appendText(append(b, ' '), key), '=')
		b, attrs = appendValue(b, attrs[1]), attrs[2:]
	}
	return b
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "<nil>"...)
	case string:
		return appendText(b, v)
	case []byte:
		return appendText(b, string(v))
	case error:
		return appendText(b, v.Error())
	case time.Duration:
		return append(b, v.String()...)
	case bool:
		return strconv.AppendBool(b, v)
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	case float32:
		return strconv.AppendFloat(b, float64(v), 'g', -1, 32)
	case interface{ String() string }:
		return appendText(b, v.String())
	}
	return appendInteger(b, v)
}

func appendInteger(b []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int8:
		return strconv.AppendInt(b, int64(v), 10)
	case int16:
		return strconv.AppendInt(b, int64(v), 10)
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint8:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint16:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint32:
		return strconv.AppendUint(b, uint64(v), 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	}
	return append(b, "!BADVALUE"...)
}

// appendText quotes a text that would not be one word.
func appendText(b []byte, s string) []byte {
	quote := func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || !strconv.IsPrint(r) }
	if s == "" || strings.ContainsFunc(s, quote) {
		return strconv.AppendQuote(b, s)
	}
	return append(b, s...)
}
