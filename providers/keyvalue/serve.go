package keyvalue

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/wit"
)

// Backend keeps buckets.
type Backend interface {
	// Check refuses a link whose config it cannot serve. It does not block.
	Check(link lattice.Link) error
	// Open gives the bucket of that id, made on first use as the config of the link asks. The id is unique among all that the backend
	// keeps and has 1 to 128 of A-Z, a-z, 0-9, "_" and "-"; label says for people what it is. A Store that is an io.Closer is closed when
	// nothing needs it any more; that does not delete data.
	Open(ctx context.Context, id, label string, link lattice.Link) (Store, error)
	// Close ends what the backend runs. No Store of it is used any more.
	Close() error
}

// maxBuckets is how many buckets can be opened through one link, since each costs the backend something.
const maxBuckets = 64

// Provider serves the flat operations from a backend: it is the providers.Provider of every backend.
type Provider struct {
	backend Backend

	running sync.RWMutex // held for reading by each Invoke, so that Close can wait for them
	closed  bool         // guarded by running

	mu    sync.Mutex // guards changes of links; taken before a served.mu
	links atomic.Pointer[map[lattice.LinkKey]*served]
}

// served is a link with the buckets that were opened through it.
type served struct {
	link lattice.Link

	mu     sync.RWMutex // guards stores, over
	stores map[string]Store
	over   bool // the link is gone
}

// Serve makes a provider of a backend.
func Serve(b Backend) *Provider {
	p := &Provider{backend: b}
	p.links.Store(&map[lattice.LinkKey]*served{})
	return p
}

// Link makes a link usable. If its config fixes the bucket, that is opened at once, so that a config which the bucket cannot have is
// refused here; that the store cannot be reached now is no reason to refuse a link.
func (p *Provider) Link(ctx context.Context, link lattice.Link) error {
	if _, _, err := BucketOf(link, "x"); err != nil {
		return err
	}
	if err := p.backend.Check(link); err != nil {
		return err
	}
	s := &served{link: link, stores: map[string]Store{}}
	if link.Config["bucket"] != "" {
		if _, err := p.store(ctx, s, []byte(link.Config["bucket"])); refusesLink(err) {
			return err
		}
	}
	p.replace(link.Key(), s)
	return nil
}

func refusesLink(err error) bool {
	if err == nil {
		return false
	}
	kind := lattice.KindOf(err)
	return kind == lattice.ErrInvalid || kind == lattice.ErrConflict
}

// Unlink ends a link. The data of its buckets stays.
func (p *Provider) Unlink(_ context.Context, link lattice.Link) error {
	p.replace(link.Key(), nil)
	return nil
}

// replace puts s in the place of what serves the link, or nothing if s is nil.
func (p *Provider) replace(key lattice.LinkKey, s *served) {
	p.mu.Lock()
	old := *p.links.Load()
	next := make(map[lattice.LinkKey]*served, len(old)+1)
	for k, v := range old {
		next[k] = v
	}
	delete(next, key)
	if s != nil {
		next[key] = s
	}
	p.links.Store(&next)
	p.mu.Unlock()
	if gone := old[key]; gone != nil {
		gone.close()
	}
}

// Close waits for the running operations and closes the backend.
func (p *Provider) Close() error {
	p.running.Lock()
	defer p.running.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	for _, s := range *p.links.Swap(&map[lattice.LinkKey]*served{}) {
		s.close()
	}
	return p.backend.Close()
}

// Invoke does one flat operation; see the Op constants.
func (p *Provider) Invoke(ctx context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	p.running.RLock()
	defer p.running.RUnlock()
	if p.closed {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrUnavailable, Msg: "the key-value provider is closed"}
	}
	s := (*p.links.Load())[lattice.LinkKey{Source: inv.Source, Contract: inv.Contract, Name: inv.Link}]
	if s == nil {
		return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrNoLink,
			Msg: fmt.Sprintf("%s has no link %q for %s to this provider", inv.Source, inv.Link, inv.Contract)}
	}
	d := wit.Decoder{Buf: inv.Payload}
	name := d.RawString()
	if d.Err() != nil {
		return lattice.Reply{}, malformed(d.Err())
	}
	store, err := p.store(ctx, s, name)
	if err != nil {
		return lattice.Reply{}, err
	}
	e := wit.Encoder{Buf: inv.Out}
	if err := serve(ctx, store, inv.Op, &d, &e); err != nil {
		return lattice.Reply{}, err
	}
	return lattice.Reply{Payload: e.Buf}, nil
}

// store is the bucket that a name means under a link, opened if need be.
func (p *Provider) store(ctx context.Context, s *served, name []byte) (Store, error) {
	s.mu.RLock()
	store := s.stores[string(name)]
	n := len(s.stores)
	s.mu.RUnlock()
	if store != nil {
		return store, nil
	}
	if n >= maxBuckets {
		return nil, &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("%d buckets are open through link %q", n, s.link.Name),
			Hint: "use fewer bucket names, and put what varies into the keys"}
	}
	id, label, err := BucketOf(s.link, string(name))
	if err != nil {
		return nil, err
	}
	// Not under the lock: a backend that cannot be reached now must not stop the other buckets.
	store, err = p.backend.Open(ctx, id, label, s.link)
	if err != nil {
		return nil, err
	}
	return s.keep(string(name), store), nil
}

// keep remembers an opened bucket, unless somebody else was faster.
func (s *served) keep(name string, store Store) Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.stores[name]; other != nil {
		release(store)
		return other
	}
	if s.over { // in use for this call only
		release(store)
		return store
	}
	s.stores[name] = store
	return store
}

func (s *served) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for _, store := range s.stores {
		release(store)
	}
	clear(s.stores)
}

func release(s Store) {
	if c, ok := s.(io.Closer); ok {
		c.Close() // has no error that anybody could act on: the data is elsewhere
	}
}

func malformed(err error) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "arguments of a key-value operation: " + err.Error(), Err: err}
}
