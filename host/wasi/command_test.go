package wasi_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/wit"
)

// command runs the component that testdata/build.sh makes: a C program of WASI preview 1 behind the standard adapter.
func command(t *testing.T, cfg wasi.Config) (status int) {
	t.Helper()
	wasm, err := os.ReadFile("testdata/command.component.wasm")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(t.Context(), engine.Config{Contracts: wit.Contracts()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	program, err := e.Load(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := program.NewPool(engine.PoolConfig{Name: "command", Imports: wasi.Imports(cfg)})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close(t.Context())
	run, err := pool.Func("wasi:cli/run", "run")
	if err != nil {
		t.Fatal(err)
	}
	status, err = wasi.Run(t.Context(), run.Call)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func TestACommandOfAForeignToolchainUsesFiles(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "inside")
	for _, err := range []error{os.Mkdir(dir, 0o700), os.Mkdir(filepath.Join(top, "outside"), 0o700), os.Symlink("../outside", filepath.Join(dir, "up")),
		os.WriteFile(filepath.Join(top, "outside", "secret"), nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var out, errs bytes.Buffer
	status := command(t, wasi.Config{Stdin: strings.NewReader("typed"), Stdout: &out, Stderr: &errs, Args: []string{"prog", "3"},
		Env: [][2]string{{"COLOR", "blue"}}, Preopens: []wasi.Preopen{{Path: "/data", Root: root, Write: true}}})
	want := `prog 2 blue
stdin: typed
time: ok
create: ok
write: ok
seek: ok
append: ok
read: ok
stat: ok
truncate: ok
mkdir: ok
rename: ok
link: ok
symlink: ok
entries of /data/sub: 3
unlink: ok
rmdir of a full directory: Directory not empty
rmdir: ok
entries of /data: 1
/data/../outside/secret: refused
/data/up/secret: refused
/etc/passwd: refused
/data/sub/../../outside/secret: refused
`
	if out.String() != want || errs.String() != "done\n" {
		t.Errorf("got\n%s%s\nwant\n%s", &out, &errs, want)
	}
	if status != 1 { // the adapter knows success and failure only
		t.Errorf("status %d", status)
	}
}

func TestACommandWithoutGrantsSeesNoFiles(t *testing.T) {
	var out bytes.Buffer
	command(t, wasi.Config{Stdout: &out, Args: []string{"prog"}})
	if text := out.String(); !strings.Contains(text, "stdin: nothing\n") || strings.Contains(text, "create: ok") || strings.Contains(text, "OPEN") {
		t.Errorf("got\n%s", text)
	}
}
