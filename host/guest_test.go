package host_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/wit"
)

// guests are the modules that tests start; each is made once.
var guests = map[string]func() ([]byte, error){
	"kvprobe":  made("../testdata/guests/kvprobe", "test:kvprobe/kvprobe", "../testdata/guests/kvprobe/kvprobe.wit"),
	"peer":     made("../testdata/guests/peer", "test:peer/peer", "../testdata/guests/peer/peer.wit", "../actors/hello/wit/math.wit"),
	"hello":    made("../actors/hello", "example:hello/hello", "../actors/hello/wit/hello.wit", "../actors/hello/wit/math.wit"),
	"counter":  made("../actors/counter", ""),
	"hostile":  committed("hostile"),
	"initloop": committed("initloop"),
}

func guest(t testing.TB, name string) []byte {
	t.Helper()
	return bytes.Clone(must(t, guests[name]))
}

// made builds a Go guest, and adds its world as `wattle build` does.
func made(dir, world string, witFiles ...string) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		wasm, err := compile(dir)
		if err != nil || world == "" {
			return wasm, err
		}
		return describe(wasm, world, witFiles)
	})
}

// compile builds with the stock toolchain.
func compile(dir string) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	file := filepath.Join(tmp, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-trimpath", "-o", file, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", dir, err, out)
	}
	return os.ReadFile(file)
}

// committed reads a guest that is made from text.
func committed(name string) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		const dir = "../testdata/guests/"
		wasm, err := os.ReadFile(dir + name + ".wasm")
		if err != nil {
			return nil, err
		}
		if name != "hostile" {
			return describeText(wasm, "test:guest/all", map[string]string{"ok.wit": okWIT})
		}
		text, err := os.ReadFile(dir + "guests.wit")
		if err != nil {
			return nil, err
		}
		return describeText(wasm, "test:guest/all", map[string]string{"guests.wit": string(text) + "world all { import host; export hostile; }"})
	})
}

// okWIT is all that the smaller ones export.
const okWIT = "package test:guest@1.0.0; interface hostile { ok: func() -> u32; } world all { export hostile; }"

func describe(wasm []byte, world string, witFiles []string) ([]byte, error) {
	files := map[string]string{}
	for _, name := range witFiles {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[name] = string(b)
	}
	return describeText(wasm, world, files)
}

func describeText(wasm []byte, world string, files map[string]string) ([]byte, error) {
	set, err := wit.ParseWith(wit.Contracts(), files)
	if err != nil {
		return nil, err
	}
	w, ok := set.World(world)
	if !ok {
		return nil, fmt.Errorf("no world %s", world)
	}
	return custom(wasm, "component-type:test", component.EncodeWorld(w)), nil
}

// custom adds a custom section.
func custom(wasm []byte, name string, payload []byte) []byte {
	var section, all wit.Encoder
	section.String(name)
	section.Buf = append(section.Buf, payload...)
	all.Buf = append(bytes.Clone(wasm), 0)
	all.Bytes(section.Buf)
	return all.Buf
}

// guestContract is the host's side of test:guest, which the hostile guest imports: a contract with a resource.
func guestContract() providers.Contract {
	const iface = "test:guest/host@1.0.0#"
	return providers.Contract{Name: "test:guest", Imports: func(c providers.Caller) wit.Imports {
		return wit.Imports{
			iface + "tick": func(ctx context.Context, call *wit.Call) error {
				_, err := c.Call(ctx, "", "tick", call.Args.Bytes(), nil)
				return err
			},
			iface + "wait":                 func(ctx context.Context, _ *wit.Call) error { <-ctx.Done(); return ctx.Err() },
			iface + "[constructor]counter": func(_ context.Context, call *wit.Call) error { n := call.Args.U32(); call.Give(&n); return nil },
			iface + "[method]counter.next": func(_ context.Context, call *wit.Call) error {
				n := wit.HandleOf[*uint32](call)
				*n++
				call.Result.Uint(uint64(*n))
				return nil
			},
		}
	}}
}
