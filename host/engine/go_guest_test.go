package engine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattle-io/wattle/wit"
)

var buildGoGuest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "goguest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "goguest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-trimpath", "-o", out, "./"+guestDir+"/goguest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(msg))
	}
	return os.ReadFile(out)
})

func goGuest(t testing.TB) []byte {
	t.Helper()
	b, err := buildGoGuest()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGoGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a Go guest")
	}
	var stdout, stderr bytes.Buffer
	ctx, h := context.Background(), &testHost{}
	p := loadProgram(t, newEngine(t, Config{CompileWorkers: 2}), goGuest(t))
	pool, err := p.NewPool(PoolConfig{Name: "goguest", Imports: h.imports(), Stdout: &stdout, Stderr: &stderr, Env: []string{"NAME=wattle"},
		Limits: Limits{Idle: -1, Instances: 1, Memory: 48 << 20, Call: 20 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	defer closePool(t, pool)
	work := function(t, pool, "calls", "work")
	for i := range 1000 {
		out, err := work.Call(ctx, args(func(e *wit.Encoder) { e.Bytes(bytes.Repeat([]byte{1}, i)) }), nil, nil)
		if err != nil || !bytes.Equal(out, u32(uint64(i))) {
			t.Fatalf("work %d: %v, %v", i, out, err)
		}
	}
	big := args(func(e *wit.Encoder) { e.Bytes(bytes.Repeat([]byte("0123456789abcdef"), 1<<15)) })
	for range 20 {
		if out, err := function(t, pool, "calls", "blob").Call(ctx, big, nil, nil); err != nil || !bytes.Equal(out, big) {
			t.Fatalf("blob: %d bytes, %v", len(out), err)
		}
	}
	checkAlive(t, pool)
	if stdout.String() != "ok at true wattle\n" || stderr.String() != "goguest is initialized\n" {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
	hostileGo(t, pool)
}

// hostileGo checks that a Go guest that misbehaves fails its own call only.
func hostileGo(t *testing.T, pool *Pool) {
	for _, tt := range []struct {
		name string
		args []byte
		kind error
	}{
		{"spin", nil, ErrDeadline},
		{"wait", nil, ErrDeadline},
		{"exhaust", nil, ErrTrap}, // Go's runtime ends with "out of memory"
		{"recurse", u32(0), ErrStack},
		{"exit", u32(7), ErrTrap},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		if tt.kind == ErrDeadline {
			ctx, cancel = context.WithTimeout(context.Background(), 100*time.Millisecond)
		}
		_, err := function(t, pool, "hostile", tt.name).Call(ctx, tt.args, nil, nil)
		cancel()
		if !errors.Is(err, tt.kind) {
			t.Errorf("%s: got %.300v", tt.name, err)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: a message of several lines: %q", tt.name, err)
		}
		checkAlive(t, pool)
	}
}

// BenchmarkGoGuest measures the stock toolchain's guest: a call, and making an instance.
func BenchmarkGoGuest(b *testing.B) {
	p := loadProgram(b, newEngine(b, Config{CompileWorkers: 2}), goGuest(b))
	pool, err := p.NewPool(PoolConfig{Imports: (&testHost{}).imports(), Limits: Limits{Idle: -1}})
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close(context.Background())
	b.Run("call", func(b *testing.B) {
		work, a, out := function(b, pool, "calls", "work"), args(func(e *wit.Encoder) { e.Bytes(make([]byte, 16)) }), make([]byte, 0, 16)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := work.Call(context.Background(), a, nil, out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("instantiate", func(b *testing.B) {
		for b.Loop() {
			in, err := pool.instantiate(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			in.close()
		}
	})
}
