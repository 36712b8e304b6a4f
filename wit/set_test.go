package wit

import (
	"slices"
	"strings"
	"testing"
)

func TestContractsHaveTheInterfacesOfTheirPackages(t *testing.T) {
	for name, funcs := range map[string]int{
		"wasi:cli/environment@0.2.0": 3, "wasi:cli/exit@0.2.0": 1, "wasi:cli/run@0.2.0": 1, "wasi:cli/stdin@0.2.0": 1, "wasi:cli/stdout@0.2.0": 1,
		"wasi:cli/stderr@0.2.0": 1, "wasi:cli/terminal-stdin@0.2.0": 1, "wasi:cli/terminal-stdout@0.2.0": 1, "wasi:cli/terminal-stderr@0.2.0": 1,
		"wasi:clocks/monotonic-clock@0.2.0": 4, "wasi:clocks/wall-clock@0.2.0": 2, "wasi:config/store@0.2.0-rc.1": 2,
		"wasi:http/types@0.2.0": 51, "wasi:http/incoming-handler@0.2.0": 1, "wasi:http/outgoing-handler@0.2.0": 1,
		"wasi:io/error@0.2.0": 1, "wasi:io/poll@0.2.0": 3, "wasi:io/streams@0.2.0": 15,
		"wasi:keyvalue/store@0.2.0-draft2": 6, "wasi:keyvalue/atomics@0.2.0-draft2": 4, "wasi:keyvalue/batch@0.2.0-draft2": 3,
		"wasi:logging/logging@0.1.0-draft": 1, "wasi:random/random@0.2.0": 2, "wasi:random/insecure@0.2.0": 2, "wasi:random/insecure-seed@0.2.0": 1,
	} {
		i, ok := Contracts().Interface(name)
		if !ok || i.Name != name || len(i.Funcs) != funcs {
			t.Errorf("%s: got %v with %d functions, want %d", name, ok, len(i.Funcs), funcs)
		}
	}
}

func TestSignaturesAreThoseOfTheStandards(t *testing.T) {
	for name, want := range map[string]string{
		"wasi:keyvalue/store@0.2.0-draft2#[method]bucket.get":  "func(self: borrow<bucket>, key: string) -> result<option<list<u8>>, error>",
		"wasi:keyvalue/atomics@0.2.0-draft2#increment":         "func(bucket: borrow<bucket>, key: string, delta: s64) -> result<s64, error>",
		"wasi:keyvalue/atomics@0.2.0-draft2#[static]cas.new":   "func(bucket: borrow<bucket>, key: string) -> result<own<cas>, error>",
		"wasi:keyvalue/atomics@0.2.0-draft2#swap":              "func(cas: own<cas>, value: list<u8>) -> result<_, cas-error>",
		"wasi:keyvalue/batch@0.2.0-draft2#get-many":            "func(bucket: borrow<bucket>, keys: list<string>) -> result<list<tuple<string, option<list<u8>>>>, error>",
		"wasi:http/types@0.2.0#[constructor]fields":            "func() -> own<fields>",
		"wasi:http/types@0.2.0#[constructor]outgoing-request":  "func(headers: own<fields>) -> own<outgoing-request>",
		"wasi:http/types@0.2.0#[static]response-outparam.set":  "func(param: own<response-outparam>, response: result<own<outgoing-response>, error-code>)",
		"wasi:http/types@0.2.0#[method]incoming-body.stream":   "func(self: borrow<incoming-body>) -> result<own<input-stream>>",
		"wasi:http/types@0.2.0#[method]future-trailers.get":    "func(self: borrow<future-trailers>) -> option<result<result<option<own<fields>>, error-code>>>",
		"wasi:http/types@0.2.0#http-error-code":                "func(err: borrow<error>) -> option<error-code>",
		"wasi:http/incoming-handler@0.2.0#handle":              "func(request: own<incoming-request>, response-out: own<response-outparam>)",
		"wasi:io/poll@0.2.0#poll":                              "func(in: list<borrow<pollable>>) -> list<u32>",
		"wasi:io/streams@0.2.0#[method]output-stream.splice":   "func(self: borrow<output-stream>, src: borrow<input-stream>, len: u64) -> result<u64, stream-error>",
		"wasi:clocks/monotonic-clock@0.2.0#subscribe-duration": "func(when: duration) -> own<pollable>",
		"wasi:random/insecure-seed@0.2.0#insecure-seed":        "func() -> tuple<u64, u64>",
		"wasi:cli/exit@0.2.0#exit":                             "func(status: result)",
		"wasi:cli/terminal-stdin@0.2.0#get-terminal-stdin":     "func() -> option<own<terminal-input>>",
		"wasi:logging/logging@0.1.0-draft#log":                 "func(level: level, context: string, message: string)",
		"wasi:config/store@0.2.0-rc.1#get":                     "func(key: string) -> result<option<string>, error>",
	} {
		iface, fn, _ := strings.Cut(name, "#")
		i, _ := Contracts().Interface(iface)
		if f := i.Func(fn); f == nil || f.String() != want {
			t.Errorf("%s: got %v, want %s", name, f, want)
		}
	}
}

