package links

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
)

var actorA, actorB = "M" + strings.Repeat("A", 55), "M" + strings.Repeat("B", 55)

func good() lattice.Link {
	return lattice.Link{Source: actorA, Target: "keyvalue", Contract: "wasi:keyvalue", Name: "default", Config: map[string]string{"bucket": "counts"}}
}

func TestWrongLinksAreRefused(t *testing.T) {
	if err := Check(good()); err != nil {
		t.Fatal(err)
	}
	config := func(n int, key func(int) string, value string) func(*lattice.Link) {
		return func(l *lattice.Link) {
			l.Config = make(map[string]string)
			for i := range n {
				l.Config[key(i)] = value
			}
		}
	}
	number := func(i int) string { return fmt.Sprint("k", i) }
	for name, spoil := range map[string]func(*lattice.Link){
		"no source":            func(l *lattice.Link) { l.Source = "" },
		"source with dots":     func(l *lattice.Link) { l.Source = "a.b" },
		"source is a host":     func(l *lattice.Link) { l.Source = "U" + actorA[1:] },
		"wildcard target":      func(l *lattice.Link) { l.Target = "*" },
		"no target":            func(l *lattice.Link) { l.Target = "" },
		"contract with slash":  func(l *lattice.Link) { l.Contract = "wasi:keyvalue/store" },
		"contract, no colon":   func(l *lattice.Link) { l.Contract = "keyvalue" },
		"contract, version":    func(l *lattice.Link) { l.Contract = "wasi:keyvalue@0.2.0" },
		"contract, two colons": func(l *lattice.Link) { l.Contract = "wasi:key:value" },
		"no name":              func(l *lattice.Link) { l.Name = "" },
		"upper-case name":      func(l *lattice.Link) { l.Name = "Default" },
		"long name":            func(l *lattice.Link) { l.Name = strings.Repeat("n", 65) },
		"too many entries":     config(MaxConfig+1, number, "v"),
		"too many bytes":       config(2, number, strings.Repeat("v", MaxConfigBytes/2)),
		"empty key":            config(1, func(int) string { return "" }, "v"),
		"key with space":       config(1, func(int) string { return "a b" }, "v"),
		"long key":             config(1, func(int) string { return strings.Repeat("k", 65) }, "v"),
		"value no UTF-8":       config(1, number, "\xff"),
		"value with NUL":       config(1, number, "a\x00b"),
	} {
		l := good()
		spoil(&l)
		if err := Check(l); !errors.Is(err, lattice.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	most := good()
	config(MaxConfig, number, strings.Repeat("v", MaxConfigBytes/MaxConfig-3))(&most)
	if err := Check(most); err != nil {
		t.Errorf("the largest link: %v", err)
	}
}

func TestLargestLinkFitsItsRecord(t *testing.T) {
	l := good()
	long := strings.Repeat("n", 64)
	l.Name, l.Contract, l.Target = long, long+":"+long, long
	l.Config = map[string]string{"k": strings.Repeat("\x01", MaxConfigBytes-1)}
	b, err := json.Marshal(recordOf(Update{Link: l}))
	if err != nil || len(b) > maxBody {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if got, err := decodeBody(recordKey(l.Key()), b, 7); err != nil || got.Link.Revision != 7 || len(recordKey(l.Key())) > 255 {
		t.Errorf("key of %d bytes: %v", len(recordKey(l.Key())), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, u := range []Update{{Link: good()}, {Link: good(), Deleted: true}} {
		b, err := json.Marshal(recordOf(u))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(recordKey(u.Link.Key()), b)
	}
	f.Add("a.wasi.http.default", []byte(`{"source":"a","target":"b","contract":"wasi:http","name":"default"}`))
	f.Add("a.b.c.d", []byte(`{`))
	f.Add("....", []byte(`{"config":{"":""}}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		u, err := decodeBody(key, value, 3)
		if err != nil {
			if !errors.Is(err, lattice.ErrInvalid) {
				t.Errorf("wrong kind: %v", err)
			}
			return
		}
		if recordKey(u.Link.Key()) != key || u.Link.Revision != 3 || !u.Deleted && Check(u.Link) != nil {
			t.Errorf("%q holds %+v", key, u)
		}
		again, err := json.Marshal(recordOf(u))
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeBody(key, again, 3)
		if err != nil || got.Deleted != u.Deleted || !u.Deleted && len(u.Link.Config) > 0 && !reflect.DeepEqual(got, u) {
			t.Errorf("not the same after a round trip: %+v %v", got, err)
		}
	})
}
