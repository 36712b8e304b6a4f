package control_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// serveModules is a hub that gives modules to hosts.
func serveModules(t *testing.T) (*latticetest.Lattice, *control.Modules) {
	t.Helper()
	l := latticetest.Hub(t)
	nc := l.Conn(bus.RoleService)
	m, err := control.OpenModules(latticetest.Context(t), nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := control.ServeModules(nc, m, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return l, m
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestALeafFetchesModulesOfAnySizeAndHasThemWithoutItsHub(t *testing.T) {
	l, m := serveModules(t)
	leaf := l.Leaf("pi")
	ctx := latticetest.Context(t)
	dir := filepath.Join(t.TempDir(), "modules")
	cache := control.NewModuleCache(leaf.Conn(), dir)
	var hashes []string
	for _, n := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 3<<20 + 17} {
		wasm := random(t, n)
		hash, err := m.Put(ctx, wasm, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cache.Fetch(ctx, hash)
		if err != nil || !bytes.Equal(got, wasm) {
			t.Fatalf("%d bytes: got %d, %v", n, len(got), err)
		}
		hashes = append(hashes, hash)
	}
	if _, err := cache.Fetch(ctx, control.ModuleHash([]byte("never uploaded"))); !errors.Is(err, lattice.ErrNotFound) {
		t.Errorf("a module that is not there: %v", err)
	}
	if _, err := cache.Fetch(ctx, "../../etc/passwd"); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("no hash: %v", err)
	}
	leaf.Proxy.Cut()
	leaf.WaitDown()
	for _, hash := range hashes {
		if got, err := cache.Fetch(ctx, hash); err != nil || control.ModuleHash(got) != hash {
			t.Errorf("without the hub: %v", err)
		}
	}
	file := filepath.Join(dir, hashes[1]+".wasm")
	if err := os.WriteFile(file, []byte("flipped"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Fetch(ctx, hashes[1]); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("a damaged file, without the hub: %v", err)
	}
	leaf.Proxy.Heal()
	leaf.WaitUp()
	latticetest.WaitFor(t, "the module from the hub again", func() bool { _, err := cache.Fetch(ctx, hashes[1]); return err == nil })
}

// A hub that was turned sends what it likes.
func TestAModuleThatIsNotWhatWasAskedForIsRefused(t *testing.T) {
	l := latticetest.Hub(t)
	nc := l.Conn(bus.RoleService)
	wasm := random(t, 100_000)
	hash := control.ModuleHash(wasm)
	for what, c := range map[string]struct {
		size string
		data []byte
		kind error
	}{
		"other bytes":       {"5", []byte("other"), lattice.ErrInvalid},
		"more than it says": {"2", []byte("other"), lattice.ErrInvalid},
		"no size":           {"", []byte("other"), lattice.ErrInvalid},
		"a negative size":   {"-1", nil, lattice.ErrInvalid},
		"too large":         {fmt.Sprint(control.MaxModule + 1), wasm[:64<<10], lattice.ErrLimit},
		"a short piece":     {"100000", wasm[:10], lattice.ErrInvalid},
		"a long piece":      {"100000", wasm, lattice.ErrInvalid},
	} {
		sub, err := nc.Subscribe("blob.>", func(m *nats.Msg) {
			_ = m.RespondMsg(&nats.Msg{Data: c.data, Header: nats.Header{"Wattle-Size": {c.size}}})
		})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		began := time.Now()
		if _, err := control.NewModuleCache(nc, dir).Fetch(latticetest.Context(t), hash); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", what, err)
		}
		if files, _ := os.ReadDir(dir); len(files) != 0 {
			t.Errorf("%s: kept on disk", what)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s: took %s", what, d)
		}
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheHubAnswersNoQuestionThatIsNone(t *testing.T) {
	l, m := serveModules(t)
	nc := l.Conn(bus.RoleService)
	hash, err := m.Put(latticetest.Context(t), random(t, 10), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"x", hash, hash + ".0", hash + ".0.0", hash + ".-1.5", hash + ".0.65537", hash + ".11.5", hash + ".0.5.6", hash + ".a.b"} {
		answer, err := nc.RequestWithContext(latticetest.Context(t), "blob."+q, nil)
		if err != nil || answer.Header.Get("Wattle-Error") == "" || len(answer.Data) > 0 {
			t.Errorf("%s: %v %v", q, answer, err)
		}
	}
}

func TestPlacementsAreKeptOnTheHostsOwnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "places")
	host, other := l56('U'), l56('M')
	open := func() *control.PlaceFiles {
		t.Helper()
		p, err := control.OpenPlaceFiles(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	pl := control.Placement{Host: host, Actor: other, Start: control.StartRequest{Hash: "h", Config: map[string]string{"k": "v"}}}
	if _, err := open().Put(t.Context(), pl); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, other+".json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "MDAMAGED.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := open().List(t.Context(), host)
	if err != nil || len(list) != 1 || list[0].Actor != other || list[0].Start.Config["k"] != "v" {
		t.Errorf("%+v, %v", list, err)
	}
	for range 2 { // the second time there is none
		if err := open().Delete(t.Context(), host, other); err != nil {
			t.Error(err)
		}
	}
	if list, err := open().List(t.Context(), host); err != nil || len(list) != 0 {
		t.Errorf("after the end: %+v, %v", list, err)
	}
	if _, err := open().Put(t.Context(), control.Placement{Host: host, Actor: "../../evil"}); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("a name that is a path: %v", err)
	}
}

// l56 has the form of an id.
func l56(prefix byte) string { return string(prefix) + string(bytes.Repeat([]byte{'A'}, 55)) }
