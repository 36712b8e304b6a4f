package keyvalue

import (
	"context"
	"fmt"

	"github.com/wattle-io/wattle/lattice"
)

// GetMany reads keys from a store: by its own method if it is a Batcher, else one after the other. See Batcher.
func GetMany(ctx context.Context, s Store, keys []string) ([][]byte, error) {
	if err := checkBatch(len(keys)); err != nil {
		return nil, err
	}
	if b, ok := s.(Batcher); ok {
		return b.GetMany(ctx, keys)
	}
	values, size := make([][]byte, len(keys)), 0
	for i, k := range keys {
		e, err := s.Get(ctx, k)
		if err != nil {
			return nil, err
		}
		if size += len(k) + len(e.Value); size > MaxAnswer {
			return nil, tooLarge()
		}
		if e.Exists() {
			values[i] = present(e.Value)
		}
	}
	return values, nil
}

// SetMany writes pairs to a store. See GetMany.
func SetMany(ctx context.Context, s Store, pairs []Pair) error {
	if err := checkBatch(len(pairs)); err != nil {
		return err
	}
	if b, ok := s.(Batcher); ok {
		return b.SetMany(ctx, pairs)
	}
	for _, p := range pairs {
		if err := s.Set(ctx, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// DeleteMany removes keys from a store. See GetMany.
func DeleteMany(ctx context.Context, s Store, keys []string) error {
	if err := checkBatch(len(keys)); err != nil {
		return err
	}
	if b, ok := s.(Batcher); ok {
		return b.DeleteMany(ctx, keys)
	}
	for _, k := range keys {
		if err := s.Delete(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// present makes a nil value an empty one, since nil says that there is no key.
func present(v []byte) []byte {
	if v == nil {
		return []byte{}
	}
	return v
}

func checkBatch(n int) error {
	if n > MaxBatch {
		return invalid(fmt.Sprintf("batch of %d keys", n), fmt.Sprintf("a batch has at most %d", MaxBatch))
	}
	return nil
}

func tooLarge() error {
	return &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("the values of the batch have more than %d bytes together", MaxAnswer),
		Hint: "ask for fewer keys at once"}
}
