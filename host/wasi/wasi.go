// Package wasi implements WASI 0.2 for guests, as host functions (wit.HostFunc): wasi:io, wasi:clocks, wasi:random,
// wasi:cli, wasi:filesystem, wasi:sockets, wasi:logging, wasi:config and wasi:http/types, and the bridge that hands an HTTP
// request to an actor's wasi:http/incoming-handler (ServeHTTP).
//
// It is not an engine and not a server: it knows no guest memory. The engine lifts and lowers values and keeps the handle
// table; whoever serves HTTP gives ServeHTTP a Request and a ResponseWriter. It holds no capability of its own: files are
// those of Config.Preopens, addresses those that Config.Network allows, and outgoing HTTP what Config.Send sends. Without
// them a guest reaches nothing.
//
// A guest is single-threaded, so an object behind a handle is used by one goroutine at a time; what several instances
// share (Config's readers, writers and functions) is locked here or must be safe for concurrent use, as said at its field.
// A function that waits honours its context. No size that a guest names is allocated before it is bounded.
package wasi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// Config says what the functions of Imports reach. The zero Config is usable: nothing is logged or configured, the
// standard streams are empty, and clocks and randomness are the machine's.
type Config struct {
	// Log gets what the guest logs through wasi:logging; nil discards it. It is called from several goroutines at once.
	// A message is cut at 64 KiB, a context at 1 KiB. See SlogLog.
	Log func(level Level, context, message string)
	// Config answers wasi:config/store get and ConfigAll get-all. They are asked at each call, so that a link's new
	// configuration holds from the next call on. nil: there is none. Called from several goroutines at once.
	Config    func(key string) (value string, ok bool)
	ConfigAll func() []KV
	// Stdin is read by one goroutine at a time, which may outlive the guest's call while it waits for input; nil is empty.
	Stdin io.Reader
	// Stdout and Stderr are written by one goroutine at a time; nil discards.
	Stdout, Stderr io.Writer
	// Env is what get-environment returns, as name and value; Args what get-arguments returns.
	Env  [][2]string
	Args []string
	// Dir is what initial-cwd returns, by a path of Preopens; "" is none. Terminals says which standard streams are a terminal.
	Dir       string
	Terminals Terminals
	// Preopens are the directories that the guest reaches by wasi:filesystem; without them it reaches no file.
	Preopens []Preopen
	// Network is what the guest may reach by wasi:sockets; nil is nothing: it gets access-denied.
	Network Network
	// Send is what wasi:http/outgoing-handler sends requests with, e.g. a Sender's Send; nil is nothing: the guest gets
	// HTTP-request-denied.
	Send SendFunc
	// Refused is told what the guest was refused for want of a grant, as *DeniedError or what Network says; the guest itself gets no reason.
	// nil discards it. Called from several goroutines at once.
	Refused func(error)
	// Now is the clock, default time.Now. Safe for concurrent use.
	Now func() time.Time
	// Rand is the source of random bytes, default crypto/rand.Reader. Safe for concurrent use.
	Rand io.Reader
}

// KV is a configuration entry.
type KV struct{ Key, Value string }

// ErrMisuse is wrapped by the errors that end a guest which broke a rule of an interface: where WASI says "traps".
var ErrMisuse = errors.New("wasi: misuse")

// trapf is the error of a guest that broke a rule; format says which, and what is allowed.
func trapf(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrMisuse, fmt.Sprintf(format, a...))
}

// Imports returns the host functions of everything in this package. What cfg grants nothing for is there all the same and refuses: toolchains
// import much that a guest never calls.
func Imports(cfg Config) wit.Imports {
	cfg.setDefaults()
	all := wit.Imports{}
	for _, part := range []wit.Imports{
		ioImports(cfg.Now), clockImports(cfg.Now), randomImports(cfg.Rand), cliImports(cfg),
		loggingImports(cfg.Log), configImports(cfg.Config, cfg.ConfigAll), httpImports(),
		filesystemImports(cfg.Preopens, cfg.Now), socketImports(cfg.Network, cfg.Refused), OutgoingHandler(cfg.Send),
	} {
		maps.Copy(all, part)
	}
	return all
}

func (c *Config) setDefaults() {
	if c.Log == nil {
		c.Log = func(Level, string, string) {}
	}
	if c.Config == nil {
		c.Config = func(string) (string, bool) { return "", false }
	}
	if c.ConfigAll == nil {
		c.ConfigAll = func() []KV { return nil }
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Network == nil {
		c.Network = noNetwork{}
	}
	if c.Refused == nil {
		c.Refused = func(error) {}
	}
	if c.Send == nil {
		c.Send = sendNothing(c.Refused)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
}

// imports names the functions of one interface.
func imports(iface string, funcs map[string]wit.HostFunc) wit.Imports {
	out := make(wit.Imports, len(funcs))
	for name, f := range funcs {
		out[wit.CanonicalName(iface, name)] = f
	}
	return out
}

// merge puts the functions of several interfaces together.
func merge(parts ...wit.Imports) wit.Imports {
	out := wit.Imports{}
	for _, p := range parts {
		maps.Copy(out, p)
	}
	return out
}

// plain is the shape of a function that neither waits nor fails: f reads parameters and appends the result.
func plain(f func(c *wit.Call)) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		f(c)
		return c.Args.Close()
	}
}
