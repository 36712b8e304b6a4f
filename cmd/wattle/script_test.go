package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
	"github.com/wattle-io/wattle/cmd/wattle/internal/project"
	"github.com/wattle-io/wattle/lattice/bus"
)

// The scripts in testdata/script are the command's documentation by example: each is a session as a user would type it.
//
// Besides the commands of testscript they have:
//
//	waitup DIR                 waits until the lattice of a state directory is being served; $HTTP is its HTTP address, $LEAF where hosts join
//	waitfor FILE REGEXP        waits until a file has a match
//	request DIR PATH [STATUS]  asks the HTTP server of DIR and leaves the answer in the file "answer"; the status is 200 unless given
//	interrupt DIR              sends an interrupt to the process that serves DIR
//	hammer DIR PATH            keeps asking in the background until "rest"; an answer other than 200 fails the script
//	rest                       ends the hammering
//	spawn FILE COMMAND…        runs a command in the background, with its output in FILE
//	slay FILE                  kills it with SIGKILL, and waits until it is gone
//	reap FILE                  waits until it has ended, with exit code 0
//	eventually TEXT COMMAND…   runs a command again and again until what it prints has the text
//	asks DIR PATH              is request, again and again until the status is 200
//	token VAR FILE             puts what FILE has into a variable
//	expire VAR                 waits until the join token in it has expired
//	damage VAR                 changes a character of it
//	replace FILE OLD NEW       changes a text in a file
//
// The variables COUNTER and HELLO name unsigned modules built from the actors of that name, ROOT the source of Wattle.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wattle": main})
}

func TestScripts(t *testing.T) {
	modules := buildActors(t, "counter", "hello")
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("COUNTER", modules["counter"])
			e.Setenv("HELLO", modules["hello"])
			e.Setenv("ROOT", root)
			e.Values[hammerKey{}] = &hammering{}
			e.Values[spawnedKey{}] = map[string]*exec.Cmd{}
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN"} {
				e.Setenv(name, goEnv(t, name))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitup": waitUp, "waitfor": waitFor, "request": request, "interrupt": interrupt, "hammer": hammer, "rest": rest,
			"spawn": spawn, "reap": reap, "slay": slay, "token": token, "damage": damage, "eventually": untilSays, "asks": asks, "expire": expire, "replace": replace,
		},
	})
}

// buildActors builds example actors once for all scripts.
func buildActors(t *testing.T, names ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{}
	for _, name := range names {
		p, err := project.Load(filepath.Join("..", "..", "actors", name))
		if err != nil {
			t.Fatal(err)
		}
		wasm, err := p.Build(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		files[name] = filepath.Join(dir, name+".wasm")
		if err := os.WriteFile(files[name], wasm, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

const patience = 60 * time.Second

// eventually waits until done says yes.
func eventually(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("still waiting for %s", what)
		}
	}
}

func waitUp(ts *testscript.TestScript, _ bool, args []string) {
	eventually(ts, "the lattice of "+args[0], func() bool {
		r, err := running(ts, args[0])
		ts.Setenv("HTTP", r.HTTP)
		if len(r.Leaves) > 0 {
			ts.Setenv("LEAF", strings.TrimPrefix(r.Leaves[0], "tls://"))
		}
		return err == nil
	})
}

func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	re := regexp.MustCompile(args[1])
	eventually(ts, args[0]+" to have "+args[1], func() bool {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && re.Match(b)
	})
}

func running(ts *testscript.TestScript, dir string) (home.Running, error) {
	return (&home.Home{Dir: ts.MkAbs(dir)}).Running()
}

func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	r, err := running(ts, args[0])
	ts.Check(err)
	p, err := os.FindProcess(r.PID)
	ts.Check(err)
	ts.Check(p.Signal(os.Interrupt))
}

func request(ts *testscript.TestScript, neg bool, args []string) {
	r, err := running(ts, args[0])
	ts.Check(err)
	want := http.StatusOK
	if len(args) > 2 {
		want, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	status, body, err := get("http://" + r.HTTP + args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("answer"), body, 0o644))
	ts.Logf("%d %s", status, body)
	if status != want {
		ts.Fatalf("status %d, want %d", status, want)
	}
}

