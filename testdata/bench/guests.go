package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/wit"
)

//go:embed guests/*.wasm guests/bench.wit
var files embed.FS

// guest reads a committed guest.
func guest(name string) ([]byte, error) { return files.ReadFile("guests/" + name + ".wasm") }

// contracts are those of the guests.
func contracts() (*wit.Set, error) {
	text, err := files.ReadFile("guests/bench.wit")
	if err != nil {
		return nil, err
	}
	return wit.Parse(map[string]string{"bench.wit": string(text)})
}

// withWorld adds the description of a guest's world, for a host that does not know it.
func withWorld(wasm []byte, world string) ([]byte, error) {
	set, err := contracts()
	if err != nil {
		return nil, err
	}
	w, ok := set.World(world)
	if !ok {
		return nil, fmt.Errorf("no world %s", world)
	}
	const name = "component-type:bench"
	section := append([]byte{byte(len(name))}, name...)
	section = append(section, component.EncodeWorld(w)...)
	size := wit.Encoder{Buf: append([]byte{}, append(wasm, 0)...)} // 0: a custom section
	size.Uint(uint64(len(section)))
	return append(size.Buf, section...), nil
}

// root is the directory of the repository: the one above testdata/bench, where the program is run.
func root() (string, error) {
	dir, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "actors")); err != nil {
		return "", fmt.Errorf("run it in testdata/bench: %w", err)
	}
	return dir, nil
}

// buildGuest builds a guest in standard Go: the package in dir, relative to the module at base.
func (b *bench) buildGuest(ctx context.Context, base, dir string) ([]byte, error) {
	out := filepath.Join(b.dir, filepath.Base(dir)+".wasm")
	return buildGo(ctx, base, dir, out, "-buildmode=c-shared", "GOOS=wasip1", "GOARCH=wasm")
}

// buildGo builds a package, stripped, and reads what was made. A setting with a "=" but no "-" is for the environment.
func buildGo(ctx context.Context, base, dir, out string, settings ...string) ([]byte, error) {
	args := []string{"build", "-ldflags=-s -w", "-trimpath", "-o", out}
	env := append(os.Environ(), "CGO_ENABLED=0")
	for _, s := range settings {
		if s[0] == '-' {
			args = append(args, s)
		} else {
			env = append(env, s)
		}
	}
	cmd := exec.CommandContext(ctx, "go", append(args, dir)...)
	cmd.Dir, cmd.Env = base, env
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build %s: %w\n%s", dir, err, msg)
	}
	return os.ReadFile(out)
}

// counter builds the example actor of that name.
func (b *bench) counter(ctx context.Context) ([]byte, error) {
	base, err := root()
	if err != nil {
		return nil, err
	}
	return b.buildGuest(ctx, base, "./actors/counter")
}

// pool makes an engine and a pool of one guest in it.
func pool(ctx context.Context, wasm []byte, imports wit.Imports, limits engine.Limits) (*engine.Pool, func(), error) {
	set, err := contracts()
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(ctx, engine.Config{Contracts: set, CompileWorkers: 2})
	if err != nil {
		return nil, nil, err
	}
	stop := func() { e.Close(context.WithoutCancel(ctx)) }
	program, err := e.Load(ctx, wasm)
	if err != nil {
		stop()
		return nil, nil, err
	}
	limits.Idle = -1
	p, err := program.NewPool(engine.PoolConfig{Name: "bench", Imports: imports, Limits: limits})
	program.Release()
	if err != nil {
		stop()
		return nil, nil, err
	}
	return p, func() { p.Close(context.WithoutCancel(ctx)); stop() }, nil
}
