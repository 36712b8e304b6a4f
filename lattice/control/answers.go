package control

import (
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/envelope"
)

// answers remembers which commands a host was sent, so that each is carried out once: a copy gets the answer of the first. It forgets after
// answerTime, or sooner if there are too many; what is as old as something forgotten is refused, so that forgetting opens no door.
type answers struct {
	now func() time.Time

	mu    sync.Mutex
	known map[[sha256.Size]byte]*list.Element // guarded by mu: of *answer
	order *list.List                          // guarded by mu: oldest arrival first
	floor int64                               // guarded by mu: commands issued until then (ms since 1970) are refused
	bytes int                                 // guarded by mu: of all bodies
}

const (
	answerTime     = 10 * time.Minute
	maxAnswers     = 1 << 16 // a command's trace is about 300 bytes
	maxAnswerBytes = 16 << 20
)

// answer is what became of one command.
type answer struct {
	key     [sha256.Size]byte
	issued  int64
	arrived time.Time
	done    chan struct{} // closed when the rest is there
	reply   reply
	dropped bool // guarded by answers.mu: the body was, for room
}

// reply is what goes back to a caller: a body, or an error.
type reply struct {
	body []byte
	err  error
}

// newAnswers makes an empty memory. What was signed before now is refused: the process before this one may have carried it out.
func newAnswers(now func() time.Time) *answers {
	return &answers{now: now, known: make(map[[sha256.Size]byte]*list.Element), order: list.New(), floor: now().UnixMilli() - 1}
}

// begin takes note of a command. If first, the caller carries it out and must end it with finish; otherwise somebody else does or did.
func (a *answers) begin(o envelope.Opened) (_ *answer, first bool, err error) {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.known[o.Key]; e != nil {
		return e.Value.(*answer), false, nil
	}
	if o.Issued <= a.floor {
		since := time.UnixMilli(a.floor).UTC()
		return nil, false, &lattice.Error{Kind: lattice.ErrDenied,
			Msg:  fmt.Sprintf("the command was signed before %s, from when on this host knows what it was sent: it may be a copy", since.Format("15:04:05.000Z")),
			Hint: "send it again; if that does not help, a clock is wrong"}
	}
	a.forget(now)
	n := &answer{key: o.Key, issued: o.Issued, arrived: now, done: make(chan struct{})}
	a.known[o.Key] = a.order.PushBack(n)
	return n, true, nil
}

// forget makes room.
func (a *answers) forget(now time.Time) {
	for e := a.order.Front(); e != nil; e = a.order.Front() {
		old := e.Value.(*answer)
		if a.order.Len() < maxAnswers && now.Sub(old.arrived) < answerTime {
			return
		}
		a.order.Remove(e)
		delete(a.known, old.key)
		a.floor = max(a.floor, old.issued)
		a.drop(old)
	}
}

// finish gives the answer to all who wait for it, and keeps it.
func (a *answers) finish(n *answer, r reply) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n.reply = r
	close(n.done)
	if e := a.known[n.key]; e == nil || e.Value != n {
		return // forgotten meanwhile
	}
	a.bytes += len(r.body)
	for e := a.order.Front(); e != nil && a.bytes > maxAnswerBytes; e = e.Next() {
		a.drop(e.Value.(*answer))
	}
}

// drop frees the body of an answer that is there. Those who wait for it have it already.
func (a *answers) drop(n *answer) {
	select {
	case <-n.done:
		a.bytes -= len(n.reply.body)
		n.dropped, n.reply.body = len(n.reply.body) > 0 || n.dropped, nil
	default:
	}
}

// wait gives the answer of a command that somebody else carries out.
func (a *answers) wait(ctx context.Context, n *answer) reply {
	select {
	case <-n.done:
	case <-ctx.Done():
		return reply{err: ctx.Err()}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n.dropped {
		return reply{err: &lattice.Error{Kind: lattice.ErrConflict, Msg: "this command was carried out already; its answer is no longer kept"}}
	}
	return n.reply
}
