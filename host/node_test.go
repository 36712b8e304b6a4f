// Package host_test runs whole hosts: a real hub with JetStream, real Wasm guests made by the stock Go toolchain, signed with claims.
package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/wattle-io/wattle/host"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/standard"
	"github.com/wattle-io/wattle/wit"
)

// sharedDir is where all hosts of this test binary keep compiled code, because compiling a Go guest takes seconds.
var sharedDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wattle-host")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sharedDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// node is a host in a lattice of its own.
type node struct {
	*host.Host
	t       testing.TB
	lattice *latticetest.Lattice
	conn    *nats.Conn
	modules *control.Modules
	issuer  nkeys.KeyPair
	cfg     host.Config
	calls   lattice.Invoker // of the provider "caller"
	records *recorder       // the host's own log
	lines   *actorLog       // the actors' logs
}

// newNode starts a host with all standard providers and one, "caller", that calls actors for the test. It is closed when the test ends, which
// fails if a goroutine is left.
func newNode(t testing.TB) *node {
	t.Helper()
	n := &node{t: t, lattice: latticetest.Hub(t), issuer: account(t), records: &recorder{}, lines: &actorLog{}}
	n.conn = n.lattice.Conn(bus.RoleService)
	id, err := must(t, nkeys.CreateUser).PublicKey()
	fatal(t, err)
	trust, err := envelope.TrustOf(n.lattice.Identity)
	fatal(t, err)
	n.cfg = host.Config{
		Lattice: envelope.Fixed(trust), Signer: n.lattice.User(bus.RoleAdmin),
		ID: id, Name: "test", Dir: sharedDir, NATS: n.conn, Trust: claims.Roots{public(t, n.issuer): "tester"},
		Drivers: append(standard.Drivers(), n.callerDriver()), Contracts: append(standard.Contracts(), guestContract()),
		Settings: map[string]map[string]string{"httpserver": {"addr": "127.0.0.1:0"}},
		Log:      slog.New(slog.NewTextHandler(n.records, nil)), Logs: n.lines.add, Listen: net.Listen,
	}
	n.modules, err = control.OpenModules(t.Context(), n.conn)
	fatal(t, err)
	n.open()
	t.Cleanup(n.shut)
	return n
}

func (n *node) open() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), compileTime)
	defer cancel()
	h, err := host.New(ctx, n.cfg)
	fatal(n.t, err)
	n.Host = h
}

func (n *node) shut() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), latticetest.Patience)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		n.t.Errorf("close the host: %v", err)
	}
}

// restart closes the host and opens another in its place.
func (n *node) restart() {
	n.t.Helper()
	n.shut()
	n.open()
}

// callerDriver is a provider that calls actors for the test: the way of anything outside into one.
func (n *node) callerDriver() providers.Driver {
	return providers.Driver{Name: "caller", Doc: "calls actors for a test", Calls: []string{"test:kvprobe", "test:peer", "test:guest", "example:math", "example:hello"},
		New: func(env providers.Env) (providers.Provider, error) {
			n.calls = env.Actors
			return caller{}, nil
		}}
}

type caller struct{}

func (caller) Invoke(context.Context, lattice.Invocation) (lattice.Reply, error) {
	return lattice.Reply{}, lattice.ErrUnsupported
}
func (caller) Link(context.Context, lattice.Link) error   { return nil }
func (caller) Unlink(context.Context, lattice.Link) error { return nil }
func (caller) Close() error                               { return nil }

// signed says what to start.
type signed struct {
	guest   string // of buildGuest
	name    string // the guest's unless given
	version string
	wasm    []byte // instead of the guest's
	grants  []claims.Grant
	caps    []string // "*": all that there are
	expires time.Time
	issuer  nkeys.KeyPair // the node's unless given
	limits  control.Limits
	config  map[string]string
	replace bool
}

// allCaps are the capabilities that the test guests import.
func allCaps() []string {
	return []string{"wasi:http", "wasi:keyvalue", "test:peer", "test:guest", "example:math"}
}

// sign makes the signed module.
func (n *node) sign(s signed) []byte {
	n.t.Helper()
	if s.wasm == nil {
		s.wasm = guest(n.t, s.guest)
	}
	if s.name == "" {
		s.name = s.guest
	}
	if s.issuer == nil {
		s.issuer = n.issuer
	}
	if s.caps == nil && s.grants == nil {
		s.caps = allCaps()
	}
	for _, c := range s.caps {
		s.grants = append(s.grants, claims.Grant{Cap: c})
	}
	b, err := claims.Sign(s.issuer, claims.Module{Name: s.name, Version: s.version, Grants: s.grants, Expires: s.expires}, s.wasm)
	fatal(n.t, err)
	return b
}

