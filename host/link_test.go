package host_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func TestALinkThatIsPutAnewHoldsForTheNextCallOfTheSameInstance(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{Instances: 1})
	for _, c := range []struct {
		provider, bucket string
		want             string // the count in the bucket, and that in the guest's memory
	}{
		{"keyvalue", "one", "1 1"}, {"keyvalue", "one", "2 2"}, {"keyvalue", "two", "1 3"}, {"keyvalue-memory", "one", "1 4"}, {"keyvalue", "one", "3 5"},
	} {
		n.link("p", c.provider, "wasi:keyvalue", "", "bucket", c.bucket)
		n.want("p", "increment", "x", c.want)
	}
	fatal(t, n.DeleteLink(t.Context(), lattice.LinkKey{Source: "p", Contract: "wasi:keyvalue"}))
	n.want("p", "increment", "x", "keyvalue: open x: access denied")
	n.link("p", "keyvalue", "wasi:keyvalue", "", "bucket", "one")
	n.want("p", "increment", "x", "4 7")
	if info := n.info("p"); info.Instances != 1 || info.Failures != 0 {
		t.Errorf("the actor was restarted: %+v", info)
	}
}

func TestBucketsAreTheActorsOwnUnlessTheLinkSharesOne(t *testing.T) {
	n := newNode(t)
	for _, p := range []string{"a", "b"} {
		n.peer(p, control.Limits{Instances: 1})
		n.link(p, "keyvalue", "wasi:keyvalue", "")
		n.link(p, "keyvalue-memory", "wasi:keyvalue", "fast")
		n.want(p, "increment", "x", "1 1")
		n.want(p, "increment", "y", "1 2")
		n.want(p, "increment", "x", "2 3")
		n.want(p, "increment", "fast", "1 4") // goes to the link of that name
	}
	for i, p := range []string{"a", "b"} {
		n.link(p, "keyvalue", "wasi:keyvalue", "", "bucket", "ours")
		n.want(p, "increment", "x", []string{"1 5", "2 5"}[i])
	}
}

func TestACallWithoutALinkIsRefusedAndSaysWhatWouldAllowIt(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{})
	n.want("p", "visit", "", "1")
	fatal(t, n.DeleteLink(t.Context(), lattice.LinkKey{Source: "caller", Contract: "test:peer", Name: "p"}))
	_, err := n.command(t.Context(), "p", "visit", "")
	if !errors.Is(err, lattice.ErrNoLink) || !strings.Contains(err.Error(), "`wattle link put caller TARGET test:peer --name p`") {
		t.Errorf("over a deleted link: %v", err)
	}
	if err := n.DeleteLink(t.Context(), lattice.LinkKey{Source: "caller", Contract: "test:peer", Name: "p"}); !errors.Is(err, lattice.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestALinkGivesItsContractToItsTargetAndNothingElse(t *testing.T) {
	n := newNode(t)
	id := n.peer("p", control.Limits{})
	other := n.peer("q", control.Limits{})
	for what, c := range map[string]struct {
		inv  lattice.Invocation
		kind error
	}{
		"an operation of another contract": {lattice.Invocation{Contract: "test:peer", Link: "p", Op: "wasi:http/incoming-handler@0.2.0#handle"}, lattice.ErrDenied},
		"HTTP over a link for another":     {lattice.Invocation{Contract: "wasi:http", Link: "p", Op: "handle"}, lattice.ErrNoLink},
		"another target":                   {lattice.Invocation{Contract: "test:peer", Link: "p", Target: other, Op: "test:peer/relay@1.0.0#hop"}, lattice.ErrNoLink},
		"no function":                      {lattice.Invocation{Contract: "test:peer", Link: "p", Op: "test:peer/relay@1.0.0#none"}, lattice.ErrUnsupported},
		"malformed arguments":              {lattice.Invocation{Contract: "test:peer", Link: "p", Op: "test:peer/relay@1.0.0#hop", Payload: []byte{0xff}}, lattice.ErrInvalid},
		"a link of another":                {lattice.Invocation{Source: id, Contract: "test:peer", Link: "p", Op: "test:peer/relay@1.0.0#hop"}, lattice.ErrNoLink},
	} {
		if c.inv.Source == "" {
			c.inv.Source = "caller"
		}
		if _, err := n.calls.Invoke(t.Context(), c.inv); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", what, err, c.kind)
		}
	}
}

