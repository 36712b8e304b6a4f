package project

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoadReadsEverything(t *testing.T) {
	p, err := Load(write(t, `
name = "counter"
version = "1.2.3"
try = "/apples"
capabilities = ["wasi:http"]

[config]
greeting = "hi"

[[link]]
target = "keyvalue"
contract = "wasi:keyvalue"
name = "second"
config = { bucket = "counts" }

[limits]
memory = "32MiB"
instances = 2
call = "5s"
idle = "1m"

[build]
command = ["make"]
output = "x.wasm"
`))
	if err != nil {
		t.Fatal(err)
	}
	if want := (ParsedLimits{Memory: 32 << 20, Instances: 2, Call: 5 * time.Second, Idle: time.Minute}); p.Limits.Parsed() != want {
		t.Errorf("limits %+v, want %+v", p.Limits.Parsed(), want)
	}
	if p.Link[0].Config["bucket"] != "counts" || p.Link[0].Name != "second" || p.Config["greeting"] != "hi" || p.Recipe.Output != "x.wasm" {
		t.Errorf("%+v", p)
	}
}

func TestLoadSaysWhereAFileIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"nmae = \"x\"": `:1:1: unknown key "nmae"; did you mean "name"?`,
		"name = \"x\"\n[limits]\nmemroy = \"1MiB\"":              `:3:1: unknown key "limits.memroy"; did you mean "memory"?`,
		"name = \"x\"\nzzzzzzzz = 1":                             `the keys here are name, version`,
		"name = 1":                                               `:1:8:`,
		"name = \"X\"":                                           `cannot name an actor`,
		"name = \"x\"\n[limits]\nmemory = \"lots\"":              `limits.memory: "lots" is not a size`,
		"name = \"x\"\n[limits]\ninstances = -1":                 `limits.instances: -1`,
		"name = \"x\"\n[limits]\ncall = \"soon\"":                `limits.call: "soon" is not a duration`,
		"name = \"x\"\n[[link]]\ncontract = \"a:b\"":             `link 1: give either source or target`,
		"name = \"x\"\n[[link]]\nsource = \"a\"\ntarget = \"b\"": `link 1: give either source or target`,
		"name = \"x\"\n[[link]]\nsource = \"a\"":                 `link 1: contract is missing`,
		"":                                                       `name is missing`,
	} {
		if _, err := Load(write(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]uint64{"": 0, "65536": 65536, "512KiB": 512 << 10, "64MiB": 64 << 20, "4GiB": 4 << 30} {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"-1", "0", "1.5MiB", "MiB", "64MB", "1 MiB", "17179869184GiB", "99999999999999999999"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("%q: %d", s, got)
		}
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"name", "version", "capabilities", "link"}
	for s, want := range map[string]string{"nmae": "name", "capabilites": "capabilities", "lnik": "link", "quite-different": ""} {
		if got := Nearest(s, keys); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestABuildErrorHasWhatTheCompilerSaid(t *testing.T) {
	dir := write(t, "name = \"x\"\n[build]\ncommand = [\"sh\", \"-c\", \"echo line 7 is odd >&2; exit 3\"]\noutput = \"x.wasm\"")
	p, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Build(context.Background()); err == nil || !strings.Contains(err.Error(), "line 7 is odd") {
		t.Errorf("%v", err)
	}
	p.Recipe.Command = []string{"no-such-tool-anywhere"}
	if _, err := p.Build(context.Background()); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("%v", err)
	}
}

func TestWatchTellsOfSourceOnly(t *testing.T) {
	dir := write(t, "name = \"x\"")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := &Project{Dir: dir}
	ctx, cancel := context.WithCancel(context.Background())
	changes, ended := make(chan struct{}, 16), make(chan error, 1)
	go func() { ended <- p.Watch(ctx, func() { changes <- struct{}{} }) }()

	save := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Error(err)
		}
	}
	told := func(name string) { // writes until the watcher, which may still be starting, tells
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
			save(name)
			select {
			case <-changes:
				return
			case <-time.After(5 * quiet):
			}
		}
		t.Errorf("not told of %s", name)
	}
	told("main.go")
	told(filepath.Join("sub", "more.go"))
	for _, name := range []string{"x.wasm", ".main.go.swp", "main.go~"} {
		save(name)
	}
	select {
	case <-changes:
		t.Error("told of a file that is no source")
	case <-time.After(5 * quiet):
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
