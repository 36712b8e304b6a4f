package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/wit"
)

// instances is how many idle instances the memory of one is measured with.
const instances = 200

// footprint is what instances take, in bytes each.
type footprint struct {
	RSS    float64 // resident memory of the process
	Heap   float64 // of that, Go's heap
	Linear float64 // address space of linear memory, much of it never touched
}

// benchMemory measures idle instances, each guest in a process of its own, so that nothing else is in its memory.
func benchMemory(ctx context.Context, b *bench) ([]table, error) {
	counter, err := b.counter(ctx)
	if err != nil {
		return nil, err
	}
	small, err := guest("http")
	if err != nil {
		return nil, err
	}
	t := table{title: "Idle instances", note: fmt.Sprintf("%d instances that have each served a request, after a garbage collection.", instances),
		head: []string{"guest", "RSS", "Go heap", "linear memory"}}
	for _, c := range []struct {
		title string
		wasm  []byte
		limit float64 // KB
	}{{"small", small, 50}, {"Go", counter, 3000}} {
		file := filepath.Join(b.dir, "memory.wasm")
		if err := os.WriteFile(file, c.wasm, 0o600); err != nil {
			return nil, err
		}
		f, err := spawnMemory(ctx, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.title, err)
		}
		t.add(c.title, kilobytes(f.RSS), kilobytes(f.Heap), kilobytes(f.Linear))
		t.goals = append(t.goals, atMost(c.title+": RSS", f.RSS/1000, c.limit, "%.0f KB"))
	}
	return []table{t}, nil
}

func kilobytes(b float64) string { return fmt.Sprintf("%.0f KB", b/1000) }

// spawnMemory runs measureMemory in a child process.
func spawnMemory(ctx context.Context, file string) (f footprint, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	cmd := exec.CommandContext(ctx, self, "-child", file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(out, &f)
}

// measureMemory makes the instances of a guest, an HTTP actor, and prints their footprint.
func measureMemory(ctx context.Context, file string, out io.Writer) error {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	imports := wasi.Imports(wasi.Config{})
	for name, f := range keyvalue.Contract().Imports(nobody{}) {
		imports[name] = f
	}
	all := &meeting{left: instances, met: make(chan struct{})}
	hold(imports, all)
	e, err := engine.New(ctx, engine.Config{Contracts: wit.Contracts(), CompileWorkers: 2})
	if err != nil {
		return err
	}
	defer e.Close(ctx)
	program, err := e.Load(ctx, wasm)
	if err != nil {
		return err
	}
	defer program.Release()
	pool, err := program.NewPool(engine.PoolConfig{Name: "memory", Imports: imports, Limits: engine.Limits{Instances: instances, Idle: -1}})
	if err != nil {
		return err
	}
	defer pool.Close(ctx)
	before, err := usage()
	if err != nil {
		return err
	}
	if err := serveAll(ctx, pool); err != nil {
		return err
	}
	after, err := usage()
	if err != nil {
		return err
	}
	s := pool.Stats()
	if s.Instances != instances {
		return fmt.Errorf("%d instances, want %d", s.Instances, instances)
	}
	return json.NewEncoder(out).Encode(footprint{(after.RSS - before.RSS) / instances, (after.Heap - before.Heap) / instances, float64(s.Memory) / instances})
}

// meeting lets nobody go on before all are there.
type meeting struct {
	mu   sync.Mutex // guards left
	left int
	met  chan struct{}
}

func (m *meeting) arrive(ctx context.Context) error {
	m.mu.Lock()
	if m.left--; m.left == 0 {
		close(m.met)
	}
	m.mu.Unlock()
	select {
	case <-m.met:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hold makes each request wait for the others when it makes its response: so each has an instance of its own.
func hold(imports wit.Imports, all *meeting) {
	const name = "wasi:http/types@0.2.0#[constructor]outgoing-response"
	respond := imports[name]
	imports[name] = func(ctx context.Context, c *wit.Call) error {
		if err := all.arrive(ctx); err != nil {
			return err
		}
		return respond(ctx, c)
	}
}

// serveAll serves a request in each instance at the same time.
func serveAll(ctx context.Context, pool *engine.Pool) error {
	handle, err := pool.Func("wasi:http/incoming-handler", "handle")
	if err != nil {
		return err
	}
	errs := make([]error, instances)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			errs[i] = wasi.ServeHTTP(ctx, handle.Call, wasi.Request{Method: "GET", Scheme: "http", Authority: "bench", PathWithQuery: "/apples"}, nowhere{}, wasi.HTTPLimits{})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// nobody is a store that there is no link to: the actor answers with an error.
type nobody struct{}

func (nobody) Call(context.Context, string, string, []byte, []byte) ([]byte, error) {
	return nil, errors.New("no link")
}
func (nobody) HasLink(string) bool { return false }

// nowhere takes a response.
type nowhere struct{}

func (nowhere) Head(int, []wasi.HeaderField) error { return nil }
func (nowhere) Write(p []byte) (int, error)        { return len(p), nil }
func (nowhere) Flush() error                       { return nil }

// usage is the memory of this process, without what is garbage.
func usage() (footprint, error) {
	for range 3 { // finalizers need more than one
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	rss, err := resident(os.Getpid())
	return footprint{RSS: rss, Heap: float64(m.HeapAlloc)}, err
}

// resident is the memory of a process in RAM, in bytes.
func resident(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(l, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("the process has no VmRSS")
}

// settle waits until a measure changes by less than one percent in a second, at most for limit.
func settle(ctx context.Context, limit time.Duration, measure func() (float64, error)) (float64, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, err := measure()
	for end := time.Now().Add(limit); err == nil && time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		var now float64
		now, err = measure()
		if now > last*0.99 && now < last*1.01 {
			return now, err
		}
		last = now
	}
	return last, err
}
