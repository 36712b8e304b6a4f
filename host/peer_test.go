package host_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/wit"
)

const addFunc = "example:math/calc@0.1.0#add"

func TestActorsCallEachOtherAlongLinks(t *testing.T) {
	n := newNode(t)
	n.peer("a", control.Limits{})
	n.peer("b", control.Limits{})
	n.run(signed{guest: "hello"})
	n.link("a", "hello", "example:math", "")
	n.link("a", "b", "test:peer", "")
	n.want("a", "add", "41", "42")
	n.want("a", "relay", "visit", "1") // b's first
	n.want("b", "visit", "", "2")
	n.want("a", "visit", "", "1")
	n.link("a", "a", "test:peer", "") // another instance of itself
	n.want("a", "relay", "visit", "1")
}

func TestTheKindOfAnErrorSurvivesTheWayThroughActors(t *testing.T) {
	n := newNode(t)
	n.peer("a", control.Limits{})
	n.peer("b", control.Limits{Timeout: control.Duration(100 * time.Millisecond), Memory: 24 << 20})
	if _, err := n.command(t.Context(), "a", "relay", "visit"); !errors.Is(err, lattice.ErrNoLink) || !strings.Contains(err.Error(), "wattle link put a") {
		t.Errorf("without a link: %v", err)
	}
	n.link("a", "b", "test:peer", "")
	for command, kind := range map[string]error{"panic": lattice.ErrTrap, "spin": lattice.ErrDeadline, "exit": lattice.ErrTrap, "relay": lattice.ErrNoLink} {
		_, err := n.command(latticetest.Context(t), "a", "relay", command)
		if lattice.KindOf(err) != kind || !strings.Contains(err.Error(), "actor a: actor b: ") && kind != lattice.ErrNoLink {
			t.Errorf("%s: %v, want %v", command, err, kind)
		}
	}
	fatal(t, n.Stop(t.Context(), control.StopRequest{Actor: "b"}))
	if _, err := n.command(t.Context(), "a", "relay", "visit"); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("with the other stopped: %v", err)
	}
	n.peer("b", control.Limits{})
	n.want("a", "relay", "visit", "1")
}

func TestThePatienceOfACallerHoldsForAllThatItsCallCalls(t *testing.T) {
	n := newNode(t)
	n.peer("a", control.Limits{Timeout: control.Duration(200 * time.Millisecond)})
	n.peer("b", control.Limits{Timeout: control.Duration(time.Hour)})
	n.link("a", "b", "test:peer", "")
	for _, command := range []string{"spin", "sleep"} {
		if _, err := n.command(latticetest.Context(t), "a", "relay", command); !errors.Is(err, lattice.ErrDeadline) {
			t.Errorf("%s: %v", command, err)
		}
		ctx, cancel := context.WithCancel(latticetest.Context(t))
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := n.command(ctx, "b", command, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, given up: %v", command, err)
		}
	}
	latticetest.WaitFor(t, "all calls to end", func() bool { return n.info("b").Busy == 0 })
}

func (n *node) hop(ctx context.Context, peer string, times uint64) (uint32, error) {
	d, err := n.invoke(ctx, peer, "test:peer/relay@1.0.0#hop", func(e *wit.Encoder) { e.Uint(times) })
	if err != nil {
		return 0, err
	}
	return d.U32(), d.Close()
}