func TestALinkThatCannotWorkIsRefusedAndTheOneBeforeGoesOn(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{Instances: 1})
	n.link("p", "keyvalue", "wasi:keyvalue", "", "bucket", "one")
	before := n.inventory().Links
	for what, c := range map[string]struct {
		link lattice.Link
		kind error
	}{
		"nobody":             {lattice.Link{Source: "nobody", Target: "keyvalue", Contract: "wasi:keyvalue"}, lattice.ErrNotFound},
		"to nobody":          {lattice.Link{Source: "p", Target: "nobody", Contract: "wasi:keyvalue"}, lattice.ErrNotFound},
		"wrong contract":     {lattice.Link{Source: "p", Target: "keyvalue", Contract: "wasi:blobstore"}, lattice.ErrUnsupported},
		"wrong direction":    {lattice.Link{Source: "p", Target: "httpserver", Contract: "wasi:http"}, lattice.ErrUnsupported},
		"wrong source":       {lattice.Link{Source: "keyvalue", Target: "p", Contract: "wasi:keyvalue"}, lattice.ErrUnsupported},
		"unknown setting":    {lattice.Link{Source: "p", Target: "keyvalue", Contract: "wasi:keyvalue", Config: map[string]string{"buckit": "x"}}, lattice.ErrInvalid},
		"bad setting":        {lattice.Link{Source: "p", Target: "keyvalue", Contract: "wasi:keyvalue", Config: map[string]string{"bucket": "a b"}}, lattice.ErrInvalid},
		"bad log level":      {lattice.Link{Source: "p", Target: "logging", Contract: "wasi:logging", Config: map[string]string{"level": "loud"}}, lattice.ErrInvalid},
		"bad name":           {lattice.Link{Source: "p", Target: "keyvalue", Contract: "wasi:keyvalue", Name: "Not Valid"}, lattice.ErrInvalid},
		"an old revision":    {lattice.Link{Source: "p", Target: "keyvalue", Contract: "wasi:keyvalue", Revision: 1 << 40, Config: map[string]string{"bucket": "two"}}, lattice.ErrConflict},
		"no contract at all": {lattice.Link{Source: "p", Target: "p"}, lattice.ErrInvalid},
	} {
		if _, err := n.PutLink(latticetest.Context(t), c.link); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", what, err, c.kind)
		}
	}
	if after := n.inventory().Links; len(after) != len(before) {
		t.Errorf("links %+v, before %+v", after, before)
	}
	n.want("p", "increment", "x", "1 1")
	n.want("p", "increment", "x", "2 2")
	n.link("p", "keyvalue", "wasi:keyvalue", "", "bucket", "two") // nothing of the refused one is in it
	n.want("p", "increment", "x", "1 3")
}

func TestAProviderForgetsALinkThatIsNotItsOwnAnyMore(t *testing.T) {
	n := newNode(t)
	id := n.peer("p", control.Limits{})
	n.link("p", "keyvalue-memory", "wasi:keyvalue", "")
	asked := func() error {
		_, err := n.Provider("keyvalue-memory").Invoke(t.Context(), lattice.Invocation{Source: id, Contract: "wasi:keyvalue", Link: "default", Op: "get", Payload: []byte("\x01x\x01k")})
		return err
	}
	fatal(t, asked())
	n.link("p", "keyvalue", "wasi:keyvalue", "")
	if err := asked(); !errors.Is(err, lattice.ErrNoLink) {
		t.Errorf("after the link moved: %v", err)
	}
	bad := lattice.Link{Source: "p", Target: "keyvalue-memory", Contract: "wasi:keyvalue", Revision: 1 << 40}
	if _, err := n.PutLink(latticetest.Context(t), bad); !errors.Is(err, lattice.ErrConflict) {
		t.Error(err)
	}
	if err := asked(); !errors.Is(err, lattice.ErrNoLink) {
		t.Errorf("after a link that could not be stored: %v", err)
	}
	n.want("p", "increment", "x", "1 1")
}
