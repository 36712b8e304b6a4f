package host_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/wit"
)

// misdeed is a call that must fail.
type misdeed struct {
	name string
	kind error
	says string
	call func(ctx context.Context) error
}

// hostileTime is the limit of a call of those that never end.
const hostileTime = 300 * time.Millisecond

func TestAHostileGuestFailsOnlyItsOwnCall(t *testing.T) {
	n := newNode(t)
	limits := control.Limits{Instances: 1, Memory: 8 << 20, Timeout: control.Duration(hostileTime)}
	n.run(signed{guest: "hostile", limits: limits})
	n.link("caller", "hostile", "test:guest", "hostile")
	n.peer("good", control.Limits{Instances: 1})
	u32 := func(v uint64) func(*wit.Encoder) { return func(e *wit.Encoder) { e.Uint(v) } }
	hostile := func(fn string, encode func(*wit.Encoder)) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := n.invoke(ctx, "hostile", "test:guest/hostile@1.0.0#"+fn, encode)
			return err
		}
	}
	n.survives([]misdeed{
		{"spin", lattice.ErrDeadline, "longer", hostile("spin", nil)},
		{"recurse", lattice.ErrLimit, "stack", hostile("recurse", u32(0))},
		{"mutual recursion", lattice.ErrLimit, "stack", hostile("ping", u32(0))},
		{"indirect recursion", lattice.ErrLimit, "stack", hostile("indirect", u32(0))},
		{"unreachable", lattice.ErrTrap, "unreachable", hostile("unreachable", nil)},
		{"out of bounds", lattice.ErrTrap, "outside of memory", hostile("out-of-bounds", nil)},
		{"misaligned", lattice.ErrTrap, "aligned", hostile("misaligned", nil)},
		{"bad UTF-8", lattice.ErrTrap, "not UTF-8", hostile("bad-utf8", nil)},
		{"bad discriminant", lattice.ErrTrap, "discriminant", hostile("bad-case", nil)},
		{"huge list", lattice.ErrTrap, "outside of memory", hostile("huge-list", nil)},
		{"amplified result", lattice.ErrTrap, "too large", hostile("amplify", nil)},
		{"trap in post-return", lattice.ErrTrap, "unreachable", hostile("post-trap", nil)},
		{"call in post-return", lattice.ErrTrap, "post-return", hostile("post-call", nil)},
		{"stale handle", lattice.ErrTrap, "not open", hostile("stale", nil)},
		{"many handles", lattice.ErrLimit, "handles", hostile("many-handles", nil)},
		{"waits in a host function", lattice.ErrDeadline, "longer", hostile("wait", nil)},
		{"exit", lattice.ErrTrap, "exited with code 3", hostile("exit", u32(3))},
	}, func() error {
		d, err := n.invoke(latticetest.Context(t), "hostile", "test:guest/hostile@1.0.0#ok", nil)
		if err == nil && d.U32() != 42 {
			err = errors.New("a wrong answer")
		}
		return err
	})
	d, err := n.invoke(latticetest.Context(t), "hostile", "test:guest/hostile@1.0.0#exhaust", nil)
	if err != nil || d.U32() > 8<<20>>16 {
		t.Errorf("a guest that takes all memory: %v", err)
	}
}

func TestAGoGuestThatMisbehavesFailsOnlyItsOwnCall(t *testing.T) {
	n := newNode(t)
	n.peer("bad", control.Limits{Instances: 1, Memory: 24 << 20, Timeout: control.Duration(hostileTime)})
	n.peer("good", control.Limits{Instances: 1})
	command := func(name string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := n.command(ctx, "bad", name, "on purpose"); return err }
	}
	n.survives([]misdeed{
		{"panic", lattice.ErrTrap, "actor bad: ", command("panic")},
		{"exit", lattice.ErrTrap, "exited with code 3", command("exit")},
		{"spin", lattice.ErrDeadline, "longer", command("spin")},
		{"sleep", lattice.ErrDeadline, "longer", command("sleep")},
		{"recursion", nil, "", command("recurse")}, // Go's own stack in the guest's memory ends first, or its time
		{"allocate", nil, "", command("allocate")}, // the runtime gives up, or its time ends
	}, func() error { _, err := n.command(latticetest.Context(t), "bad", "visit", ""); return err })
	if lines := strings.Join(n.lines.take(), "\n"); !strings.Contains(lines, "on purpose") {
		t.Errorf("the panic is not in the actor's log:\n%s", lines)
	}
}

// survives does each misdeed while "good" goes on answering, and wants the next call of the culprit to work.
func (n *node) survives(all []misdeed, next func() error) {
	visits := 0
	for _, m := range all {
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- m.call(latticetest.Context(n.t)) }()
		var err error
		for running := true; running; {
			select {
			case err = <-done:
				running = false
			default:
			}
			visits++
			n.want("good", "visit", "", fmt.Sprint(visits))
		}
		if err == nil || m.kind != nil && lattice.KindOf(err) != m.kind || !strings.Contains(err.Error(), m.says) {
			n.t.Errorf("%s: %v, want %v with %q", m.name, err, m.kind, m.says)
		}
		if m.kind == lattice.ErrDeadline && time.Since(began) < hostileTime {
			n.t.Errorf("%s: ended before its time", m.name)
		}
		if err := next(); err != nil {
			n.t.Errorf("after %s: %v", m.name, err)
		}
	}
}

func TestAGuestThatNeverGetsReadyHoldsNobodyUp(t *testing.T) {
	n := newNode(t)
	info, err := n.tryRun(signed{guest: "initloop", limits: control.Limits{Timeout: control.Duration(hostileTime)}})
	fatal(t, err)
	n.link("caller", "initloop", "test:guest", "initloop")
	n.peer("good", control.Limits{})
	if _, err := n.invoke(t.Context(), "initloop", "test:guest/hostile@1.0.0#ok", nil); lattice.KindOf(err) != lattice.ErrDeadline {
		t.Error(err)
	}
	n.want("good", "visit", "", "1")
	if got := n.info(info.Name); got.Instances != 0 || got.Memory != 0 {
		t.Errorf("left: %+v", got)
	}
}

func TestFullMailboxesRefuseAtOnce(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{Instances: 1, Mailbox: 1})
	ctx, cancel := context.WithCancel(latticetest.Context(t))
	ended := make(chan error, 3)
	for range 3 { // one runs, one waits, one is too many
		go func() { _, err := n.command(ctx, "p", "spin", ""); ended <- err }()
	}
	if err := <-ended; !errors.Is(err, lattice.ErrBusy) {
		t.Error(err)
	}
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	n.want("p", "visit", "", "1")
}
