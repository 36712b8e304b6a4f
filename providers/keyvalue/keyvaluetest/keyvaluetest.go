// Package keyvaluetest is the conformance suite of wasi:keyvalue: what every Store must do, on every path that leads to one.
//
// Run takes a Store, whatever is behind it. RunBackend takes a backend and runs the suite on it directly, through the flat
// operations (Serve and Client), and over NATS.
package keyvaluetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers/keyvalue"
)

// Run runs the suite. open gives an empty bucket each time.
func Run(t *testing.T, open func(t *testing.T) keyvalue.Store) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c.run(t, ctx, open(t))
		})
	}
}

type testCase struct {
	name string
	run  func(*testing.T, context.Context, keyvalue.Store)
}

func cases() []testCase {
	return []testCase{
		{"a missing key is no error", missing},
		{"what is set is got, byte for byte", setGet},
		{"a caller may reuse its buffer", reuse},
		{"delete removes, twice is fine", deleteTwice},
		{"any UTF-8 key is a key of its own", keys},
		{"keys and values out of bounds are refused", bounds},
		{"versions change with each write", versions},
		{"swap writes only over the version it was given", swap},
		{"swap with version 0 creates only", swapCreate},
		{"of racing swaps one wins", swapRace},
		{"a cas loop loses nothing", casLoop},
		{"increment counts from nothing, in both directions", increment},
		{"a counter is decimal text", counterText},
		{"increment refuses what is no number and what overflows", incrementRefused},
		{"concurrent increments are exact", incrementConcurrent},
		{"increments of many keys at once are exact", incrementMany},
		{"increment agrees with set, delete and swap", incrementMixed},
		{"list gives all keys once, in order, page by page", list},
		{"list of an empty bucket is empty", listEmpty},
		{"a cursor is stable while others write", listStable},
		{"batches do what single operations do", batch},
		{"batches out of bounds are refused", batchBounds},
		{"an expired context ends an operation", expired},
	}
}

// RunBackend runs the suite on a backend, directly and through the flat operations, and what concerns links: sharing, scopes and ttl. With
// a connection it runs also over NATS. make is called once for each path and closed at its end.
func RunBackend(t *testing.T, nc *nats.Conn, make func(t *testing.T) keyvalue.Backend) {
	t.Run("direct", func(t *testing.T) {
		b := make(t)
		t.Cleanup(func() { closed(t, b) })
		n := 0
		Run(t, func(t *testing.T) keyvalue.Store {
			n++
			s, err := b.Open(t.Context(), fmt.Sprintf("kv-direct-%d", n), "a test", Link("M1", "default", nil))
			fatal(t, err)
			return s
		})
	})
	t.Run("served", func(t *testing.T) {
		p := serve(t, make(t))
		Run(t, bucketsOf("Mserved", p, p))
	})
	if nc != nil {
		t.Run("over NATS", func(t *testing.T) {
			p := serve(t, make(t))
			Run(t, bucketsOf("Mremote", p, OverNATS(t, nc, p)))
		})
	}
	t.Run("links", func(t *testing.T) { runLinks(t, serve(t, make(t))) })
}

// Link is a link for tests, from an actor to a key-value provider.
func Link(source, name string, config map[string]string) lattice.Link {
	return lattice.Link{Source: source, Target: "keyvalue", Contract: keyvalue.Name, Name: name, Config: config}
}

func serve(t *testing.T, b keyvalue.Backend) *keyvalue.Provider {
	p := keyvalue.Serve(b)
	t.Cleanup(func() { closed(t, p) })
	return p
}

// bucketsOf opens an empty bucket of a provider, through a link of its own each time. The source keeps the paths apart, as backends may
// share what they keep.
func bucketsOf(source string, p *keyvalue.Provider, via lattice.Invoker) func(*testing.T) keyvalue.Store {
	n := 0
	return func(t *testing.T) keyvalue.Store {
		n++
		l := Link(fmt.Sprint(source, n), "default", nil)
		fatal(t, p.Link(t.Context(), l))
		c := keyvalue.NewClient(via, l, "bucket")
		fatal(t, c.Open(t.Context()))
		return c
	}
}

func closed(t *testing.T, c interface{ Close() error }) {
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
