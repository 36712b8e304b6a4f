package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// EnrollConfig says how hosts join.
type EnrollConfig struct {
	// TTL is how long a host's credential counts; 30 days unless given. Hosts renew it at half of that.
	TTL time.Duration
	// OnJoin is told of each host that joined. It must return soon.
	OnJoin func(Member)
	// Log takes joins and refusals; discarded unless given.
	Log *slog.Logger
}

// Enrollment answers hosts that want to join, that want their credential renewed, or that want to know whether the hub is there.
type Enrollment struct {
	hub     *Hub
	cfg     EnrollConfig
	nc      *nats.Conn
	used    *Bucket
	members *Bucket
	revoked *Bucket
	watch   *Watcher // of revoked
	work    chan *nats.Msg
	stop    chan struct{}
	done    chan struct{}
}

const (
	defaultHostTTL = 30 * 24 * time.Hour
	usedBucket     = "tokens"
	// usedFor is longer than any token counts, so none can be used again after its mark is gone.
	usedFor = MaxTokenTTL + politeFor + 24*time.Hour
	// enrollQueue bounds what waits; what comes beyond is dropped, and asked again.
	enrollQueue = 1024
)

// ServeEnroll makes the hub take in hosts, until Close. In a cluster any of the hubs may do it, or all.
func (h *Hub) ServeEnroll(ctx context.Context, cfg EnrollConfig) (*Enrollment, error) {
	if cfg.TTL == 0 {
		cfg.TTL = defaultHostTTL
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnJoin == nil {
		cfg.OnJoin = func(Member) {}
	}
	u, err := h.Identity().User(RoleService, "enroll", 0)
	if err != nil {
		return nil, err
	}
	nc, err := h.Connect(u)
	if err != nil {
		return nil, err
	}
	e := &Enrollment{hub: h, cfg: cfg, nc: nc, work: make(chan *nats.Msg, enrollQueue), stop: make(chan struct{}), done: make(chan struct{})}
	if err := e.open(ctx); err != nil {
		if e.watch != nil {
			e.watch.Close()
		}
		nc.Close()
		return nil, err
	}
	go e.run()
	return e, nil
}

func (e *Enrollment) open(ctx context.Context) (err error) {
	if e.used, err = OpenBucket(ctx, e.nc, BucketConfig{Name: usedBucket, MaxValue: 1 << 10, MaxBytes: 64 << 20, TTL: usedFor}); err != nil {
		return err
	}
	if e.members, err = OpenMembers(ctx, e.nc); err != nil {
		return err
	}
	if e.revoked, err = OpenBucket(ctx, e.nc, BucketConfig{Name: revokedBucket, MaxValue: 1 << 10, MaxBytes: 64 << 20}); err != nil {
		return err
	}
	if e.watch, err = e.revoked.Watch(ctx, e.cfg.Log, e.followRevocations); err != nil {
		return err
	}
	// A queue, so that of several hubs one answers. The subject ends in ">": NATS does not announce a wider "*" to a leaf that
	// may publish less.
	if _, err = e.nc.ChanQueueSubscribe(enrollPrefix+">", "enroll", e.work); err != nil {
		return fmt.Errorf("bus: enrolment: %w", err)
	}
	return e.nc.FlushWithContext(ctx)
}

// Close ends it, and waits for the answer that is under way.
func (e *Enrollment) Close() {
	close(e.stop)
	<-e.done
	e.watch.Close()
	e.nc.Close()
}

func (e *Enrollment) run() {
	defer close(e.done)
	for {
		select {
		case <-e.stop:
			return
		case m := <-e.work:
			e.answer(m)
		}
	}
}

func (e *Enrollment) answer(m *nats.Msg) {
	who, ok := strings.CutPrefix(m.Subject, enrollPrefix)
	if !ok || !lattice.IsHostID(who) || m.Reply == "" {
		return // a message that took another way than its subject says
	}
	ctx, cancel := bounded(context.Background())
	defer cancel()
	r, err := e.handle(ctx, who, m.Data)
	if err != nil {
		r = refusalOf(err)
		e.cfg.Log.Warn("enrolment: refused", "user", who, "err", err)
	}
	r.Now = time.Now().Unix()
	b, err := json.Marshal(r)
	if err == nil {
		err = m.Respond(b)
	}
	if err != nil {
		e.cfg.Log.Warn("enrolment: answer", "user", who, "err", err)
	}
}

func refusalOf(err error) enrollReply {
	var e *lattice.Error
	if !errors.As(err, &e) || e.Kind == lattice.ErrInternal {
		return enrollReply{Kind: lattice.ErrInternal.Error(), Msg: "the hub could not do it; its log says why"}
	}
	return enrollReply{Kind: e.Kind.Error(), Msg: e.Msg, Hint: e.Hint}
}

func (e *Enrollment) handle(ctx context.Context, who string, b []byte) (enrollReply, error) {
	q, err := readEnrollRequest(b)
	if err != nil {
		return enrollReply{}, err
	}
	switch q.Op {
	case opPing:
		return enrollReply{}, nil
	case opJoin:
		return e.join(ctx, who, q)
	case opRenew:
		return e.renew(ctx, who)
	}
	return enrollReply{}, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("the enrolment cannot %.20q", q.Op)}
}

