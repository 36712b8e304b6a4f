package keyvalue_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/wattle-io/wattle/sdk/keyvalue"
	"github.com/wattle-io/wattle/sdk/sdktest"
)

func open(t *testing.T) *keyvalue.Bucket {
	t.Helper()
	sdktest.Reset(t)
	b, err := keyvalue.Open("fruit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAValueIsStoredAndDeleted(t *testing.T) {
	b := open(t)
	value := []byte{0, 255, 'x'}
	must(t, b.Set("k", value))
	value[0] = 9
	if v, err := b.Get("k"); err != nil || !bytes.Equal(v, []byte{0, 255, 'x'}) {
		t.Errorf("got %v, %v", v, err)
	}
	if ok, err := b.Exists("k"); !ok || err != nil {
		t.Errorf("exists: %v, %v", ok, err)
	}
	must(t, b.Delete("k"))
	must(t, b.Delete("k"))
	if ok, _ := b.Exists("k"); ok {
		t.Error("exists after delete")
	}
	_, err := b.Get("k")
	if !errors.Is(err, keyvalue.ErrNotFound) || err.Error() != "keyvalue: get k: no such key" {
		t.Errorf("get after delete: %v", err)
	}
}

func TestKeysYieldsEveryKeyOnce(t *testing.T) {
	b := open(t)
	want := []string{"a", "b", "c", "d", "e"}
	for _, k := range want {
		must(t, b.Set(k, nil))
	}
	var got []string
	for k, err := range b.Keys() {
		must(t, err)
		got = append(got, k)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for range b.Keys() {
		break // must not go on
	}
}

func TestIncrementCounts(t *testing.T) {
	b := open(t)
	for i, delta := range []int64{1, 1, 40, -2, 0} {
		n, err := b.Increment("n", delta)
		if want := []int64{1, 2, 42, 40, 40}[i]; n != want || err != nil {
			t.Errorf("got %d, %v, want %d", n, err, want)
		}
	}
	must(t, b.Set("text", []byte("apples")))
	if _, err := b.Increment("text", 1); err == nil {
		t.Error("a text was incremented")
	}
	must(t, b.Set("max", []byte("9223372036854775807")))
	var other keyvalue.Other
	if _, err := b.Increment("max", math.MaxInt64); !errors.As(err, &other) {
		t.Errorf("an overflow gives %v", err)
	}
}

func TestCompareAndSwapStoresOnlyOverTheOldValue(t *testing.T) {
	b := open(t)
	for _, step := range []struct {
		old, next []byte
		want      bool
	}{
		{[]byte("x"), []byte("a"), false},
		{nil, []byte("a"), true},
		{nil, []byte("b"), false},
		{[]byte("b"), []byte("c"), false},
		{[]byte("a"), []byte(""), true},
		{nil, []byte("d"), false},
		{[]byte{}, []byte("d"), true},
	} {
		if ok, err := b.CompareAndSwap("k", step.old, step.next); ok != step.want || err != nil {
			t.Errorf("%q to %q: %v, %v", step.old, step.next, ok, err)
		}
	}
}

func TestUpdateTriesAgainAfterAnotherChange(t *testing.T) {
	b := open(t)
	calls := 0
	must(t, b.Update("k", func(old []byte) ([]byte, error) {
		if calls++; calls == 1 {
			if old != nil {
				t.Errorf("a key that is not there has value %q", old)
			}
			must(t, b.Set("k", []byte("theirs ")))
		}
		return append(old, "mine"...), nil
	}))
	if v, _ := b.Get("k"); string(v) != "theirs mine" || calls != 2 {
		t.Errorf("got %q after %d calls", v, calls)
	}
	stop := errors.New("stop")
	if err := b.Update("k", func([]byte) ([]byte, error) { return nil, stop }); err != stop {
		t.Errorf("the callback's error became %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	b := open(t)
	must(t, b.SetMany(map[string][]byte{"a": []byte("1"), "b": []byte("2"), "c": {}}))
	must(t, b.DeleteMany("b", "nothing"))
	got, err := b.GetMany("a", "b", "c")
	if want := map[string][]byte{"a": []byte("1"), "c": {}}; err != nil || len(got) != 2 || string(got["a"]) != "1" ||
		!reflect.DeepEqual(slices.Sorted(keys(got)), slices.Sorted(keys(want))) {
		t.Errorf("got %v, %v", got, err)
	}
}

func keys(m map[string][]byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestErrorsOfTheStoreAreTyped(t *testing.T) {
	for _, want := range []error{keyvalue.ErrNoSuchStore, keyvalue.ErrAccessDenied} {
		b := open(t)
		sdktest.FailBucket("fruit", want)
		if _, err := keyvalue.Open("fruit"); !errors.Is(err, want) {
			t.Errorf("open: %v, want %v", err, want)
		}
		for name, op := range operations(b) {
			if err := op(); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}

func TestAClosedBucketIsRefused(t *testing.T) {
	b := open(t)
	b.Close()
	b.Close()
	for name, op := range operations(b) {
		if op() == nil {
			t.Errorf("%s on a closed bucket succeeded", name)
		}
	}
}

func operations(b *keyvalue.Bucket) map[string]func() error {
	return map[string]func() error{
		"get":       func() error { _, err := b.Get("k"); return err },
		"set":       func() error { return b.Set("k", nil) },
		"delete":    func() error { return b.Delete("k") },
		"exists":    func() error { _, err := b.Exists("k"); return err },
		"increment": func() error { _, err := b.Increment("k", 1); return err },
		"swap":      func() error { _, err := b.CompareAndSwap("k", nil, nil); return err },
		"update":    func() error { return b.Update("k", func([]byte) ([]byte, error) { return nil, nil }) },
		"get many":  func() error { _, err := b.GetMany("k"); return err },
		"set many":  func() error { return b.SetMany(map[string][]byte{"k": nil}) },
		"del many":  func() error { return b.DeleteMany("k") },
		"keys": func() (err error) {
			for _, e := range b.Keys() {
				err = e
			}
			return err
		},
	}
}
