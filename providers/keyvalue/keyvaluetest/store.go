package keyvaluetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers/keyvalue"
)

func missing(t *testing.T, ctx context.Context, s keyvalue.Store) {
	e, err := s.Get(ctx, "nothing")
	fatal(t, err)
	if e.Exists() || len(e.Value) != 0 {
		t.Errorf("Get of a missing key = %+v", e)
	}
	wantExists(t, ctx, s, "nothing", false)
	fatal(t, s.Delete(ctx, "nothing"))
}

func setGet(t *testing.T, ctx context.Context, s keyvalue.Store) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for i, v := range [][]byte{nil, {}, {0}, []byte("text"), all, bytes.Repeat([]byte{0xff}, 300_000)} {
		key := fmt.Sprint("k", i)
		fatal(t, s.Set(ctx, key, []byte("before")))
		fatal(t, s.Set(ctx, key, v))
		wantValue(t, ctx, s, key, v)
		wantExists(t, ctx, s, key, true)
	}
}

func reuse(t *testing.T, ctx context.Context, s keyvalue.Store) {
	buf := []byte("first")
	fatal(t, s.Set(ctx, "a", buf))
	copy(buf, "XXXXX")
	wantValue(t, ctx, s, "a", []byte("first"))
	e, err := s.Get(ctx, "a")
	fatal(t, err)
	copy(buf, "again")
	fatal(t, s.Swap(ctx, "a", buf, e.Version))
	copy(buf, "XXXXX")
	wantValue(t, ctx, s, "a", []byte("again"))
	if string(e.Value) != "first" {
		t.Errorf("a value that was got changed to %q when the key was written", e.Value)
	}
}

func deleteTwice(t *testing.T, ctx context.Context, s keyvalue.Store) {
	fatal(t, s.Set(ctx, "a", []byte("1")))
	fatal(t, s.Set(ctx, "b", []byte("2")))
	for range 2 {
		fatal(t, s.Delete(ctx, "a"))
		wantExists(t, ctx, s, "a", false)
	}
	wantValue(t, ctx, s, "b", []byte("2"))
	fatal(t, s.Set(ctx, "a", []byte("3")))
	wantValue(t, ctx, s, "a", []byte("3"))
}

// awkward keys: every one must stay apart from the others, whatever a backend makes of it.
func awkward() []string {
	return []string{"a", "A", "a.b", ".a", "a.", "a..b", ".", "..", "*", ">", "a.*", "a.>", " ", "a b", "=", "=20", "=2E", "a=", "\x00", "\n", "\t",
		"/", "//", "a/b", "\u00fc", "u\u0308", "日本語", "🦫", "$KV.x", "_kv", "-", "%2E", "\\", "\"", strings.Repeat("k", keyvalue.MaxKey),
		strings.Repeat("é", keyvalue.MaxKey/2), strings.Repeat(".", 64), "\u202e", "\ufeff"}
}

func keys(t *testing.T, ctx context.Context, s keyvalue.Store) {
	for i, k := range awkward() {
		if err := s.Set(ctx, k, fmt.Append(nil, i)); err != nil {
			t.Fatalf("set %q: %v", k, err)
		}
	}
	for i, k := range awkward() {
		wantValue(t, ctx, s, k, fmt.Append(nil, i))
	}
	listed := listAll(t, ctx, s, 7)
	if len(listed) != len(awkward()) {
		t.Errorf("%d keys were set, %d are listed: %.500q", len(awkward()), len(listed), listed)
	}
	for _, k := range awkward() {
		fatal(t, s.Delete(ctx, k))
		wantExists(t, ctx, s, k, false)
	}
}

func bounds(t *testing.T, ctx context.Context, s keyvalue.Store) {
	for _, k := range []string{"", strings.Repeat("k", keyvalue.MaxKey+1), "\xff", "a\xc3"} {
		_, get := s.Get(ctx, k)
		_, exists := s.Exists(ctx, k)
		_, inc := s.Increment(ctx, k, 1)
		for op, err := range map[string]error{"get": get, "exists": exists, "increment": inc, "set": s.Set(ctx, k, nil), "delete": s.Delete(ctx, k),
			"swap": s.Swap(ctx, k, nil, 0)} {
			wantKind(t, fmt.Sprintf("%s of a key of %d bytes", op, len(k)), err, keyvalue.ErrInvalid)
		}
	}
	big := make([]byte, keyvalue.MaxValue+1)
	wantKind(t, "set of a large value", s.Set(ctx, "big", big), keyvalue.ErrInvalid)
	wantKind(t, "swap of a large value", s.Swap(ctx, "big", big, 0), keyvalue.ErrInvalid)
	wantExists(t, ctx, s, "big", false)
	fatal(t, s.Set(ctx, "big", big[:keyvalue.MaxValue]))
	wantValue(t, ctx, s, "big", big[:keyvalue.MaxValue])
}

func versions(t *testing.T, ctx context.Context, s keyvalue.Store) {
	seen := map[uint64]bool{0: true}
	for range 3 {
		fatal(t, s.Set(ctx, "a", []byte("same")))
		e, err := s.Get(ctx, "a")
		fatal(t, err)
		if seen[e.Version] {
			t.Errorf("version %d twice", e.Version)
		}
		seen[e.Version] = true
	}
}

func expired(t *testing.T, ctx context.Context, s keyvalue.Store) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Increment(ctx, "a", 1); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, lattice.ErrDeadline) {
		t.Errorf("increment with a cancelled context: %v", err)
	}
}

func wantValue(t *testing.T, ctx context.Context, s keyvalue.Store, key string, want []byte) {
	t.Helper()
	e, err := s.Get(ctx, key)
	fatal(t, err)
	if !e.Exists() || !bytes.Equal(e.Value, want) {
		t.Errorf("%.40q holds %.40q (version %d, %d bytes), want %.40q", key, e.Value, e.Version, len(e.Value), want)
	}
}

func wantExists(t *testing.T, ctx context.Context, s keyvalue.Store, key string, want bool) {
	t.Helper()
	got, err := s.Exists(ctx, key)
	fatal(t, err)
	if got != want {
		t.Errorf("%.40q exists: %v, want %v", key, got, want)
	}
}

func wantKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: error %v, want kind %q", what, err, kind)
	}
}
