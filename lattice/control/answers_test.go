package control

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// ages is a memory of answers whose clock the test sets.
func ages(t *testing.T) (a *answers, advance func(time.Duration), command func() envelope.Opened) {
	now := time.Unix(1_700_000_000, 0)
	var n atomic.Uint32
	a = newAnswers(func() time.Time { return now })
	return a, func(d time.Duration) { now = now.Add(d) }, func() envelope.Opened {
		i := n.Add(1)
		return envelope.Opened{Head: envelope.Head{Issued: now.UnixMilli()}, Key: [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}}
	}
}

// first has the command carried out with that answer.
func first(t *testing.T, a *answers, o envelope.Opened, body []byte) {
	t.Helper()
	n, first, err := a.begin(o)
	if err != nil || !first {
		t.Fatal(first, err)
	}
	a.finish(n, reply{body: body})
}

// Forgetting makes room, but opens no door: what is as old as something forgotten is refused.
func TestForgottenCommandsAreRefused(t *testing.T) {
	a, advance, command := ages(t)
	old := command()
	first(t, a, old, []byte("1"))
	advance(answerTime - time.Second)
	if n, again, err := a.begin(old); err != nil || again || string(a.wait(t.Context(), n).body) != "1" {
		t.Errorf("within ten minutes: %v %v", again, err)
	}
	advance(2 * time.Second)
	first(t, a, command(), nil)
	if _, _, err := a.begin(old); !errors.Is(err, lattice.ErrDenied) {
		t.Errorf("after ten minutes: %v", err)
	}
	if len(a.known) != 1 || a.order.Len() != 1 || a.bytes != 0 {
		t.Errorf("it keeps %d, %d bytes", len(a.known), a.bytes)
	}
}

func TestFloodOfCommandsFillsNoMemory(t *testing.T) {
	a, advance, command := ages(t)
	flood := command()
	first(t, a, flood, nil)
	for range maxAnswers {
		advance(time.Millisecond)
		first(t, a, command(), nil)
	}
	if len(a.known) > maxAnswers {
		t.Errorf("it keeps %d", len(a.known))
	}
	if _, again, err := a.begin(flood); !errors.Is(err, lattice.ErrDenied) || again {
		t.Errorf("a copy of one that was pushed out: %v %v", again, err)
	}
}

func TestLargeAnswersAreNotKeptForEver(t *testing.T) {
	a, _, command := ages(t)
	one, last := command(), envelope.Opened{}
	first(t, a, one, make([]byte, maxAnswerBytes/2))
	for range 2 {
		last = command()
		first(t, a, last, make([]byte, maxAnswerBytes/2))
	}
	n, again, err := a.begin(one)
	if err != nil || again {
		t.Fatal(again, err)
	}
	if r := a.wait(t.Context(), n); !errors.Is(r.err, lattice.ErrConflict) || a.bytes > maxAnswerBytes {
		t.Errorf("%v, %d bytes", r.err, a.bytes)
	}
	if n, _, _ := a.begin(last); len(a.wait(t.Context(), n).body) != maxAnswerBytes/2 {
		t.Error("the newest answer is gone")
	}
}

func TestCopyOfARunningCommandWaitsNoLongerThanItsCaller(t *testing.T) {
	a, _, command := ages(t)
	o := command()
	running, _, err := a.begin(o)
	if err != nil {
		t.Fatal(err)
	}
	n, again, err := a.begin(o)
	if err != nil || again || n != running {
		t.Fatal(again, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := a.wait(ctx, n); !errors.Is(r.err, context.Canceled) {
		t.Errorf("got %+v", r)
	}
}
