package wasi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// What the contracts declare and this package leaves to others.
var elsewhere = []string{"wasi:http/incoming-handler", "wasi:cli/run", "wasi:keyvalue/"}

func TestEveryFunctionOfTheContractsIsImplemented(t *testing.T) {
	imports := Imports(Config{})
	for _, iface := range wit.Contracts().Interfaces() {
		left := func(prefix string) bool { return strings.HasPrefix(iface.Name, prefix) }
		if !strings.HasPrefix(iface.Name, "wasi:") || slices.ContainsFunc(elsewhere, left) {
			continue
		}
		for _, f := range iface.Funcs {
			if imports[wit.CanonicalName(iface.Name, f.Name)] == nil {
				t.Errorf("%s#%s is missing", iface.Name, f.Name)
			}
		}
	}
}

func TestWallClockTellsConfiguredTime(t *testing.T) {
	g := newGuest(t, Config{Now: func() time.Time { return time.Unix(12, 345) }})
	same(t, "now", g.call("wasi:clocks/wall-clock#now"), list(12, 345))
	same(t, "resolution", g.call("wasi:clocks/wall-clock#resolution"), list(0, 1))
}

func TestWallClockBefore1970IsZero(t *testing.T) {
	g := newGuest(t, Config{Now: func() time.Time { return time.Unix(-5, 0) }})
	same(t, "now", g.call("wasi:clocks/wall-clock#now"), list(0, 0))
}

func TestMonotonicClockStartsAtZero(t *testing.T) {
	now := time.Unix(1000, 0)
	g := newGuest(t, Config{Now: func() time.Time { return now }})
	same(t, "now", g.call("wasi:clocks/monotonic-clock#now"), 0)
	now = now.Add(3 * time.Second)
	same(t, "now", g.call("wasi:clocks/monotonic-clock#now"), int(3*time.Second))
}

func TestRandomBytesComeFromTheSource(t *testing.T) {
	g := newGuest(t, Config{Rand: strings.NewReader("abcdefgh12345678ABCDEFGH")})
	same(t, "bytes", g.call("wasi:random/random#get-random-bytes", 8), []byte("abcdefgh"))
	same(t, "number", g.call("wasi:random/insecure#get-insecure-random-u64"), 0x3837363534333231)
	_, err := g.try("wasi:random/insecure-seed#insecure-seed")
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Fatalf("an exhausted source gave %v", err)
	}
}

