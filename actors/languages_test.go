package actors_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/host/wasmmod"
)

// committed are the actors of other languages whose .wasm files are committed, because those languages' tools are not everywhere.
var committed = []string{"as", "c", "rust"}

// languages are all of them. JavaScript makes a component of 13 MB: it runs where it was built.
var languages = append([]string{"js"}, committed...)

// maxCommitted bounds the size of a committed actor, in bytes.
const maxCommitted = 100 << 10

func language(t testing.TB, lang string) []byte {
	t.Helper()
	wasm, err := os.ReadFile(filepath.Join("hello-"+lang, "hello.wasm"))
	if lang == "js" && errors.Is(err, fs.ErrNotExist) {
		t.Skip("hello-js is not built; see its README")
	}
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func each(t *testing.T, languages []string, f func(t *testing.T, wasm []byte)) {
	for _, lang := range languages {
		t.Run(lang, func(t *testing.T) { f(t, language(t, lang)) })
	}
}

func TestActorsInEveryLanguageCount(t *testing.T) {
	each(t, languages, func(t *testing.T, wasm []byte) {
		a := start(t, wasm)
		for _, c := range []struct{ path, want string }{
			{"/apples", `{"name":"apples","count":1}`},
			{"/apples", `{"name":"apples","count":2}`},
			{"/pears?x=/1", `{"name":"pears","count":1}`},
			{"//apples/", `{"name":"apples","count":3}`},
			{"/", `{"name":"default","count":1}`},
			{"", `{"name":"default","count":2}`},
			{"/?q", `{"name":"default","count":3}`},
			{"/red/apples", `{"name":"red/apples","count":1}`},
			{"/a%20b", `{"name":"a%20b","count":1}`},
			{`/"\`, `{"name":"\"\\","count":1}`},
			{"/grün", `{"name":"grün","count":1}`},
			{"/" + strings.Repeat("long", 2000), `{"name":"` + strings.Repeat("long", 2000) + `","count":1}`},
		} {
			res := a.get(c.path)
			if res.status != 200 || res.body.String() != c.want+"\n" || res.get("Content-Type") != "application/json" {
				t.Errorf("%.40s: %d %.60s, want %.60s", c.path, res.status, &res.body, c.want)
			}
		}
	})
}

func TestCommittedActorsKeepNothingFromRequestToRequest(t *testing.T) {
	each(t, committed, func(t *testing.T, wasm []byte) {
		a := start(t, wasm)
		path := "/" + strings.Repeat("x", 5000)
		for i := range 1000 { // many times what a guest's memory would hold
			if res := a.get(path); res.body.String() != fmt.Sprintf("{\"name\":\"%s\",\"count\":%d}\n", path[1:], i+1) {
				t.Fatalf("request %d: %.60s", i, &res.body)
			}
		}
		if n := a.pool.Stats().Memory; n > 4<<20 {
			t.Errorf("the instance has %d bytes of memory", n)
		}
	})
}

func TestActorsInEveryLanguageCountGETsOnly(t *testing.T) {
	each(t, languages, func(t *testing.T, wasm []byte) {
		a := start(t, wasm)
		for _, method := range []string{"POST", "HEAD", "BREW"} {
			res, err := a.do(wasi.Request{Method: method, PathWithQuery: "/apples", Body: strings.NewReader("unread")})
			if err != nil || res.status != 405 || res.get("Allow") != "GET" {
				t.Errorf("%s: %d, Allow %q, %v", method, res.status, res.get("Allow"), err)
			}
		}
		if res := a.get("/apples"); res.body.String() != "{\"name\":\"apples\",\"count\":1}\n" {
			t.Errorf("the first GET answers %s", &res.body)
		}
	})
}

func TestActorsInEveryLanguageExplainAStoreThatRefuses(t *testing.T) {
	each(t, languages, func(t *testing.T, wasm []byte) {
		for error, want := range map[string]string{"no-such-store": "no such store", "access-denied": "access denied", "other": "on fire"} {
			a := start(t, wasm)
			a.store.refuse(error)
			if res := a.get("/apples"); res.status != 503 || res.body.String() != "keyvalue: "+want+"\n" {
				t.Errorf("%s: %d %s", error, res.status, &res.body)
			}
		}
	})
}

func TestCommittedActorsAreSmallAndImportOnlyWhatTheyUse(t *testing.T) {
	each(t, committed, func(t *testing.T, wasm []byte) {
		if len(wasm) > maxCommitted {
			t.Errorf("%d bytes, more than %d", len(wasm), maxCommitted)
		}
		mod, err := wasmmod.Decode(wasm)
		if err != nil {
			t.Fatal(err)
		}
		allowed := []string{"wasi:http/types", "wasi:io/error", "wasi:io/streams", "wasi:keyvalue/atomics", "wasi:keyvalue/store"}
		for _, i := range mod.Imports {
			if name, _, _ := strings.Cut(i.Module, "@"); !slices.Contains(allowed, name) {
				t.Errorf("it imports %s#%s", i.Module, i.Name)
			}
		}
	})
}

func BenchmarkLanguages(b *testing.B) {
	for _, lang := range languages {
		b.Run(lang, func(b *testing.B) {
			a := start(b, language(b, lang))
			b.ReportAllocs()
			for b.Loop() {
				a.get("/apples")
			}
		})
	}
}
