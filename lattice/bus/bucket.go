package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/lattice"
)

// Bucket is a JetStream key-value bucket of the hub that holds small records of the lattice: links, placements. It keeps the
// last value of each key, for ever; a delete leaves a marker, so that absence is never taken for one. It reads without stream or
// consumer rights (direct gets and republished updates), so that every host may. Its methods may be called from any goroutine.
type Bucket struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	name string
}

// Record is the last value of a key, or its marker of deletion.
type Record struct {
	Key      string
	Value    []byte // nil if deleted
	Revision uint64 // of the bucket, when the record was written; from 1
	Deleted  bool
}

// BucketConfig says how a bucket is made.
type BucketConfig struct {
	Name     string // A-Z, a-z, 0-9, - and _
	MaxValue int32  // bytes of one value
	MaxBytes int64  // of all; a write beyond is ErrLimit
	// TTL is after how long a record is forgotten, without a marker; never unless given.
	TTL time.Duration
}

// clusterReplicas is how many hubs of a cluster hold each record.
const clusterReplicas = 3

// OpenBucket makes the bucket if there is none and returns it. Only RoleService has the right to. On a cluster of hubs it waits
// until that is ready, or the context ends.
func OpenBucket(ctx context.Context, nc *nats.Conn, cfg BucketConfig) (*Bucket, error) {
	b, err := UseBucket(nc, cfg.Name)
	if err != nil {
		return nil, err
	}
	kv := jetstream.KeyValueConfig{
		Bucket: cfg.Name, MaxValueSize: cfg.MaxValue, MaxBytes: cfg.MaxBytes, History: 1, Storage: jetstream.FileStorage, TTL: cfg.TTL,
		RePublish: &jetstream.RePublish{Source: "$KV." + cfg.Name + ".>", Destination: "kvup." + cfg.Name + ".>"},
	}
	if nc.ConnectedClusterName() != "" {
		kv.Replicas = clusterReplicas
	}
	if err := b.make(ctx, kv); err != nil {
		return nil, b.fail("open", "", err)
	}
	return b, nil
}

// make waits for a cluster of hubs to come together: until it has a leader and enough of them are there, nothing can be made.
func (b *Bucket) make(ctx context.Context, kv jetstream.KeyValueConfig) error {
	for retry := retryFirst; ; retry = min(2*retry, time.Second) {
		attempt, cancel := context.WithTimeout(ctx, requestTimeout)
		_, err := b.js.CreateOrUpdateKeyValue(attempt, kv)
		cancel()
		if err == nil || kv.Replicas == 0 || ctx.Err() != nil || !comingUp(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retry):
		}
	}
}

// comingUp reports whether a cluster's refusal may be due to hubs that are not there yet.
func comingUp(err error) bool {
	const noPeers, notAvailable, noMeta = 10005, 10008, 10074
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode == noPeers || api.ErrorCode == notAvailable || api.ErrorCode == noMeta
	}
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
}

// UseBucket is a bucket that somebody else made.
func UseBucket(nc *nats.Conn, name string) (*Bucket, error) {
	js, err := jetstream.NewWithDomain(nc, Domain)
	if err != nil {
		return nil, fmt.Errorf("bus: bucket %s: %w", name, err)
	}
	return &Bucket{nc: nc, js: js, name: name}, nil
}

// Put writes the value and returns its revision. With a revision other than 0 it writes only if that is still the revision of the
// key: ErrConflict otherwise.
func (b *Bucket) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.write(ctx, "put", &nats.Msg{Subject: b.subject(key), Data: value}, key, revision)
}

// Create writes the value if the key never had one, nor a marker: ErrConflict otherwise.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.publish(ctx, "create", &nats.Msg{Subject: b.subject(key), Data: value}, key, jetstream.WithExpectLastSequencePerSubject(0))
}

// Delete marks the key as deleted if its revision is still the given one (or whatever it is, with 0), and returns the revision
// of the marker.
func (b *Bucket) Delete(ctx context.Context, key string, revision uint64) (uint64, error) {
	marker := &nats.Msg{Subject: b.subject(key), Header: nats.Header{opHeader: {"DEL"}}}
	return b.write(ctx, "delete", marker, key, revision)
}

const opHeader = "KV-Operation" // DEL and PURGE are markers of deletion

func (b *Bucket) subject(key string) string { return APIPrefix + "$KV." + b.name + "." + key }

func (b *Bucket) write(ctx context.Context, verb string, m *nats.Msg, key string, revision uint64) (uint64, error) {
	if revision == 0 {
		return b.publish(ctx, verb, m, key)
	}
	return b.publish(ctx, verb, m, key, jetstream.WithExpectLastSequencePerSubject(revision))
}

func (b *Bucket) publish(ctx context.Context, verb string, m *nats.Msg, key string, opts ...jetstream.PublishOpt) (uint64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	ack, err := b.js.PublishMsg(ctx, m, opts...)
	if err != nil {
		return 0, b.fail(verb, key, err)
	}
	return ack.Sequence, nil
}