func TestACycleOfCallsWorksWhileThereAreInstancesAndEndsWhenThereAreNone(t *testing.T) {
	n := newNode(t)
	limits := control.Limits{Instances: 2, Timeout: control.Duration(500 * time.Millisecond)}
	n.peer("a", limits)
	n.peer("b", limits)
	n.link("a", "b", "test:peer", "")
	n.link("b", "a", "test:peer", "")
	if got, err := n.hop(t.Context(), "a", 3); got != 3 || err != nil {
		t.Errorf("a cycle that fits: %d, %v", got, err)
	}
	if _, err := n.hop(t.Context(), "a", 100); !errors.Is(err, lattice.ErrDeadline) {
		t.Errorf("a cycle that does not: %v", err)
	}
	var wg sync.WaitGroup
	for range 8 { // each takes what another one waits for
		wg.Go(func() {
			if _, err := n.hop(latticetest.Context(t), "a", 3); err != nil && !errors.Is(err, lattice.ErrDeadline) && !errors.Is(err, lattice.ErrBusy) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := n.hop(t.Context(), "b", 3); got != 3 || err != nil {
		t.Errorf("after that: %d, %v", got, err)
	}
}

// liar is a module that exports a function with another type than test:peer gives it: hop: func(n: u32) -> u64, which is 2^40.
func liar(t *testing.T) []byte {
	t.Helper()
	const iface = "test:peer/relay@1.0.0"
	types := "\x01" + prefixed("\x01\x60\x01\x7f\x01\x7e")
	funcs := "\x03" + prefixed("\x01\x00")
	exports := "\x07" + prefixed("\x01"+prefixed(iface+"#hop")+"\x00\x00")
	code := "\x0a" + prefixed("\x01"+prefixed("\x00\x42\x80\x80\x80\x80\x80\x20\x0b"))
	wasm, err := describeText([]byte("\x00asm\x01\x00\x00\x00"+types+funcs+exports+code), "test:peer/liar",
		map[string]string{"liar.wit": "package test:peer@1.0.0; interface relay { hop: func(n: u32) -> u64; } world liar { export relay; }"})
	fatal(t, err)
	return wasm
}

func TestActorsThatDisagreeAboutATypeFailTheCallOnly(t *testing.T) {
	n := newNode(t)
	n.peer("a", control.Limits{})
	n.run(signed{name: "liar", wasm: liar(t)})
	n.link("a", "liar", "test:peer", "")
	if n, err := n.hop(t.Context(), "a", 1); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("a result of another type became %d, %v", n, err)
	}
	n.link("caller", "liar", "test:peer", "liar")
	if _, err := n.command(t.Context(), "liar", "visit", ""); !errors.Is(err, lattice.ErrUnsupported) {
		t.Errorf("a function that it does not have: %v", err)
	}
	const hop = "test:peer/relay@1.0.0#hop"
	if _, err := n.invoke(t.Context(), "liar", hop, func(e *wit.Encoder) { e.String("no number") }); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("arguments of another type: %v", err)
	}
	if d, err := n.invoke(t.Context(), "liar", hop, func(e *wit.Encoder) { e.Uint(0) }); err != nil || d.Uint(64) != 1<<40 {
		t.Errorf("called as it is: %v", err)
	}
	n.want("a", "visit", "", "1")
}

func TestTheAdministratorCallsAnyFunctionWithJSON(t *testing.T) {
	n := newNode(t)
	n.run(signed{guest: "hello"})
	reply, err := n.Call(t.Context(), control.CallRequest{Actor: "hello", Func: addFunc, Args: []byte("[2, 40]")})
	if err != nil || string(reply.Result) != "42" {
		t.Errorf("%s, %v", reply.Result, err)
	}
	for args, kind := range map[string]error{"[2]": lattice.ErrInvalid, "[2,": lattice.ErrInvalid, `["x", 1]`: lattice.ErrInvalid, "": lattice.ErrInvalid} {
		if _, err := n.Call(t.Context(), control.CallRequest{Actor: "hello", Func: addFunc, Args: []byte(args)}); !errors.Is(err, kind) {
			t.Errorf("%q: %v", args, err)
		}
	}
	for fn, kind := range map[string]error{"wasi:http/incoming-handler@0.2.0#handle": lattice.ErrUnsupported, "no:such/thing#f": lattice.ErrUnsupported, "": lattice.ErrUnsupported} {
		if _, err := n.Call(t.Context(), control.CallRequest{Actor: "hello", Func: fn}); !errors.Is(err, kind) {
			t.Errorf("%s: %v", fn, err)
		}
	}
	if _, err := n.Call(t.Context(), control.CallRequest{Actor: "nobody", Func: addFunc}); !errors.Is(err, lattice.ErrNotFound) {
		t.Error(err)
	}
}
