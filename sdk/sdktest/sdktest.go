// Package sdktest sets up the capabilities that an actor's code finds when it runs outside Wasm, under go test: key-value
// buckets, configuration and log in memory. HTTP handlers need no set-up: see http.Record.
//
//	func TestCountsUp(t *testing.T) {
//		sdktest.Reset(t)
//		res := http.Serve(http.NewRequest("GET", "/apples", nil))
//		...
//	}
//
// The capabilities are one per process, as they are one per actor: tests that use them must not run in parallel.
package sdktest

import (
	"testing"

	"github.com/wattle-io/wattle/sdk/internal/fake"
	"github.com/wattle-io/wattle/sdk/keyvalue"
)

// Reset gives the test empty buckets, no configuration and an empty log, now and when it ends. What the actor logs
// appears in the test's output.
func Reset(t testing.TB) {
	t.Helper()
	fake.Reset(func(e fake.Entry) { t.Log(e.Level, e.Context, e.Message) })
	t.Cleanup(func() { fake.Reset(nil) })
}

// SetConfig sets a value that package config finds.
func SetConfig(key, value string) { fake.SetConfig(key, value) }

// FailBucket makes every operation on the bucket of that name fail: with keyvalue.ErrNoSuchStore or
// keyvalue.ErrAccessDenied, or any other error as a keyvalue.Other. A nil error ends it.
func FailBucket(name string, err error) {
	switch err {
	case keyvalue.ErrNoSuchStore:
		err = fake.ErrNoSuchStore
	case keyvalue.ErrAccessDenied:
		err = fake.ErrAccessDenied
	}
	fake.Fail(name, err)
}

// Entry is what the actor logged: the level as wasi:logging names it ("info"), the logger's context, and the message with its attributes.
type Entry = fake.Entry

// Log are the entries since Reset.
func Log() []Entry { return fake.Entries() }