// Get reads the last value of the key. ErrNotFound if it has none or was deleted.
func (b *Bucket) Get(ctx context.Context, key string) (Record, error) {
	if err := checkKey(key); err != nil {
		return Record{}, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	m, err := b.nc.RequestWithContext(ctx, APIPrefix+"DIRECT.GET.KV_"+b.name+".$KV."+b.name+"."+key, nil)
	if err != nil {
		return Record{}, b.fail("get", key, err)
	}
	r, ok := b.record(m, m.Header.Get(jetstream.SubjectHeader), "$KV.")
	if !ok || r.Deleted {
		return Record{}, b.fail("get", key, jetstream.ErrKeyNotFound)
	}
	return r, nil
}

// Load reads all records, markers included, in the order of their revisions.
func (b *Bucket) Load(ctx context.Context) ([]Record, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	inbox := b.nc.NewInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, b.fail("load", "", err)
	}
	defer sub.Unsubscribe()
	var all []Record
	for from := uint64(1); from != 0; {
		if err := b.ask(inbox, from); err != nil {
			return nil, b.fail("load", "", err)
		}
		if all, from, err = b.page(ctx, sub, all); err != nil {
			return nil, b.fail("load", "", err)
		}
	}
	return all, nil
}

// ask asks for the next records from a revision on. With one value a key, these are the last ones.
func (b *Bucket) ask(inbox string, from uint64) error {
	q, err := json.Marshal(struct {
		Seq   uint64 `json:"seq"`
		Next  string `json:"next_by_subj"`
		Batch int    `json:"batch"`
		Bytes int    `json:"max_bytes"`
	}{from, "$KV." + b.name + ".>", 512, 8 << 20})
	if err != nil {
		return err
	}
	return b.nc.PublishRequest(APIPrefix+"DIRECT.GET.KV_"+b.name, inbox, q)
}

// page collects one batch and returns from where the next one starts, 0 if there is none.
func (b *Bucket) page(ctx context.Context, sub *nats.Subscription, all []Record) (_ []Record, next uint64, err error) {
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, 0, err
		}
		switch m.Header.Get("Status") {
		case "":
			if r, ok := b.record(m, m.Header.Get(jetstream.SubjectHeader), "$KV."); ok {
				all, next = append(all, r), r.Revision+1
			}
		case "404": // nothing from there on
			return all, 0, nil
		case "204": // end of batch
			if left, err := strconv.ParseUint(m.Header.Get("Nats-Num-Pending"), 10, 64); err != nil || left == 0 || next == 0 {
				return all, 0, err
			}
			return all, next, nil
		case "503":
			return nil, 0, nats.ErrNoResponders
		default:
			return nil, 0, fmt.Errorf("answer %s %s", m.Header.Get("Status"), m.Header.Get("Description"))
		}
	}
}

// record reads a message of the bucket. Its subject must be the bucket's: whoever may create a consumer can have any message
// delivered anywhere.
func (b *Bucket) record(m *nats.Msg, subject, prefix string) (Record, bool) {
	key, ok := strings.CutPrefix(subject, prefix+b.name+".")
	rev, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if !ok || err != nil || rev == 0 || checkKey(key) != nil {
		return Record{}, false
	}
	r := Record{Key: key, Revision: rev}
	switch m.Header.Get(opHeader) {
	case "DEL", "PURGE":
		r.Deleted = true
	default:
		r.Value = m.Data
	}
	return r, true
}

// checkKey: tokens of A-Z a-z 0-9 - _ / = joined by dots, at most 255 bytes.
func checkKey(key string) error {
	bad := &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q cannot be a key", key)}
	if len(key) == 0 || len(key) > 255 || key[0] == '.' || key[len(key)-1] == '.' || strings.Contains(key, "..") {
		return bad
	}
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_/=.", c) >= 0:
		default:
			return bad
		}
	}
	return nil
}

// requestTimeout bounds each request: a stream whose disk failed does not answer at all, nor does one that this user has no
// right to.
const requestTimeout = 5 * time.Second

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, requestTimeout)
}

func (b *Bucket) fail(verb, key string, err error) error {
	what := strings.TrimSpace(verb + " " + key)
	e := &lattice.Error{Kind: lattice.ErrInternal, Msg: fmt.Sprintf("bucket %s: %s: %v", b.name, what, err), Err: err}
	var api *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		e.Kind, e.Msg = lattice.ErrNotFound, fmt.Sprintf("bucket %s has no %s", b.name, key)
	case errors.As(err, &api):
		b.explain(e, api, key)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse):
		e.Kind, e.Hint = lattice.ErrUnavailable, "the hub is away, or has no such bucket"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		e.Kind, e.Hint = lattice.ErrUnavailable, "the hub does not answer; is its disk full, or has this user no right to it?"
	case errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrReconnectBufExceeded):
		e.Kind = lattice.ErrUnavailable
	}
	return e
}

// explain gives the hub's refusal its kind.
func (b *Bucket) explain(e *lattice.Error, api *jetstream.APIError, key string) {
	const wrongLast, noResources, storeFailed, maxBytes, tooBig = 10071, 10023, 10077, 10047, 10054
	switch api.ErrorCode {
	case wrongLast:
		e.Kind, e.Msg, e.Hint = lattice.ErrConflict, fmt.Sprintf("somebody else changed %s in the meantime", key), "read it again and decide anew"
	case noResources, storeFailed, maxBytes, tooBig:
		e.Kind, e.Hint = lattice.ErrLimit, "free disk space, or store less"
	case jetstream.JSErrCodeStreamNotFound, jetstream.JSErrCodeJetStreamNotEnabled:
		e.Kind = lattice.ErrUnavailable
	}
}