func get(url string) (status int, body []byte, err error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// value keeps something between the commands of one script.
func value[T any](ts *testscript.TestScript, key any) T { return ts.Value(key).(T) }

func hammer(ts *testscript.TestScript, _ bool, args []string) {
	r, err := running(ts, args[0])
	ts.Check(err)
	h := value[*hammering](ts, hammerKey{})
	h.stop, h.done = make(chan struct{}), make(chan error, 1)
	go h.run("http://" + r.HTTP + args[1])
}

type hammerKey struct{}

// hammering is requests that are made until it is stopped.
type hammering struct {
	stop chan struct{}
	done chan error
}

func (h *hammering) run(url string) {
	for n := 0; ; n++ {
		select {
		case <-h.stop:
			h.done <- nil
			return
		default:
		}
		status, body, err := get(url)
		if err != nil || status != http.StatusOK {
			h.done <- fmt.Errorf("request %d: %d %s %v", n, status, bytes.TrimSpace(body), err)
			return
		}
	}
}

func rest(ts *testscript.TestScript, _ bool, _ []string) {
	h := value[*hammering](ts, hammerKey{})
	close(h.stop)
	ts.Check(<-h.done)
}

type spawnedKey struct{}

func spawn(ts *testscript.TestScript, _ bool, args []string) {
	out, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer out.Close()
	path, err := lookPath(ts, args[1])
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), environ(ts), out, out
	ts.Check(cmd.Start())
	value[map[string]*exec.Cmd](ts, spawnedKey{})[args[0]] = cmd
	ts.Defer(func() { _ = cmd.Process.Kill() }) // ended already, unless the script failed
}

func lookPath(ts *testscript.TestScript, name string) (string, error) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no %s in PATH", name)
}

func environ(ts *testscript.TestScript) []string {
	env := os.Environ()
	for _, name := range []string{"HOME", "PATH", "XDG_STATE_HOME", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "TMPDIR"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func untilSays(ts *testscript.TestScript, _ bool, args []string) {
	path, err := lookPath(ts, args[1])
	ts.Check(err)
	eventually(ts, strings.Join(args[1:], " ")+" to say "+args[0], func() bool {
		cmd := exec.Command(path, args[2:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
		out, _ := cmd.CombinedOutput()
		return bytes.Contains(out, []byte(args[0]))
	})
}

func asks(ts *testscript.TestScript, _ bool, args []string) {
	r, err := running(ts, args[0])
	ts.Check(err)
	eventually(ts, "200", func() bool {
		status, body, err := get("http://" + r.HTTP + args[1])
		return err == nil && status == http.StatusOK && os.WriteFile(ts.MkAbs("answer"), body, 0o644) == nil
	})
}

func slay(ts *testscript.TestScript, _ bool, args []string) {
	cmd := value[map[string]*exec.Cmd](ts, spawnedKey{})[args[0]]
	ts.Check(cmd.Process.Kill())
	_ = cmd.Wait() // killed, as asked for
}

func token(ts *testscript.TestScript, _ bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], strings.TrimSpace(string(b)))
}

func expire(ts *testscript.TestScript, _ bool, args []string) {
	t, err := bus.ParseToken(ts.Getenv(args[0]))
	ts.Check(err)
	eventually(ts, "the token to expire", func() bool { return time.Now().After(t.Expires) })
}

// damage changes one character in the middle of a text.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	b := []byte(ts.Getenv(args[0]))
	if b[len(b)/2]++; b[len(b)/2] > 'z' || b[len(b)/2] == '[' || b[len(b)/2] == ':' || b[len(b)/2] == '`' || b[len(b)/2] == '.' {
		b[len(b)/2] = 'a'
	}
	ts.Setenv(args[0], string(b))
}

func reap(ts *testscript.TestScript, _ bool, args []string) {
	err := value[map[string]*exec.Cmd](ts, spawnedKey{})[args[0]].Wait()
	b, _ := os.ReadFile(ts.MkAbs(args[0]))
	ts.Logf("%s", b)
	ts.Check(err)
}

func replace(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	b, err := os.ReadFile(file)
	ts.Check(err)
	if !bytes.Contains(b, []byte(args[1])) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(file, bytes.ReplaceAll(b, []byte(args[1]), []byte(args[2])), 0o644))
}