// tryRun signs, uploads and starts.
func (n *node) tryRun(s signed) (control.ActorInfo, error) {
	n.t.Helper()
	return n.tryStart(n.sign(s), s)
}

func (n *node) tryStart(module []byte, s signed) (control.ActorInfo, error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), compileTime)
	defer cancel()
	return n.tryStartWithin(ctx, module, s)
}

// compileTime is how long the compilation of a Go guest may take on a busy machine, with the race detector.
const compileTime = 3 * time.Minute

func (n *node) tryStartWithin(ctx context.Context, module []byte, s signed) (control.ActorInfo, error) {
	n.t.Helper()
	hash, err := n.modules.Put(n.t.Context(), module, nil)
	fatal(n.t, err)
	return n.Start(ctx, control.StartRequest{Hash: hash, Limits: s.limits, Config: s.config, Replace: s.replace})
}

// run is tryRun for what must start. It gives the actor's id.
func (n *node) run(s signed) string {
	n.t.Helper()
	info, err := n.tryRun(s)
	fatal(n.t, err)
	return info.ID
}

// link puts a link.
func (n *node) link(source, target, contract, name string, config ...string) {
	n.t.Helper()
	l := lattice.Link{Source: source, Target: target, Contract: contract, Name: name, Config: map[string]string{}}
	for i := 0; i < len(config); i += 2 {
		l.Config[config[i]] = config[i+1]
	}
	_, err := n.PutLink(latticetest.Context(n.t), l)
	fatal(n.t, err)
}

// peer starts a peer that the caller is linked to, and gives its id. The link has the actor's name.
func (n *node) peer(name string, limits control.Limits) string {
	n.t.Helper()
	id := n.run(signed{guest: "peer", name: name, limits: limits})
	n.link("caller", name, "test:peer", name)
	return id
}

// invoke calls an actor over the caller's link of that name.
func (n *node) invoke(ctx context.Context, link, op string, encode func(e *wit.Encoder)) (*wit.Decoder, error) {
	var e wit.Encoder
	if encode != nil {
		encode(&e)
	}
	r, err := n.calls.Invoke(ctx, lattice.Invocation{Source: "caller", Contract: lattice.ContractOf(op), Link: link, Op: op, Payload: e.Buf})
	return &wit.Decoder{Buf: r.Payload}, err
}

// command has a peer run a command.
func (n *node) command(ctx context.Context, peer, command, argument string) (string, error) {
	d, err := n.invoke(ctx, peer, "test:peer/relay@1.0.0#run", func(e *wit.Encoder) {
		e.String(command)
		e.String(argument)
	})
	if err != nil {
		return "", err
	}
	s := d.String()
	return s, d.Close()
}

// do is command for what must work.
func (n *node) do(peer, command, argument string) string {
	n.t.Helper()
	s, err := n.command(latticetest.Context(n.t), peer, command, argument)
	if err != nil {
		n.t.Fatalf("%s %s %s: %v", peer, command, argument, err)
	}
	return s
}

func (n *node) want(peer, command, argument, want string) {
	n.t.Helper()
	if got := n.do(peer, command, argument); got != want {
		n.t.Errorf("%s: %s %s = %q, want %q", peer, command, argument, got, want)
	}
}

// inventory is what runs.
func (n *node) inventory() control.Inventory {
	n.t.Helper()
	inv, err := n.Inventory(n.t.Context())
	fatal(n.t, err)
	return inv
}

func (n *node) info(name string) control.ActorInfo {
	n.t.Helper()
	list := n.inventory().Actors
	i := slices.IndexFunc(list, func(a control.ActorInfo) bool { return a.Name == name })
	if i < 0 {
		n.t.Fatalf("%s does not run", name)
	}
	return list[i]
}

func (n *node) http() string {
	return "http://" + n.Provider("httpserver").(providers.Describer).Describe()["address"]
}

// recorder takes the host's log.
type recorder struct {
	mu   sync.Mutex // guards text
	text []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, b...)
	return len(b), nil
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.text)
}

// actorLog takes what actors log.
type actorLog struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (l *actorLog) add(r control.LogRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%s %s %q %v", r.Name, r.Level, r.Message, r.Attrs))
}

// take gives the lines since the last time.
func (l *actorLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.lines = nil }()
	return l.lines
}

func account(t testing.TB) nkeys.KeyPair { return must(t, nkeys.CreateAccount) }

func public(t testing.TB, k nkeys.KeyPair) string {
	t.Helper()
	return must(t, k.PublicKey)
}

func must[T any](t testing.TB, f func() (T, error)) T {
	t.Helper()
	v, err := f()
	fatal(t, err)
	return v
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
