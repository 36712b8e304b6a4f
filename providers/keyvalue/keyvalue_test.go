package keyvalue

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
)

func TestAPageHoldsTheSmallestKeysWhateverTheirOrder(t *testing.T) {
	var keys []string
	for i := range 100 {
		keys = append(keys, fmt.Sprintf("k%02d", i))
	}
	for _, limit := range []int{1, 7, 99, 100, 101} {
		var got []string
		for cursor := ""; ; {
			p := NewPager(cursor, limit)
			for range 2 { // twice, as a scan may show keys again
				for _, i := range rand.Perm(len(keys)) {
					p.Add(keys[i])
				}
			}
			page := p.Page()
			if len(page.Keys) > limit || len(p.keys) > limit+1 || len(p.member) > limit+1 {
				t.Fatalf("limit %d: page of %d keys, %d held", limit, len(page.Keys), len(p.keys))
			}
			got = append(got, page.Keys...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if !slices.Equal(got, keys) {
			t.Errorf("limit %d: %q", limit, got)
		}
	}
}

func TestAPageIsBoundedInBytes(t *testing.T) {
	p := NewPager("", MaxPage)
	for i := range MaxPage {
		p.Add(fmt.Sprintf("%04d", i) + strings.Repeat("k", MaxKey-4))
	}
	page := p.Page()
	if len(page.Keys) != MaxList/MaxKey || page.Next != page.Keys[len(page.Keys)-1] {
		t.Errorf("page of %d keys, next %.4q", len(page.Keys), page.Next)
	}
}

func TestCountersDoNotWrap(t *testing.T) {
	for _, c := range []struct {
		n, delta int64
		ok       bool
	}{{0, 0, true}, {math.MaxInt64, 0, true}, {math.MaxInt64, 1, false}, {math.MinInt64, -1, false}, {math.MinInt64, math.MaxInt64, true},
		{1, math.MaxInt64, false}, {-1, math.MinInt64, false}, {0, math.MinInt64, true}, {-1, 1, true}} {
		if sum, err := AddCounter("k", c.n, c.delta); (err == nil) != c.ok || c.ok && sum != c.n+c.delta {
			t.Errorf("%d + %d = %d, %v", c.n, c.delta, sum, err)
		}
	}
}

func TestBucketsAreApart(t *testing.T) {
	link := func(source, name, bucket string) lattice.Link {
		l := lattice.Link{Source: source, Name: name, Contract: Name}
		if bucket != "" {
			l.Config = map[string]string{"bucket": bucket}
		}
		return l
	}
	seen := map[string]string{}
	for what, c := range map[string]struct {
		link lattice.Link
		name string
	}{
		"base": {link("M1", "default", ""), "x"}, "other source": {link("M2", "default", ""), "x"}, "other link": {link("M1", "d", ""), "x"},
		"other name": {link("M1", "default", ""), "y"}, "moved border": {link("M1", "default", ""), "x\x00"}, "fixed": {link("M1", "default", "x"), "x"},
		"fixed like a scope": {link("M1", "default", "s-x"), "x"}, "state of the lattice": {link("M1", "default", "links"), "x"},
	} {
		id, _, err := BucketOf(c.link, c.name)
		if err != nil || !validBucket(id) || !strings.HasPrefix(id, "kv") || seen[id] != "" {
			t.Errorf("%s: %q, %v, as %q", what, id, err, seen[id])
		}
		seen[id] = what
	}
	if a, _, _ := BucketOf(link("M1", "default", "x"), "a"); a != "kv-x" {
		t.Errorf("a fixed bucket is %q", a)
	}
}
