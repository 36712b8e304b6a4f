// Package actors_test runs the example actors, and a probe of the whole SDK, as guests: built by the stock toolchain,
// loaded by the engine, with WASI from package host/wasi.
package actors_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/wit"
)

// compile builds an actor with the stock toolchain.
func compile(dir string) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "actor")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	file := filepath.Join(tmp, "actor.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-trimpath", "-o", file, dir)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", dir, err, out)
	}
	return os.ReadFile(file)
}

func build(t testing.TB, dir string) []byte {
	t.Helper()
	b, err := compile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// describe appends a world as a component-type section, as `wattle build` does.
func describe(t testing.TB, wasm []byte, world string, files map[string]string) []byte {
	t.Helper()
	set, err := wit.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	w, ok := set.World(world)
	if !ok {
		t.Fatalf("no world %s", world)
	}
	name := "component-type:" + world
	payload := append(append(leb(len(name)), name...), component.EncodeWorld(w)...)
	return append(append(append(wasm, 0), leb(len(payload))...), payload...)
}

func leb(n int) []byte {
	var e wit.Encoder
	e.Uint(uint64(n))
	return e.Buf
}

// actor is an actor in a pool of its own.
type actor struct {
	t      testing.TB
	pool   *engine.Pool
	handle *engine.Func
	store  store
	mu     sync.Mutex // guards the rest
	logs   []string
	stderr bytes.Buffer
}

// engines gives all tests one engine, because compiling a Go guest takes seconds. Programs stay loaded until the end.
var engines = sync.OnceValues(func() (*engine.Engine, error) {
	return engine.New(context.Background(), engine.Config{Contracts: wit.Contracts()})
})

func TestMain(m *testing.M) {
	code := m.Run()
	if e, err := engines(); err == nil {
		err = e.Close(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, "close engine:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// maxHandles is how many handles a guest may have open: few, so that a leak shows.
const maxHandles = 32

// start runs a module with one instance, so that requests share its memory. The cleanup checks that no handle is left open.
func start(t testing.TB, wasm []byte) *actor {
	t.Helper()
	e, err := engines()
	if err != nil {
		t.Fatal(err)
	}
	program, err := e.Load(context.Background(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	a := &actor{t: t}
	a.pool, err = program.NewPool(engine.PoolConfig{Name: t.Name(), Imports: a.imports(), Stderr: a,
		Limits: engine.Limits{Instances: 1, Handles: maxHandles}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.stop)
	if a.handle, err = a.pool.Func("wasi:http/incoming-handler", "handle"); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *actor) stop() {
	if n := a.store.handles(); n != 0 {
		a.t.Errorf("%d handles of buckets are left open", n)
	}
	if err := a.pool.Close(context.Background()); err != nil {
		a.t.Error(err)
	}
}

func (a *actor) imports() wit.Imports {
	config := map[string]string{"color": "grün", "size": "large"}
	all := wasi.Imports(wasi.Config{Stderr: a,
		Log: func(level wasi.Level, context, message string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.logs = append(a.logs, fmt.Sprintf("%v|%s|%s", level, context, message))
		},
		Config:    func(key string) (string, bool) { v, ok := config[key]; return v, ok },
		ConfigAll: func() []wasi.KV { return []wasi.KV{{Key: "color", Value: "grün"}, {Key: "size", Value: "large"}} },
	})
	for name, f := range a.store.imports() {
		all[name] = f
	}
	return all
}

// Write takes the guest's standard error.
func (a *actor) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stderr.Write(p)
}

// complaints is what the guest wrote to standard error since the last time.
func (a *actor) complaints() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.stderr.Reset()
	return a.stderr.String()
}

// response is what a guest answered.
type response struct {
	status  int
	header  []wasi.HeaderField
	body    bytes.Buffer
	flushes int
	onWrite func()
}

func (r *response) Head(status int, header []wasi.HeaderField) error {
	r.status, r.header = status, header
	return nil
}

func (r *response) Write(p []byte) (int, error) {
	n, err := r.body.Write(p)
	if r.onWrite != nil {
		r.onWrite()
	}
	return n, err
}

func (r *response) Flush() error {
	r.flushes++
	return nil
}

func (r *response) get(name string) string {
	var vs []string
	for _, f := range r.header {
		if strings.EqualFold(f.Name, name) {
			vs = append(vs, string(f.Value))
		}
	}
	return strings.Join(vs, ",")
}

// do sends a request.
func (a *actor) do(req wasi.Request) (*response, error) {
	res := &response{}
	return res, a.send(req, res)
}

func (a *actor) send(req wasi.Request, res *response) error {
	if req.Method == "" {
		req.Method = "GET"
	}
	req.Scheme, req.Authority = "http", "example.org:8080"
	return wasi.ServeHTTP(context.Background(), a.handle.Call, req, res, wasi.HTTPLimits{Fields: 2000, FieldBytes: 1 << 20})
}

// get sends a GET that must be answered.
func (a *actor) get(path string) *response {
	a.t.Helper()
	res, err := a.do(wasi.Request{PathWithQuery: path})
	if err != nil {
		a.t.Fatalf("GET %s: %v; stderr: %s", path, err, a.complaints())
	}
	return res
}

// pattern is n bytes in which no place looks like another nearby.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

var _ io.Writer = (*actor)(nil)
