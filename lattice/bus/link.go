package bus

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// link watches and mends a leaf's link to its hub. One goroutine runs it, woken by what the server logs (a hint that something
// changed; what is true is asked from the server), by answers of the hub, and by time.
type link struct {
	leaf    *Leaf
	hint    chan struct{}
	answers chan *nats.Msg
	dialled chan bool
	sub     *nats.Subscription

	mu   sync.Mutex
	seen [numRefusals]int // guarded by mu: refusals since the last link
	why  string           // guarded by mu: what the server said last about its attempts

	// What follows belongs to the goroutine.
	group   int       // of hubs
	linked  time.Time // since when the server has a link; zero if none
	lost    time.Time // since when it has none, or when mending was tried last
	probe   probe
	stopped bool      // do not try again
	resume  time.Time // try again then; zero unless resting
	renewed time.Time // when renewal was tried last
	tried   int       // how often mending was tried since the last link
	redo    bool      // connecting anew has not begun: the server was not done with the attempt before
}

// probe is a question to the hub whose answer proves that the link works both ways.
type probe struct {
	id       string    // last token of the reply subject; "" if none is under way
	sent     time.Time // the last one
	missed   int       // in a row
	answered bool      // at least once on this link: so there is somebody who answers
}

const (
	pollFirst    = 2 * time.Millisecond
	pollMost     = 250 * time.Millisecond
	probeEvery   = 5 * time.Second
	probeTimeout = 2 * time.Second
	probeMissed  = 3
	// quietHub is when a link counts as up though nobody answers on it: a hub without ServeEnroll, as an existing NATS server.
	quietHub = 500 * time.Millisecond
	// restAfter refusals without a reason the leaf tries only every restFor: the hub does not say whether the refusal is for good.
	restAfter = 3
	restFor   = time.Minute
)

func newLink(l *Leaf) *link {
	return &link{leaf: l, hint: make(chan struct{}, 1), answers: make(chan *nats.Msg, 64), dialled: make(chan bool, 1), lost: time.Now()}
}

// listen takes the hub's answers.
func (k *link) listen() (err error) {
	k.sub, err = k.leaf.nc.ChanSubscribe(k.replies()+"*", k.answers)
	return err
}

func (k *link) replies() string { return ReplyPrefix + "." + k.leaf.ID() + ".link." }

// wake makes the goroutine look.
func (k *link) wake() {
	select {
	case k.hint <- struct{}{}:
	default:
	}
}

func (k *link) run(ctx context.Context) {
	wait := pollFirst
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.hint:
			wait = pollFirst
		case m := <-k.answers:
			k.answer(m)
		case ok := <-k.dialled:
			k.mend(ctx, ok)
		case <-timer.C:
			wait = min(2*wait, pollMost)
		}
		k.look(ctx, time.Now())
		timer.Reset(wait)
	}
}

// look compares what is with what was and does what is due.
func (k *link) look(ctx context.Context, now time.Time) {
	srv := k.leaf.server.Load()
	is, was := srv != nil && srv.NumLeafNodes() > 0, !k.linked.IsZero()
	switch {
	case is && !was:
		k.linked, k.probe, k.redo = now, probe{}, false
		k.ask(now)
	case !is && was:
		k.linked, k.lost, k.tried = time.Time{}, now, 0
		k.leaf.setUp(false)
	}
	if is {
		k.lookLinked(ctx, now)
	} else {
		k.lookUnlinked(ctx, now)
	}
}

func (k *link) lookLinked(ctx context.Context, now time.Time) {
	if !k.leaf.isUp() {
		switch {
		case now.Sub(k.linked) > quietHub:
			k.up()
		case k.probe.id == "" || now.Sub(k.probe.sent) > quietHub/4:
			k.ask(now)
		}
		return
	}
	if k.probe.id != "" && now.Sub(k.probe.sent) > probeTimeout {
		k.probe.id = ""
		k.probe.missed++
	}
	if k.probe.answered && k.probe.missed >= probeMissed {
		k.leaf.cfg.Log.Warn("the hub's port is connected but it does not answer: connecting anew")
		k.probe = probe{}
		k.recycle(ctx)
		return
	}
	if k.probe.id == "" && now.Sub(k.probe.sent) > min(probeEvery, k.leaf.user.Load().lifetime()/8) {
		k.ask(now)
	}
}

func (k *link) ask(now time.Time) {
	token, err := randomName()
	if err != nil {
		return
	}
	k.probe.id, k.probe.sent = token, now
	k.publish(enrollRequest{Op: opPing}, token)
}

