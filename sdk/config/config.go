// Package config reads the actor's configuration, over wasi:config: names and texts that the operator sets from outside. Values may
// change while the actor runs, so read them when they are needed. The actor needs the capability wasi:config.
//
// Outside Wasm the values are those of sdktest.SetConfig.
package config

import "errors"

// Errors of this package are an *Error around one of these.
var (
	ErrUpstream = errors.New("the source of the configuration failed")
	ErrIO       = errors.New("the configuration could not be read")
)

// Error says what failed, and why in the host's words.
type Error struct {
	Kind    error // ErrUpstream or ErrIO
	Message string
}

// Error gives both.
func (e *Error) Error() string { return "config: " + e.Kind.Error() + ": " + e.Message }

// Unwrap gives the kind.
func (e *Error) Unwrap() error { return e.Kind }

// Get is the value of that name and whether there is one.
func Get(name string) (value string, ok bool, err error) { return get(name) }

// GetOr is the value of that name, or fallback if there is none or it cannot be read.
func GetOr(name, fallback string) string {
	if v, ok, err := get(name); ok && err == nil {
		return v
	}
	return fallback
}

// All are all values by name.
func All() (map[string]string, error) { return all() }
