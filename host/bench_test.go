package host_test

import (
	"fmt"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
	contract "github.com/wattle-io/wattle/providers/http"
	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/wit"
)

// BenchmarkProviderCall is one operation of a provider on the same host: as a guest calls it, and as Go calls it through the same link
// and the same flat operations. An operation of the guest is an iteration of a loop inside of one call.
func BenchmarkProviderCall(b *testing.B) {
	n := newNode(b)
	id := n.peer("p", control.Limits{Instances: 1})
	n.link("p", "keyvalue-memory", keyvalue.Name, "")
	b.Run("from Go", func(b *testing.B) {
		c := keyvalue.NewClient(n.Host, lattice.Link{Source: id, Contract: keyvalue.Name, Name: lattice.DefaultLink}, "bench")
		b.ReportAllocs()
		for b.Loop() {
			if ok, err := c.Exists(b.Context(), "apples"); ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("from a guest", func(b *testing.B) {
		n.t = b
		b.ReportAllocs()
		const batch = 1000
		for done := 0; b.Loop(); done-- {
			if done == 0 {
				n.want("p", "exists", fmt.Sprint(batch), "done")
				done = batch
			}
		}
	})
}

// BenchmarkCallActor is a call of an actor along a link: the least that is, and one actor calling another.
func BenchmarkCallActor(b *testing.B) {
	n := newNode(b)
	n.peer("p", control.Limits{})
	n.peer("q", control.Limits{})
	n.link("p", "q", "test:peer", "")
	for hops := range 2 {
		b.Run(fmt.Sprint(hops, " hops"), func(b *testing.B) {
			inv := lattice.Invocation{Source: "caller", Contract: "test:peer", Link: "p", Op: "test:peer/relay@1.0.0#hop", Payload: []byte{byte(hops)}, Out: make([]byte, 0, 8)}
			b.ReportAllocs()
			for b.Loop() {
				r, err := n.Invoke(b.Context(), inv)
				if err != nil || len(r.Payload) != 1 || int(r.Payload[0]) != hops {
					b.Fatal(r, err)
				}
			}
		})
	}
}

// BenchmarkHTTPRequest is a request to actors/counter from the head in flat form to the response in flat form, without a connection.
func BenchmarkHTTPRequest(b *testing.B) {
	n := newNode(b)
	n.run(signed{guest: "counter"})
	n.run(signed{guest: "hello"})
	n.link("counter", "keyvalue-memory", keyvalue.Name, "")
	for _, actor := range []string{"hello", "counter"} {
		n.link("httpserver", actor, "wasi:http", actor, "path", "/"+actor)
		b.Run(actor, func(b *testing.B) {
			head := contract.RequestHead{Method: "GET", Scheme: "http", Authority: "example.org", PathWithQuery: "/apples",
				Header: []contract.Field{{Name: "User-Agent", Value: []byte("bench")}, {Name: "Accept", Value: []byte("*/*")}}}.Encode(nil)
			w := &sink{}
			inv := lattice.Invocation{Source: "httpserver", Contract: "wasi:http", Link: actor, Op: "handle", Payload: head, Stream: w}
			b.ReportAllocs()
			for b.Loop() {
				w.head, w.body = 0, 0
				if _, err := n.Invoke(b.Context(), inv); err != nil || w.head == 0 || w.body == 0 {
					b.Fatal(w, err)
				}
			}
		})
	}
}

// sink counts what a reply has.
type sink struct{ head, body int }

func (s *sink) Head(p []byte) error         { s.head += len(p); return nil }
func (s *sink) Write(p []byte) (int, error) { s.body += len(p); return len(p), nil }
func (s *sink) Flush() error                { return nil }

// A call along a link that leads to an actor must not cost memory: it is the hottest path that there is.
func TestACallAlongALinkDoesNotAllocate(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{Instances: 1})
	var e wit.Encoder
	e.Uint(0)
	inv := lattice.Invocation{Source: "caller", Contract: "test:peer", Link: "p", Op: "test:peer/relay@1.0.0#hop", Payload: e.Buf, Out: make([]byte, 0, 8)}
	ctx := latticetest.Context(t)
	allocs := testing.AllocsPerRun(1000, func() {
		if _, err := n.Invoke(ctx, inv); err != nil {
			t.Error(err)
		}
	})
	if allocs >= 1 { // the average; the engine makes something new now and then
		t.Errorf("%v allocations", allocs)
	}
}
