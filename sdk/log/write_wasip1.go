package log

import (
	"strings"

	_ "github.com/wattle-io/wattle/sdk/abi" // exports cabi_realloc
)

// Write passes a message on as it is.
func Write(level Level, context, message string) {
	log(uint32(level), strings.ToValidUTF8(context, "\uFFFD"), strings.ToValidUTF8(message, "\uFFFD"))
}

//go:wasmimport wasi:logging/logging@0.1.0-draft log
func log(level uint32, context, message string)