func TestUsedTypesAreTheSameEverywhere(t *testing.T) {
	get := func(n string) *Interface { i, _ := Contracts().Interface(n); return i }
	stream := get("wasi:io/streams@0.2.0").Resource("input-stream")
	if r := get("wasi:http/types@0.2.0").Func("[method]incoming-body.stream").Result.OK.Resource; r != stream {
		t.Error("the body's stream is another resource than that of wasi:io")
	}
	if r := get("wasi:http/types@0.2.0").Func("http-error-code").Params[0].Type.Resource; r != get("wasi:io/error@0.2.0").Resource("error") {
		t.Error("a renamed resource is another one")
	}
	code := get("wasi:http/outgoing-handler@0.2.0").Func("handle").Result.Err
	if !slices.Contains(get("wasi:http/types@0.2.0").Types, code) || code.Owner != "wasi:http/types@0.2.0" {
		t.Error("error-code is not the one that wasi:http/types declares")
	}
	store, atomics := get("wasi:keyvalue/store@0.2.0-draft2"), get("wasi:keyvalue/atomics@0.2.0-draft2")
	if atomics.Func("increment").Params[0].Type.Resource != store.Resource("bucket") || len(atomics.Resources) != 1 || len(atomics.Types) != 1 {
		t.Error("atomics does not share the bucket, or lists what it uses as its own")
	}
}

