package main

import (
	"errors"
	"runtime"
	"strconv"
	"strings"

	"github.com/wattle-io/wattle/sdk/keyvalue"
)

// checkValue stores and reads back a value of that size.
func checkValue(key string, size int) error {
	b, err := keyvalue.Open("probe")
	if err != nil {
		return err
	}
	defer b.Close()
	value := []byte(strings.Repeat(key, size/len(key)+1)[:size])
	if err := b.Set(key, value); err != nil {
		return err
	}
	runtime.GC()
	got, err := b.Get(key)
	if err != nil {
		return err
	}
	if string(got) != string(value) {
		return errors.New(key + ": got another value of " + strconv.Itoa(len(got)) + " bytes")
	}
	return nil
}

// checkKeyvalue uses every operation.
func checkKeyvalue() error {
	for _, size := range []int{0, 1, 1000, 16 << 10, 100_000, 1 << 20} {
		if err := checkValue("size "+strconv.Itoa(size), size); err != nil {
			return err
		}
	}
	b, err := keyvalue.Open("more")
	if err != nil {
		return err
	}
	defer b.Close()
	return errors.Join(checkSingle(b), checkMany(b), checkAtomics(b), b.DeleteMany("n", "c"))
}

func checkSingle(b *keyvalue.Bucket) error {
	_, err := b.Get("nothing")
	if !errors.Is(err, keyvalue.ErrNotFound) {
		return errors.New("get of nothing succeeded")
	}
	if err := b.Set("é", []byte{0, 255}); err != nil {
		return err
	}
	ok, err := b.Exists("é")
	if !ok || err != nil {
		return errors.New("a key does not exist")
	}
	if err := b.Delete("é"); err != nil {
		return err
	}
	if ok, _ := b.Exists("é"); ok {
		return errors.New("a deleted key exists")
	}
	return nil
}

func checkMany(b *keyvalue.Bucket) error {
	values := map[string][]byte{}
	var keys []string
	for i := range 1000 {
		keys = append(keys, "key "+strconv.Itoa(i))
		values[keys[i]] = []byte(strings.Repeat("v", i))
	}
	if err := b.SetMany(values); err != nil {
		return err
	}
	runtime.GC()
	got, err := b.GetMany(append(keys, "nothing")...)
	if err != nil {
		return err
	}
	for k, v := range values {
		if string(got[k]) != string(v) {
			return errors.New("many: " + k + " has another value")
		}
	}
	n := 0
	for k, err := range b.Keys() {
		if err != nil || values[k] == nil {
			return errors.Join(errors.New("keys: "+k), err)
		}
		n++
	}
	if n != 1000 || len(got) != 1000 {
		return errors.New("many: " + strconv.Itoa(n) + " keys, " + strconv.Itoa(len(got)) + " values")
	}
	return b.DeleteMany(keys...)
}

func checkAtomics(b *keyvalue.Bucket) error {
	n, err := b.Increment("n", 1<<40)
	if err != nil || n != 1<<40 {
		return errors.Join(errors.New("increment: "+strconv.FormatInt(n, 10)), err)
	}
	if n, _ = b.Increment("n", -1<<41); n != -1<<40 {
		return errors.New("increment: " + strconv.FormatInt(n, 10))
	}
	if ok, err := b.CompareAndSwap("c", nil, []byte("one")); !ok || err != nil {
		return errors.Join(errors.New("a swap of an absent key failed"), err)
	}
	if ok, err := b.CompareAndSwap("c", []byte("two"), []byte("three")); ok || err != nil {
		return errors.Join(errors.New("a swap of another value succeeded"), err)
	}
	calls := 0
	err = b.Update("c", func(old []byte) ([]byte, error) {
		if calls++; calls == 1 {
			b.Set("c", []byte("theirs "))
		}
		return append(old, "mine"...), nil
	})
	if v, _ := b.Get("c"); err != nil || string(v) != "theirs mine" || calls != 2 {
		return errors.Join(errors.New("update: "+string(v)), err)
	}
	return nil
}

// checkStoreErrors opens buckets that the host refuses.
func checkStoreErrors() error {
	_, none := keyvalue.Open("no-such-store")
	_, denied := keyvalue.Open("access-denied")
	_, err := keyvalue.Open("other")
	var other keyvalue.Other
	if !errors.Is(none, keyvalue.ErrNoSuchStore) || !errors.Is(denied, keyvalue.ErrAccessDenied) || !errors.As(err, &other) || other != "on fire" {
		return errors.Join(errors.New("got"), none, denied, err)
	}
	return nil
}
