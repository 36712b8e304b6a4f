package keyvaluetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wattle-io/wattle/providers/keyvalue"
)

func swap(t *testing.T, ctx context.Context, s keyvalue.Store) {
	fatal(t, s.Set(ctx, "a", []byte("1")))
	old, err := s.Get(ctx, "a")
	fatal(t, err)
	fatal(t, s.Swap(ctx, "a", []byte("2"), old.Version))
	wantKind(t, "swap with an old version", s.Swap(ctx, "a", []byte("3"), old.Version), keyvalue.ErrConflict)
	wantValue(t, ctx, s, "a", []byte("2"))
	now, err := s.Get(ctx, "a")
	fatal(t, err)
	fatal(t, s.Delete(ctx, "a"))
	wantKind(t, "swap after a delete", s.Swap(ctx, "a", []byte("4"), now.Version), keyvalue.ErrConflict)
	wantExists(t, ctx, s, "a", false)
}

func swapCreate(t *testing.T, ctx context.Context, s keyvalue.Store) {
	fatal(t, s.Swap(ctx, "a", []byte("1"), 0))
	wantKind(t, "creating again", s.Swap(ctx, "a", []byte("2"), 0), keyvalue.ErrConflict)
	fatal(t, s.Delete(ctx, "a"))
	fatal(t, s.Swap(ctx, "a", []byte("3"), 0))
	wantValue(t, ctx, s, "a", []byte("3"))
}

func swapRace(t *testing.T, ctx context.Context, s keyvalue.Store) {
	for round := range 5 {
		e, err := s.Get(ctx, "a")
		fatal(t, err)
		var won atomic.Int32
		parallel(8, func(i int) {
			switch err := s.Swap(ctx, "a", fmt.Append(nil, round, i), e.Version); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, keyvalue.ErrConflict):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("round %d: %d of 8 swaps with one version succeeded", round, won.Load())
		}
	}
}

func casLoop(t *testing.T, ctx context.Context, s keyvalue.Store) {
	const workers, each = 4, 25
	parallel(workers, func(int) {
		for range each {
			if err := addByCAS(ctx, s, "sum"); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wantValue(t, ctx, s, "sum", fmt.Append(nil, workers*each))
}

func addByCAS(ctx context.Context, s keyvalue.Store, key string) error {
	for {
		e, err := s.Get(ctx, key)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(e.Value)) // "" is 0
		err = s.Swap(ctx, key, fmt.Append(nil, n+1), e.Version)
		if !errors.Is(err, keyvalue.ErrConflict) {
			return err
		}
	}
}

func increment(t *testing.T, ctx context.Context, s keyvalue.Store) {
	sum := int64(0)
	for _, delta := range []int64{1, 1, 40, -50, 0, math.MaxInt64, math.MinInt64} {
		sum += delta
		wantCount(t, ctx, s, "n", delta, sum)
	}
	wantCount(t, ctx, s, "max", math.MaxInt64, math.MaxInt64)
	wantCount(t, ctx, s, "min", math.MinInt64, math.MinInt64)
	wantCount(t, ctx, s, "zero", 0, 0)
	wantExists(t, ctx, s, "zero", true)
}

func counterText(t *testing.T, ctx context.Context, s keyvalue.Store) {
	wantCount(t, ctx, s, "n", -12, -12)
	wantValue(t, ctx, s, "n", []byte("-12"))
	fatal(t, s.Set(ctx, "n", []byte("41")))
	wantCount(t, ctx, s, "n", 1, 42)
	wantValue(t, ctx, s, "n", []byte("42"))
}

func incrementRefused(t *testing.T, ctx context.Context, s keyvalue.Store) {
	for _, v := range []string{"", "x", "1 ", " 1", "1.0", "0x1", "9223372036854775808", "\x01\x00\x00\x00\x00\x00\x00\x00"} {
		fatal(t, s.Set(ctx, "n", []byte(v)))
		_, err := s.Increment(ctx, "n", 1)
		wantKind(t, fmt.Sprintf("increment of %q", v), err, keyvalue.ErrInvalid)
		wantValue(t, ctx, s, "n", []byte(v))
	}
	fatal(t, s.Delete(ctx, "n"))
	wantCount(t, ctx, s, "n", math.MaxInt64, math.MaxInt64)
	_, err := s.Increment(ctx, "n", 1)
	wantKind(t, "overflow", err, keyvalue.ErrInvalid)
	wantCount(t, ctx, s, "n", -1, math.MaxInt64-1)
	wantCount(t, ctx, s, "m", math.MinInt64, math.MinInt64)
	_, err = s.Increment(ctx, "m", -1)
	wantKind(t, "underflow", err, keyvalue.ErrInvalid)
}

func incrementConcurrent(t *testing.T, ctx context.Context, s keyvalue.Store) {
	const workers, each = 16, 63
	seen := make([]atomic.Bool, workers*each+1)
	parallel(workers, func(int) {
		for range each {
			n, err := s.Increment(ctx, "hot", 1)
			if err != nil {
				t.Error(err)
				return
			}
			if n < 1 || n > workers*each || seen[n].Swap(true) {
				t.Errorf("count %d out of range or twice", n)
			}
		}
	})
	wantValue(t, ctx, s, "hot", fmt.Append(nil, workers*each))
}

func incrementMany(t *testing.T, ctx context.Context, s keyvalue.Store) {
	const workers, each, names = 8, 40, 5
	parallel(workers, func(i int) {
		for j := range each {
			if _, err := s.Increment(ctx, fmt.Sprint("n", (i+j)%names), 2); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range names {
		wantCount(t, ctx, s, fmt.Sprint("n", i), 0, 2*workers*each/names)
	}
}

func incrementMixed(t *testing.T, ctx context.Context, s keyvalue.Store) {
	wantCount(t, ctx, s, "n", 5, 5)
	fatal(t, s.Set(ctx, "n", []byte("10")))
	wantCount(t, ctx, s, "n", 1, 11)
	fatal(t, s.Delete(ctx, "n"))
	wantCount(t, ctx, s, "n", 3, 3)
	e, err := s.Get(ctx, "n")
	fatal(t, err)
	fatal(t, s.Swap(ctx, "n", []byte("100"), e.Version))
	wantCount(t, ctx, s, "n", 1, 101)
	wantKind(t, "swap after an increment", s.Swap(ctx, "n", []byte("0"), e.Version), keyvalue.ErrConflict)
	fatal(t, s.Delete(ctx, "n"))
	fatal(t, s.Set(ctx, "n", []byte("text")))
	_, err = s.Increment(ctx, "n", 1)
	wantKind(t, "increment of text", err, keyvalue.ErrInvalid)
}

func wantCount(t *testing.T, ctx context.Context, s keyvalue.Store, key string, delta, want int64) {
	t.Helper()
	n, err := s.Increment(ctx, key, delta)
	fatal(t, err)
	if n != want {
		t.Errorf("increment %q by %d = %d, want %d", key, delta, n, want)
	}
}

// parallel runs f(0) … f(n-1) at once and waits for them.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