func versions(t *testing.T, vs ...string) *Set {
	t.Helper()
	files := map[string]string{}
	for _, v := range vs {
		files[v] = "package a:b" + v + " { interface i { f: func(); } world w { import i; } }"
	}
	s, err := Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestInterfacesAreFoundByCompatibleVersion(t *testing.T) {
	for _, c := range []struct {
		have       []string
		want, gets string
	}{
		{[]string{"@0.2.0"}, "a:b/i@0.2.1", "a:b/i@0.2.0"},
		{[]string{"@0.2.3"}, "a:b/i@0.2.1", "a:b/i@0.2.3"},
		{[]string{"@0.2.3", "@0.2.10", "@0.2.1"}, "a:b/i@0.2.2", "a:b/i@0.2.10"},
		{[]string{"@0.2.3", "@0.2.1"}, "a:b/i@0.2.1", "a:b/i@0.2.1"},
		{[]string{"@0.2.0"}, "a:b/i@0.3.0", ""},
		{[]string{"@1.2.0"}, "a:b/i@1.9.9", "a:b/i@1.2.0"},
		{[]string{"@1.2.0"}, "a:b/i@2.0.0", ""},
		{[]string{"@0.0.1"}, "a:b/i@0.0.2", ""},
		{[]string{"@0.2.0-draft2"}, "a:b/i@0.2.0", ""},
		{[]string{"@0.2.0-draft2"}, "a:b/i@0.2.0-draft", ""},
		{[]string{"@0.2.0-draft2"}, "a:b/i@0.2.0-draft2", "a:b/i@0.2.0-draft2"},
		{[]string{"@0.2.0-draft2"}, "a:b/i", "a:b/i@0.2.0-draft2"},
		{[]string{"@0.2.0", "@0.10.0", "@0.9.0", "@1.0.0-rc.1"}, "a:b/i", "a:b/i@0.10.0"},
		{[]string{"@1.0.0-rc.2", "@1.0.0-rc.10"}, "a:b/i", "a:b/i@1.0.0-rc.10"},
		{[]string{""}, "a:b/i", "a:b/i"},
		{[]string{"@0.2.0"}, "a:b/j@0.2.0", ""},
		{[]string{"@0.2.0"}, "", ""},
	} {
		i, ok := versions(t, c.have...).Interface(c.want)
		if got := ""; ok != (c.gets != "") || ok && i.Name != c.gets {
			if ok {
				got = i.Name
			}
			t.Errorf("%s among %v: got %q, want %q", c.want, c.have, got, c.gets)
		}
	}
}

func TestWorldsAreFoundByShortName(t *testing.T) {
	if w, ok := versions(t, "@0.2.0").World("w"); !ok || w.Name != "a:b/w@0.2.0" {
		t.Errorf("got %v", w)
	}
	if w, ok := versions(t, "@0.2.0", "@0.3.0").World("w"); ok {
		t.Errorf("an ambiguous name gives %s", w.Name)
	}
	if w, ok := versions(t, "@0.2.0", "@0.3.0").World("a:b/w@0.3.9"); !ok || w.Name != "a:b/w@0.3.0" {
		t.Errorf("got %v", w)
	}
}

func TestCompatibleNameKeepsWhatCompatibleVersionsShare(t *testing.T) {
	for in, want := range map[string]string{
		"wasi:http/types@0.2.3": "wasi:http/types@0.2", "a:b/c@1.4.0": "a:b/c@1", "a:b/c@0.0.7": "a:b/c@0.0.7", "a:b/c": "a:b/c",
		"wasi:keyvalue/store@0.2.0-draft2": "wasi:keyvalue/store@0.2.0-draft2", "a:b/c@1.2.3+build": "a:b/c@1", "a:b/c@x": "a:b/c@x",
		"a:b/c@1.0.0-rc.1+b": "a:b/c@1.0.0-rc.1", "plain": "plain",
	} {
		if got := CompatibleName(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestProjectsBuildOnContracts(t *testing.T) {
	s, err := ParseWith(Contracts(), map[string]string{"wit/a.wit": `package my:app;
		interface i { use wasi:http/types@0.2.3.{fields}; f: func(h: borrow<fields>); }
		world w { import i; include wasi:http/proxy; }`})
	if err != nil {
		t.Fatal(err)
	}
	i, _ := s.Interface("my:app/i")
	types, _ := Contracts().Interface("wasi:http/types@0.2.0")
	if i.Func("f").Params[0].Type.Resource != types.Resource("fields") {
		t.Error("fields are others than those of the contract")
	}
	if w, _ := s.World("w"); len(w.Exports) != 1 || len(w.Imports) != 12 {
		t.Errorf("got %d imports and %d exports", len(w.Imports), len(w.Exports))
	}
	if _, ok := Contracts().Interface("my:app/i"); ok {
		t.Error("the contracts changed")
	}
}

func TestCopiesOfContractsInAProjectDoNoHarm(t *testing.T) {
	s, err := ParseWith(Contracts(), map[string]string{
		"wit/deps/cli.wit": `package wasi:cli@0.2.0; interface exit { exit: func(status: result<u8>); } world imports { import exit; import stdin; }`,
		"wit/app.wit":      `package my:app; world w { include wasi:cli/imports@0.2.0; import wasi:http/types@0.2.0; }`,
	})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.World("my:app/w")
	exit, _ := Contracts().Interface("wasi:cli/exit@0.2.0")
	if !slices.Contains(w.Imports, exit) {
		t.Error("the copy is not the contract")
	}
	names := strings.Fields(ifaceNames(w.Imports))
	slices.Sort(names)
	if n := len(names); n != len(slices.Compact(names)) {
		t.Errorf("interfaces occur twice: %v", names)
	}
}

func TestMergeRefusesTheSameNameTwice(t *testing.T) {
	a, b := versions(t, "@0.2.0"), versions(t, "@0.3.0")
	m, err := a.Merge(b)
	if err != nil || len(m.Interfaces()) != 2 || len(m.Worlds()) != 2 || len(a.Interfaces()) != 1 {
		t.Errorf("got %v, %v", m, err)
	}
	if _, err := a.Merge(versions(t, "@0.2.0")); err == nil {
		t.Error("two interfaces of one name merge")
	}
	if m, err := m.Merge(a); err != nil || len(m.Interfaces()) != 2 {
		t.Errorf("merging the same again: %v", err)
	}
}