func TestRandomBytesAreBounded(t *testing.T) {
	g := newGuest(t, Config{})
	if got := g.call("wasi:random/random#get-random-bytes", maxRandom).([]byte); len(got) != maxRandom {
		t.Fatalf("%d bytes", len(got))
	}
	for _, n := range []int{maxRandom + 1, -1} {
		if _, err := g.try("wasi:random/insecure#get-insecure-random-bytes", n); !errors.Is(err, ErrMisuse) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestEnvironmentAndArguments(t *testing.T) {
	g := newGuest(t, Config{Env: [][2]string{{"A", "1"}, {"B", "\xff"}}, Args: []string{"prog", "x"}})
	same(t, "environment", g.call("wasi:cli/environment#get-environment"), list(list("A", "1"), list("B", "\uFFFD")))
	same(t, "arguments", g.call("wasi:cli/environment#get-arguments"), list("prog", "x"))
	same(t, "cwd", g.call("wasi:cli/environment#initial-cwd"), nil)
	same(t, "terminal", g.call("wasi:cli/terminal-stdout#get-terminal-stdout"), nil)
}

func TestExitEndsTheGuestWithItsStatus(t *testing.T) {
	g := newGuest(t, Config{})
	for status, want := range map[any]int{ok{}: 0, fail{}: 1} {
		_, err := g.try("wasi:cli/exit#exit", status)
		var e *ExitError
		if !errors.As(err, &e) || e.Code != want {
			t.Errorf("exit(%v): %v", status, err)
		}
	}
}

func TestTerminalsAndDirectoryAreThoseOfTheConfig(t *testing.T) {
	g := newGuest(t, Config{Dir: "/data", Terminals: Terminals{Stdin: true, Stderr: true}})
	same(t, "directory", g.call("wasi:cli/environment#initial-cwd"), some{"/data"})
	for name, want := range map[string]bool{"stdin": true, "stdout": false, "stderr": true} {
		_, is := g.call("wasi:cli/terminal-" + name + "#get-terminal-" + name).(some)
		same(t, name, is, want)
	}
}

func TestRunGivesTheExitStatus(t *testing.T) {
	broken := errors.New("trap")
	for _, c := range []struct {
		out    []byte
		err    error
		status int
		want   error
	}{
		{[]byte{0}, nil, 0, nil},
		{[]byte{1}, nil, 1, nil},
		{nil, fmt.Errorf("call: %w", &ExitError{7}), 7, nil},
		{nil, &ExitError{}, 0, nil},
		{nil, broken, 0, broken},
		{[]byte{2}, nil, 0, wit.ErrEncoding},
	} {
		status, err := Run(t.Context(), func(context.Context, []byte, []any, []byte) ([]byte, error) { return c.out, c.err })
		if c.want == nil && (status != c.status || err != nil) || !errors.Is(err, c.want) {
			t.Errorf("%v, %v: %d, %v", c.out, c.err, status, err)
		}
	}
}

func TestStandardStreams(t *testing.T) {
	var out, errs bytes.Buffer
	g := newGuest(t, Config{Stdin: strings.NewReader("typed"), Stdout: &out, Stderr: &errs})
	same(t, "stdin", g.readAll(g.open("wasi:cli/stdin#get-stdin")), "typed")
	g.get("streams#[method]output-stream.blocking-write-and-flush", g.open("wasi:cli/stdout#get-stdout"), []byte("o"))
	g.get("streams#[method]output-stream.blocking-write-and-flush", g.open("wasi:cli/stderr#get-stderr"), []byte("e"))
	same(t, "output", out.String()+errs.String(), "oe")
}

func TestLogReachesSlogWithLevelAndContext(t *testing.T) {
	var b bytes.Buffer
	h := slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug - 4, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	g := newGuest(t, Config{Log: SlogLog(slog.New(h))})
	for _, l := range []string{"trace", "debug", "info", "warn", "error", "critical"} {
		g.call("wasi:logging/logging#log", variant{name: l}, "", "m")
	}
	g.call("wasi:logging/logging#log", variant{name: "info"}, "where", "m")
	want := "level=DEBUG-4 msg=m\nlevel=DEBUG msg=m\nlevel=INFO msg=m\nlevel=WARN msg=m\nlevel=ERROR msg=m\nlevel=ERROR+4 msg=m\n" +
		"level=INFO msg=m context=where\n"
	same(t, "log", b.String(), want)
}

func TestLogCutsWhatIsTooLong(t *testing.T) {
	var got string
	g := newGuest(t, Config{Log: func(_ Level, _, m string) { got = m }})
	g.call("wasi:logging/logging#log", variant{name: "info"}, "", strings.Repeat("é", maxLogMessage/2)+"xyz")
	if want := "… (3 bytes cut)"; !strings.HasSuffix(got, want) || len(got) != maxLogMessage+len(want) {
		t.Fatalf("%d bytes that end in %q", len(got), got[len(got)-20:])
	}
}

func TestConfigIsReadAtEachCall(t *testing.T) {
	values := map[string]string{"a": "1"}
	g := newGuest(t, Config{
		Config:    func(k string) (string, bool) { v, ok := values[k]; return v, ok },
		ConfigAll: func() []KV { return []KV{{"a", values["a"]}} },
	})
	same(t, "get", g.call("wasi:config/store#get", "a"), ok{some{"1"}})
	values["a"] = "2"
	same(t, "get", g.call("wasi:config/store#get", "a"), ok{some{"2"}})
	same(t, "get", g.call("wasi:config/store#get", "b"), ok{nil})
	same(t, "get-all", g.call("wasi:config/store#get-all"), ok{list(list("a", "2"))})
}
