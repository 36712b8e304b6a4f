package engine

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/wattle-io/wattle/host/component"
)

func TestSameBytesAreOneProgram(t *testing.T) {
	e, wasm := newEngine(t, Config{}), guest(t, "basic")
	programs := make([]*Program, 8)
	var wg sync.WaitGroup
	for i := range programs {
		wg.Go(func() {
			var err error
			if programs[i], err = e.Load(context.Background(), wasm); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, p := range programs {
		if p != programs[0] {
			t.Fatal("the same bytes were compiled twice")
		}
		defer p.Release()
	}
	other := loadProgram(t, e, guest(t, "hostile"))
	if other == programs[0] || other.Hash() == programs[0].Hash() {
		t.Error("other bytes are the same program")
	}
}

func TestProgramGoesWithItsLastUser(t *testing.T) {
	e := newEngine(t, Config{})
	count := func() int { e.mu.Lock(); defer e.mu.Unlock(); return len(e.programs) }
	p, err := e.Load(context.Background(), guest(t, "basic"))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := p.NewPool(PoolConfig{Imports: (&testHost{}).imports()})
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
	if _, err := function(t, pool, "calls", "greet").Call(context.Background(), text("x"), nil, nil); err != nil || count() != 1 {
		t.Fatalf("after Release, with a pool: %v, %d programs", err, count())
	}
	closePool(t, pool)
	if count() != 0 {
		t.Errorf("%d programs are left", count())
	}
}

func TestModulesThatCannotRunAreRefused(t *testing.T) {
	e := newEngine(t, Config{})
	basic := string(guest(t, "basic"))
	for name, tt := range map[string]struct{ wasm, msg string }{
		"empty":          {"", ""},
		"junk":           {"hello, world", ""},
		"header only":    {"\x00asm", ""},
		"truncated":      {basic[:len(basic)-7], ""},
		"component":      {"\x00asm\x0d\x00\x01\x00\x0d\x00", "unknown section"},
		"unknown import": {strings.Replace(basic, "greeting", "greetung", 1), "test:guest/host@1.0.0#greetung"},
		"invalid code":   {strings.Replace(basic, "\x41\x80\x20\x24", "\x42\x80\x20\x24", 1), ""},
	} {
		_, err := e.Load(context.Background(), []byte(tt.wasm))
		if !errors.Is(err, ErrInvalidModule) || !strings.Contains(err.Error(), tt.msg) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := e.Load(context.Background(), []byte(strings.Replace(basic, "greeting", "greetung", 1)))
	if !errors.Is(err, component.ErrUnknownImport) {
		t.Errorf("the cause is lost: %v", err)
	}
	if len(e.programs) != 0 {
		t.Error("a refused module is kept")
	}
}

func TestUnknownHostFunctionIsRefusedAtLoad(t *testing.T) {
	wasm := strings.Replace(string(guest(t, "hostile")), "proc_exit", "proc_exot", 1)
	if _, err := newEngine(t, Config{}).Load(context.Background(), []byte(wasm)); !errors.Is(err, ErrInvalidModule) ||
		!strings.Contains(err.Error(), "wasi_snapshot_preview1#proc_exot") {
		t.Errorf("got %v", err)
	}
}

func TestCompiledCodeIsKeptOnDisk(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		e, err := New(context.Background(), Config{CacheDir: dir, Contracts: testContracts(t)})
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Load(context.Background(), guest(t, "basic"))
		if err != nil {
			t.Fatal(err)
		}
		pool, err := p.NewPool(PoolConfig{Imports: (&testHost{}).imports()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := function(t, pool, "calls", "greet").Call(context.Background(), text("x"), nil, nil); err != nil {
			t.Fatal(err)
		}
		closePool(t, pool)
		p.Release()
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestClosedEngineRefusesModules(t *testing.T) {
	e := newEngine(t, Config{})
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(context.Background(), guest(t, "basic")); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestInterpreterRunsTheSamePrograms(t *testing.T) {
	e := newEngine(t, Config{Interpreter: true})
	pool := newPool(t, e, "hostile", &testHost{}, Limits{})
	checkAlive(t, pool)
	for name, kind := range map[string]error{"unreachable": ErrTrap, "many-handles": ErrHandles, "bad-utf8": ErrTrap, "exit": ErrTrap} {
		var a []byte
		if name == "exit" {
			a = u32(1)
		}
		if _, err := function(t, pool, "hostile", name).Call(context.Background(), a, nil, nil); !errors.Is(err, kind) {
			t.Errorf("%s: got %v", name, err)
		}
		checkAlive(t, pool)
	}
	for _, name := range []string{"recurse", "ping", "indirect"} {
		if _, err := function(t, pool, "hostile", name).Call(context.Background(), u32(0), nil, nil); !errors.Is(err, ErrStack) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