// join takes in a host, once for each token.
func (e *Enrollment) join(ctx context.Context, tokenID string, q enrollRequest) (enrollReply, error) {
	id := e.hub.Identity()
	name, inv, err := checkToken(id, tokenID, q.Token)
	if err != nil {
		return enrollReply{}, err
	}
	if err := checkProof(tokenID, id.id, q); err != nil {
		return enrollReply{}, err
	}
	if err := e.spend(ctx, tokenID, q.Host); err != nil {
		return enrollReply{}, err
	}
	m := Member{ID: q.Host, Name: name, Labels: inv.labels, Joined: time.Now().UTC().Truncate(time.Second)}
	signed, err := e.admit(ctx, id, &m)
	if err != nil {
		return enrollReply{}, err
	}
	e.cfg.Log.Info("a host has joined", "host", m.ID, "name", m.Name, "labels", m.Labels)
	e.cfg.OnJoin(m)
	return enrollReply{JWT: signed, Lattice: id.name, Name: m.Name, Labels: m.Labels, Hubs: e.hub.LeafURLs()}, nil
}

// checkToken reads the token's credential: a proof that whoever asks has its key is that the message came on the subject of its
// user.
func checkToken(id *Identity, tokenID, signed string) (string, invitation, error) {
	c, err := verifyClaims(signed, id.roles[RoleEnroll])
	if err != nil && id.retiring[RoleEnroll] != nil {
		c, err = verifyClaims(signed, id.retiring[RoleEnroll])
	}
	if err != nil {
		return "", invitation{}, err
	}
	if c.Subject != tokenID {
		return "", invitation{}, &lattice.Error{Kind: lattice.ErrDenied, Msg: "this is another one's token"}
	}
	inv, err := c.invitation()
	if err != nil {
		return "", invitation{}, err
	}
	if now := time.Now(); !now.Before(inv.until) {
		return "", invitation{}, &lattice.Error{Kind: lattice.ErrDenied, Msg: "the join token has expired at " + inv.until.UTC().Format(time.RFC3339),
			Hint: "make another one with \"wattle join-token\""}
	}
	return c.Name, inv, nil
}

func checkProof(tokenID, latticeID string, q enrollRequest) error {
	key, err := nkeys.FromPublicKey(q.Host)
	if err != nil || !lattice.IsHostID(q.Host) || !nkeys.IsValidPublicUserKey(q.Host) || q.Host == tokenID {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no key of a host", q.Host)}
	}
	if key.Verify(joinProof(tokenID, latticeID, q.Host), q.Proof) != nil {
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: "the host has not proven that it has its key"}
	}
	return nil
}

// spend marks the token as used. Of two who try at once, one succeeds.
func (e *Enrollment) spend(ctx context.Context, tokenID, host string) error {
	_, err := e.used.Create(ctx, tokenID, []byte(host))
	if errors.Is(err, lattice.ErrConflict) {
		return &lattice.Error{Kind: lattice.ErrConflict, Msg: "the join token was used already",
			Hint: "make another one with \"wattle join-token\""}
	}
	return err
}

// renew gives a member another credential. Whoever was removed is no member.
func (e *Enrollment) renew(ctx context.Context, host string) (enrollReply, error) {
	m, err := GetMember(ctx, e.members, host)
	if errors.Is(err, lattice.ErrNotFound) {
		return enrollReply{}, &lattice.Error{Kind: lattice.ErrDenied, Msg: "this host did not join with a token, or was removed",
			Hint: "join again with a new token"}
	}
	if err != nil {
		return enrollReply{}, err
	}
	signed, err := e.admit(ctx, e.hub.Identity(), &m)
	return enrollReply{JWT: signed}, err
}

// admit signs a credential for the member and takes it down.
func (e *Enrollment) admit(ctx context.Context, id *Identity, m *Member) (string, error) {
	signed, err := id.credential(m.ID, RoleHost, m.Name, e.cfg.TTL)
	if err != nil {
		return "", err
	}
	m.Expires = time.Now().Add(e.cfg.TTL).UTC().Truncate(time.Second)
	return signed, putMember(ctx, e.members, *m)
}

// Members is the hosts that have joined, in no order.
func (e *Enrollment) Members(ctx context.Context) ([]Member, error) {
	return ListMembers(ctx, e.members)
}

// Remove ends a host's membership: its credential is revoked, its link ends at once, and it cannot come back without a new token.
// ErrNotFound if it is no member.
func (e *Enrollment) Remove(ctx context.Context, host string) error {
	if _, err := GetMember(ctx, e.members, host); err != nil && !errors.Is(err, lattice.ErrInternal) {
		return err
	}
	if _, err := e.members.Delete(ctx, host, 0); err != nil { // first, so that the host cannot renew in between
		return err
	}
	return e.Revoke(ctx, host)
}
