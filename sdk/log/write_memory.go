//go:build !wasip1

package log

import "github.com/wattle-io/wattle/sdk/internal/fake"

// Write passes a message on as it is.
func Write(level Level, context, message string) { fake.Log(level.String(), context, message) }
