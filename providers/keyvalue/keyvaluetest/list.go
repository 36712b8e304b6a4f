package keyvaluetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/wattle-io/wattle/providers/keyvalue"
)

func list(t *testing.T, ctx context.Context, s keyvalue.Store) {
	want := fill(t, ctx, s, 57)
	for _, limit := range []int{1, 10, 57, 58, 0} {
		if got := listAll(t, ctx, s, limit); !slices.Equal(got, want) {
			t.Errorf("limit %d: %d keys %q, want %d", limit, len(got), got, len(want))
		}
	}
	fatal(t, s.Delete(ctx, want[3]))
	if got := listAll(t, ctx, s, 10); slices.Contains(got, want[3]) || len(got) != len(want)-1 {
		t.Errorf("after a delete: %q", got)
	}
	page, err := s.List(ctx, "key-zzz", 0)
	fatal(t, err)
	if len(page.Keys) != 0 || page.Next != "" {
		t.Errorf("page after the last key: %+v", page)
	}
}

func listEmpty(t *testing.T, ctx context.Context, s keyvalue.Store) {
	page, err := s.List(ctx, "", 0)
	fatal(t, err)
	if len(page.Keys) != 0 || page.Next != "" {
		t.Errorf("list of an empty bucket = %+v", page)
	}
}

func listStable(t *testing.T, ctx context.Context, s keyvalue.Store) {
	want := fill(t, ctx, s, 40)
	var got []string
	for cursor := ""; ; {
		page, err := s.List(ctx, cursor, 10)
		fatal(t, err)
		got = append(got, page.Keys...)
		if cursor = page.Next; cursor == "" {
			break
		}
		for _, i := range []int{1, 15, 25, 35} { // before and behind the cursor
			fatal(t, s.Set(ctx, want[i], []byte("changed")))
		}
		fatal(t, s.Set(ctx, "key-000-new", nil)) // before it: need not be seen
		if len(got) > 2*len(want) {
			t.Fatal("the listing does not end")
		}
	}
	got = slices.DeleteFunc(got, func(k string) bool { return k == "key-000-new" })
	if !slices.Equal(got, want) {
		t.Errorf("listed %q\nwant %q", got, want)
	}
}

func fill(t *testing.T, ctx context.Context, s keyvalue.Store, n int) []string {
	t.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%03d", i)
	}
	for i := range keys {
		fatal(t, s.Set(ctx, keys[(i*13)%n], []byte("v"))) // in another order
	}
	return keys
}

func listAll(t *testing.T, ctx context.Context, s keyvalue.Store, limit int) []string {
	t.Helper()
	var keys []string
	for cursor := ""; ; {
		page, err := s.List(ctx, cursor, limit)
		fatal(t, err)
		if limit > 0 && len(page.Keys) > limit {
			t.Errorf("page of %d keys, limit %d", len(page.Keys), limit)
		}
		keys = append(keys, page.Keys...)
		if page.Next == "" {
			return keys
		}
		if page.Next <= cursor || len(page.Keys) == 0 {
			t.Fatalf("cursor %q leads to %q with %d keys: no progress", cursor, page.Next, len(page.Keys))
		}
		cursor = page.Next
	}
}

func batch(t *testing.T, ctx context.Context, s keyvalue.Store) {
	pairs := []keyvalue.Pair{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte{}}, {Key: "ü", Value: []byte{0, 255}}}
	fatal(t, keyvalue.SetMany(ctx, s, pairs))
	got, err := keyvalue.GetMany(ctx, s, []string{"ü", "none", "b", "a", "a"})
	fatal(t, err)
	want := [][]byte{{0, 255}, nil, {}, []byte("1"), []byte("1")}
	if !slices.EqualFunc(got, want, func(x, y []byte) bool { return slices.Equal(x, y) && (x == nil) == (y == nil) }) {
		t.Errorf("GetMany = %q, want %q", got, want)
	}
	fatal(t, keyvalue.DeleteMany(ctx, s, []string{"a", "none", "ü"}))
	if keys := listAll(t, ctx, s, 0); !slices.Equal(keys, []string{"b"}) {
		t.Errorf("left after DeleteMany: %q", keys)
	}
	empty, err := keyvalue.GetMany(ctx, s, nil)
	fatal(t, err)
	if len(empty) != 0 {
		t.Errorf("GetMany of nothing = %q", empty)
	}
	fatal(t, keyvalue.SetMany(ctx, s, nil))
	fatal(t, keyvalue.DeleteMany(ctx, s, nil))
}

func batchBounds(t *testing.T, ctx context.Context, s keyvalue.Store) {
	keys := make([]string, keyvalue.MaxBatch+1)
	pairs := make([]keyvalue.Pair, len(keys))
	for i := range keys {
		keys[i] = fmt.Sprint(i)
		pairs[i].Key = keys[i]
	}
	_, err := keyvalue.GetMany(ctx, s, keys)
	wantKind(t, "get-many of too many", err, keyvalue.ErrInvalid)
	wantKind(t, "set-many of too many", keyvalue.SetMany(ctx, s, pairs), keyvalue.ErrInvalid)
	wantKind(t, "delete-many of too many", keyvalue.DeleteMany(ctx, s, keys), keyvalue.ErrInvalid)
	wantExists(t, ctx, s, "0", false)
	big := make([]byte, keyvalue.MaxValue/2+4096)
	fatal(t, s.Set(ctx, "x", big))
	if _, err = keyvalue.GetMany(ctx, s, []string{"x", "x"}); err == nil {
		t.Error("get-many answered more than fits into a message")
	}
	_, err = keyvalue.GetMany(ctx, s, []string{"x", ""})
	wantKind(t, "get-many with an empty key", err, keyvalue.ErrInvalid)
}
