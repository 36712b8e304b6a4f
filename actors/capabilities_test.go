package actors_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

func startProbe(t testing.TB) *actor {
	t.Helper()
	wasm, err := probe()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, describe(t, slices.Clone(wasm), "wattle:probe/probe", map[string]string{"probe.wit": probeWIT}))
}

const probeWIT = `package wattle:probe@0.1.0;
interface text {
  record joined { text: string, sizes: list<u32>, longest: option<string> }
  join: func(parts: list<string>, times: u8, tail: list<u8>) -> joined;
}
world probe { export text; }
`

func TestKeyvalueWorksInAGuest(t *testing.T) {
	a := startProbe(t)
	for _, path := range []string{"/keyvalue", "/store-errors", "/goroutines", "/keyvalue"} {
		if res := a.get(path); res.body.String() != "ok" {
			t.Errorf("%s: %s; %s", path, &res.body, a.complaints())
		}
	}
}

func TestConfigReachesTheGuest(t *testing.T) {
	if res := startProbe(t).get("/config"); res.body.String() != "grün true large fallback" {
		t.Errorf("got %q", &res.body)
	}
}

func TestLogsReachTheHost(t *testing.T) {
	a := startProbe(t)
	a.get("/log")
	want := []string{"info||counted n=3", "critical|ctx|bad \uFFFD bytes", "warn|slog|attrs k=1s"}
	if !slices.Equal(a.logs, want) {
		t.Errorf("got %q", a.logs)
	}
}

func TestExportsWithValuesInMemoryWork(t *testing.T) {
	a := startProbe(t)
	join, err := a.pool.Func("wattle:probe/text@0.1.0", "join")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		parts := make([]string, i)
		sizes, longest := make([]string, i), ""
		for j := range parts {
			parts[j] = strings.Repeat("p", j)
			sizes[j], longest = fmt.Sprint(j), parts[j]
		}
		var args wit.Encoder
		args.Uint(uint64(i))
		for _, p := range parts {
			args.String(p)
		}
		args.Byte(2)
		args.Bytes(pattern(i * 10)[:min(i, 100)])
		got, err := join.Call(context.Background(), args.Buf, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := wit.Decoder{Buf: got}
		text := d.String()
		var gotSizes []string
		for range d.U32() {
			gotSizes = append(gotSizes, fmt.Sprint(d.U32()))
		}
		gotLongest := ""
		if d.Option() {
			gotLongest = d.String()
		}
		want := strings.Repeat(strings.Join(parts, "+"), 2) + string(pattern(i * 10)[:min(i, 100)])
		if err := d.Close(); err != nil || text != want || !slices.Equal(gotSizes, sizes) || gotLongest != longest {
			t.Fatalf("call %d: %v, text of %d bytes (want %d), sizes %v, longest %q", i, err, len(text), len(want), gotSizes, gotLongest)
		}
	}
	if res := a.get("/bytes/10"); res.body.Len() != 10 {
		t.Error("a request after the calls failed")
	}
}
