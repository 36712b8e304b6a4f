package control

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// Hosts have no right to read the hub's store. They ask for pieces of a module, on blob.<sha256>.<offset>.<length>: small ones, so that a
// module on its way does not hold up the calls on a thin link. The answer is the piece, with the size of the whole in the header
// Wattle-Size; or an empty message with Wattle-Error.
const (
	blobPrefix  = "blob."
	sizeHeader  = "Wattle-Size"
	errorHeader = "Wattle-Error"

	blobQueue   = 1024
	blobWorkers = 4
	// keepModules is for how long a module is kept in memory after the last piece was asked for, keepBytes how much.
	keepModules = 30 * time.Second
	keepBytes   = 2 * MaxModule
)

// ModuleServer gives modules to the hosts that ask.
type ModuleServer struct {
	modules *Modules
	log     *slog.Logger
	sub     *nats.Subscription
	work    chan *nats.Msg
	ctx     context.Context
	end     context.CancelFunc
	wg      sync.WaitGroup

	mu   sync.Mutex
	kept map[string]*keptModule // guarded by mu: by hash
}

// keptModule is a module in memory, or on its way there.
type keptModule struct {
	used  time.Time // guarded by ModuleServer.mu
	ready chan struct{}
	wasm  []byte // these two are there when ready is closed
	err   error
}

// ServeModules answers until Close. nc needs the rights of bus.RoleService.
func ServeModules(nc *nats.Conn, m *Modules, log *slog.Logger) (*ModuleServer, error) {
	s := &ModuleServer{modules: m, log: log, work: make(chan *nats.Msg, blobQueue), kept: make(map[string]*keptModule)}
	s.ctx, s.end = context.WithCancel(context.Background())
	var err error
	if s.sub, err = nc.ChanQueueSubscribe(blobPrefix+">", "blob", s.work); err != nil {
		s.end()
		return nil, fmt.Errorf("control: serve modules: %w", err)
	}
	for range blobWorkers {
		s.wg.Go(s.run)
	}
	s.wg.Go(s.forget)
	return s, nc.FlushTimeout(beatTimeout)
}

// Close ends it.
func (s *ModuleServer) Close() {
	_ = s.sub.Unsubscribe() // fails only if the connection is gone, and the subscription with it
	s.end()
	s.wg.Wait()
}

func (s *ModuleServer) run() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case m := <-s.work:
			s.answer(m)
		}
	}
}

func (s *ModuleServer) answer(m *nats.Msg) {
	piece, size, err := s.piece(m.Subject)
	reply := &nats.Msg{Subject: m.Reply, Data: piece, Header: nats.Header{sizeHeader: {strconv.Itoa(size)}}}
	if err != nil {
		s.log.Debug("control: no piece of a module", "err", err)
		e := toWire(err)
		reply.Header = nats.Header{errorHeader: {e.Kind + ": " + oneLine(e.Msg)}}
	}
	if m.Reply == "" {
		return
	}
	if err := m.RespondMsg(reply); err != nil {
		s.log.Debug("control: cannot answer", "err", err)
	}
}

// oneLine makes a text fit into a header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (s *ModuleServer) piece(subject string) (piece []byte, size int, err error) {
	hash, offset, length, err := parseBlob(subject)
	if err != nil {
		return nil, 0, err
	}
	k, first := s.find(hash)
	if first {
		k.wasm, k.err = s.modules.Fetch(s.ctx, hash)
		close(k.ready)
	}
	select {
	case <-k.ready:
	case <-s.ctx.Done():
		return nil, 0, s.ctx.Err()
	}
	if k.err != nil {
		s.drop(hash, k)
		return nil, 0, k.err
	}
	if offset > len(k.wasm) {
		return nil, 0, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("module %s has no byte %d", hash, offset)}
	}
	return k.wasm[offset:min(offset+length, len(k.wasm))], len(k.wasm), nil
}

// find is the module in memory; if first, the caller has to fetch it.
func (s *ModuleServer) find(hash string) (_ *keptModule, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[hash]
	if first = k == nil; first {
		k = &keptModule{ready: make(chan struct{})}
		s.kept[hash] = k
	}
	k.used = time.Now()
	return k, first
}

func (s *ModuleServer) drop(hash string, k *keptModule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[hash] == k {
		delete(s.kept, hash)
	}
}

// forget frees the memory of modules that nobody asks for any more, and of the oldest when there are too many bytes.
func (s *ModuleServer) forget() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.sweep(now)
		}
	}
}

func (s *ModuleServer) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for hash, k := range s.kept {
		select {
		case <-k.ready:
		default:
			continue // on its way
		}
		if total += len(k.wasm); now.Sub(k.used) > keepModules || total > keepBytes {
			delete(s.kept, hash)
		}
	}
}

// parseBlob reads the subject of a question. A consumer of a stream may have brought it under any subject.
func parseBlob(subject string) (hash string, offset, length int, err error) {
	rest, ok := strings.CutPrefix(subject, blobPrefix)
	part := strings.Split(rest, ".")
	if !ok || len(part) != 3 || !isModuleHash(part[0]) {
		return "", 0, 0, badBlob(subject)
	}
	offset, err = strconv.Atoi(part[1])
	if err == nil {
		length, err = strconv.Atoi(part[2])
	}
	if err != nil || offset < 0 || offset > MaxModule || length < 1 || length > moduleChunk {
		return "", 0, 0, badBlob(subject)
	}
	return part[0], offset, length, nil
}

func badBlob(subject string) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.150q asks for no piece of a module", subject)}
}

func isModuleHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(s) == moduleHashText && hex.EncodeToString(b) == s
}