func (k *link) publish(q enrollRequest, token string) {
	b, err := json.Marshal(q)
	if err == nil {
		err = k.leaf.nc.PublishRequest(enrollPrefix+k.leaf.ID(), k.replies()+token, b)
	}
	if err != nil {
		k.leaf.cfg.Log.Debug("leaf: question to the hub", "err", err)
	}
}

// answer takes a pong or a renewed credential.
func (k *link) answer(m *nats.Msg) {
	token, ok := strings.CutPrefix(m.Subject, k.replies())
	if !ok {
		return
	}
	if m.Header.Get("Status") == "503" { // nobody there, or not yet
		if token == k.probe.id {
			k.probe.id = ""
		}
		return
	}
	r, err := readEnrollReply(m.Data)
	switch {
	case token == renewToken:
		k.takeRenewed(r, err)
	case token == k.probe.id && err == nil:
		k.pong(r)
	}
}

func (k *link) pong(r enrollReply) {
	k.leaf.setRTT(time.Since(k.probe.sent))
	k.probe.id, k.probe.missed, k.probe.answered = "", 0, true
	if !k.linked.IsZero() && !k.leaf.isUp() {
		k.up()
	}
	k.renew(time.Unix(r.Now, 0))
}

func (k *link) up() {
	k.forget()
	k.tried = 0
	k.leaf.setUp(true)
}

// lookUnlinked finds out why there is no link, and what to do about it.
func (k *link) lookUnlinked(ctx context.Context, now time.Time) {
	if k.stopped {
		return
	}
	if k.redo {
		k.recycle(ctx)
		return
	}
	if !k.resume.IsZero() {
		if now.After(k.resume) {
			k.resume = time.Time{}
			k.forget()
			k.recycle(ctx)
		}
		return
	}
	if err := k.refused(now); err != nil {
		k.leaf.setError(err, k.stopped)
	}
	every := k.leaf.cfg.Watchdog
	if len(k.leaf.groups) > 1 {
		every = min(every, 10*time.Second)
	}
	if !k.stopped && k.resume.IsZero() && now.Sub(k.lost) > every {
		k.lost = now
		go dialAny(k.leaf.groups[k.group], k.dialled)
	}
}

// mend does more and more: connects by the other port, connects anew, restarts the local server. If no port answers there is
// nothing to mend but the choice of the port.
func (k *link) mend(ctx context.Context, answers bool) {
	if !k.linked.IsZero() || k.stopped {
		return
	}
	k.tried++
	k.group = (k.group + 1) % len(k.leaf.groups)
	switch {
	case answers && k.tried%(2*len(k.leaf.groups)) == 0 && !k.saw(refusedPin) && !k.saw(refusedAuth) && !k.saw(refusedTwin):
		k.leaf.cfg.Log.Warn("a hub's port answers but there is no link: restarting the local server")
		k.restart(ctx)
	case answers || len(k.leaf.groups) > 1:
		k.recycle(ctx)
	}
}

// recycle drops the link, or the attempt at one, and connects anew.
func (k *link) recycle(ctx context.Context) {
	hubs := k.leaf.groups[k.group]
	k.redo = true
	if k.leaf.server.Load() == nil { // a restart went wrong
		k.restart(ctx)
		return
	}
	if err := k.leaf.solicit(hubs); err != nil {
		k.leaf.cfg.Log.Debug("leaf: connecting anew has to wait", "err", err)
		return
	}
	k.redo = false
}

func (k *link) restart(ctx context.Context) {
	err := k.leaf.restart(ctx, k.leaf.groups[k.group])
	if k.redo = err != nil; err != nil {
		k.leaf.closeServer()
		k.leaf.cfg.Log.Error("leaf: restart of the local server", "err", err)
	}
}

// dialAny reports whether one of the addresses takes connections.
func dialAny(hubs []*url.URL, result chan<- bool) {
	found := false
	for _, u := range hubs {
		if conn, err := net.DialTimeout("tcp", u.Host, time.Second); err == nil {
			_ = conn.Close()
			found = true
			break
		}
	}
	result <- found
}

// giveUp ends the attempts for good.
func (k *link) giveUp() {
	k.stopped = true
	k.disconnect()
}

func (k *link) disconnect() {
	if k.leaf.server.Load() == nil {
		return
	}
	if err := k.leaf.solicit(nil); err != nil && !errors.Is(err, lattice.ErrUnavailable) {
		k.leaf.cfg.Log.Warn("leaf: disconnecting", "err", err)
	}
}
