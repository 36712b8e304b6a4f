package actors_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

func TestCounterCounts(t *testing.T) {
	a := start(t, build(t, "./counter"))
	for i := range 100 {
		if res := a.get("/apples"); res.status != 200 || res.body.String() != fmt.Sprintf("{\"name\":\"apples\",\"count\":%d}\n", i+1) {
			t.Fatalf("request %d: %d %s", i, res.status, &res.body)
		}
	}
	res := a.get("/")
	if res.body.String() != "{\"name\":\"default\",\"count\":1}\n" || res.get("Content-Type") != "application/json" {
		t.Errorf("got %s", &res.body)
	}
}

func TestHelloGreets(t *testing.T) {
	wasm := build(t, "./hello")
	if len(wasm) > 3_000_000 {
		t.Errorf("hello has %d bytes, more than 3 MB", len(wasm))
	}
	a := start(t, describe(t, wasm, "example:hello/hello", witFiles(t, "hello/wit")))
	if res := a.get("/Ada"); res.body.String() != "Hello, Ada!\n" {
		t.Errorf("got %q", &res.body)
	}
	for _, c := range []struct{ iface, name, args, want string }{
		{"example:math/calc@0.1.0", "add", "[2, 40]", "42"},
		{"example:math/calc@0.1.0", "add", "[2147483647, 1]", "-2147483648"},
		{"example:hello/greeter@0.1.0", "greet", `["Ada"]`, `"Hello, Ada!"`},
		{"example:hello/greeter@0.1.0", "greet", `[""]`, `"Hello, stranger!"`},
	} {
		if got := a.callJSON(c.iface, c.name, c.args); got != c.want {
			t.Errorf("%s%s is %s, want %s", c.name, c.args, got, c.want)
		}
	}
}

// callJSON calls a function as `wattle call` does.
func (a *actor) callJSON(iface, name, args string) string {
	a.t.Helper()
	f, err := a.pool.Func(iface, name)
	if err != nil {
		a.t.Fatal(err)
	}
	in, err := wit.EncodeJSON(f.Type().Params, []byte(args))
	if err != nil {
		a.t.Fatal(err)
	}
	out, err := f.Call(context.Background(), in, nil, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := wit.DecodeJSON(f.Type().Result, out)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

func witFiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.wit"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no .wit files in %s: %v", dir, err)
	}
	files := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}

func TestActorsImportOnlyWhatTheyUse(t *testing.T) {
	for _, c := range []struct {
		dir  string
		want []string
	}{
		{"./hello", []string{"wasi:http/types", "wasi:io/error", "wasi:io/streams"}},
		{"./counter", []string{"wasi:http/types", "wasi:io/error", "wasi:io/streams", "wasi:keyvalue/atomics", "wasi:keyvalue/store"}},
	} {
		mod, err := wasmmod.Decode(build(t, c.dir))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range mod.Imports {
			if name, _, _ := strings.Cut(i.Module, "@"); strings.HasPrefix(name, "wasi:") {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, c.want) {
			t.Errorf("%s imports %v, want %v", c.dir, got, c.want)
		}
	}
}

func BenchmarkCounter(b *testing.B) {
	a := start(b, build(b, "./counter"))
	b.ReportAllocs()
	for b.Loop() {
		a.get("/apples")
	}
}

func BenchmarkHello(b *testing.B) {
	wasm := describe(b, build(b, "./hello"), "example:hello/hello", witFiles(b, "hello/wit"))
	a := start(b, wasm)
	b.ReportAllocs()
	for b.Loop() {
		a.get("/Ada")
	}
}
