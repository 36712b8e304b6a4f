// Package keyvalue is the contract wasi:keyvalue: what a backend implements (Backend, Store), the flat operations that cross the
// lattice (Serve, Client), and the adapter between them and the WIT interfaces that actors import (Contract).
//
// It keeps no data. The backends are in the directories below; keyvaluetest is the suite that each of them passes.
package keyvalue

import (
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/wattle-io/wattle/lattice"
)

// Name is the contract's name in links and claims.
const Name = "wasi:keyvalue"

// Bounds of what a Store takes. An answer is bounded as well, because it must fit into one NATS message (1 MiB).
const (
	MaxKey    = 1024            // bytes of a key, at least 1
	MaxValue  = 1<<20 - 16<<10  // bytes of a value, may be 0
	MaxBatch  = 1000            // keys of a batch operation
	MaxAnswer = MaxValue + 4096 // bytes of an answer to a batch operation
	MaxPage   = 1000            // keys of a page; also what a limit of 0 means
	MaxList   = 256 << 10       // bytes of the keys of a page
)

// The errors of a Store that its callers tell apart. They are lattice kinds, so they survive the wire; a key that does not
// exist is no error.
var (
	ErrNoSuchStore  = lattice.ErrNotFound // no such bucket, and it cannot be made
	ErrAccessDenied = lattice.ErrDenied   // the bucket is not for this caller
	ErrConflict     = lattice.ErrConflict // Swap: the version is not the current one
	ErrInvalid      = lattice.ErrInvalid  // a key, value or name out of bounds; not a number; overflow
)

// Entry is what a key holds.
type Entry struct {
	Value   []byte // shared: not to be modified
	Version uint64 // changes with each write to the key; 0 if the key does not exist
}

// Exists reports whether the key exists.
func (e Entry) Exists() bool { return e.Version != 0 }

// Page is a part of the keys of a bucket, in byte order.
type Page struct {
	Keys []string
	Next string // cursor of the next page, "" if this was the last
}

// Store is a bucket. Its methods may be called from any goroutine. It refuses keys and values that CheckKey and CheckValue
// refuse. Errors are *lattice.Error or wrap one; context errors stay matchable.
type Store interface {
	// Get reads a key. The value is shared: the caller must not modify it.
	Get(ctx context.Context, key string) (Entry, error)
	// Set writes a key, whatever it holds. It does not keep value.
	Set(ctx context.Context, key string, value []byte) error
	// Delete removes a key, and does nothing if there is none.
	Delete(ctx context.Context, key string) error
	// Exists is Get without the value.
	Exists(ctx context.Context, key string) (bool, error)
	// Swap writes a key if its version is still the given one (0: if it does not exist), else it fails with ErrConflict.
	Swap(ctx context.Context, key string, value []byte, version uint64) error
	// Increment adds delta to the number in a key and returns the sum; a key that does not exist counts as 0. It is atomic and exact
	// against every other method on every host. The number is decimal text (ParseCounter), so that Get gives something readable. A value
	// that is no number, and a sum that does not fit, are refused with ErrInvalid and change nothing.
	Increment(ctx context.Context, key string, delta int64) (int64, error)
	// List returns at most limit keys (0: MaxPage) in byte order, those after cursor ("": from the first). The cursor is the last key
	// of the page before. A key that exists all the while is listed exactly once, whatever happens to others.
	List(ctx context.Context, cursor string, limit int) (Page, error)
}

// Batcher is a Store that has a better way for many keys than one after the other. A batch is not atomic: if it fails, a part of it
// may have been done.
type Batcher interface {
	// GetMany reads keys: the values in the order of the keys, nil where there is none (an empty value is not nil).
	GetMany(ctx context.Context, keys []string) ([][]byte, error)
	SetMany(ctx context.Context, pairs []Pair) error
	DeleteMany(ctx context.Context, keys []string) error
}

// Pair is a key and the value to write to it.
type Pair struct {
	Key   string
	Value []byte
}

// CheckKey refuses a key that is not 1 to MaxKey bytes of UTF-8.
func CheckKey(key string) error {
	if len(key) == 0 || len(key) > MaxKey {
		return invalid(fmt.Sprintf("key has %d bytes", len(key)), fmt.Sprintf("a key has 1 to %d bytes", MaxKey))
	}
	if !utf8.ValidString(key) {
		return invalid("key is not UTF-8", "encode binary keys, for example as hex")
	}
	return nil
}

// CheckValue refuses a value of more than MaxValue bytes.
func CheckValue(value []byte) error {
	if len(value) > MaxValue {
		return invalid(fmt.Sprintf("value has %d bytes", len(value)), fmt.Sprintf("a value has at most %d bytes", MaxValue))
	}
	return nil
}

// ParseCounter reads a counter: decimal text that fits in 64 bits, with an optional sign and nothing else.
func ParseCounter(key string, value []byte) (int64, error) {
	if len(value) <= 20 { // longer ones cannot fit, and must not be turned into a string
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, invalid(fmt.Sprintf("key %q does not hold a number", key), "a counter is decimal text of a signed 64-bit number; set or delete the key first")
}

// AddCounter is n + delta, or an error if that does not fit in 64 bits.
func AddCounter(key string, n, delta int64) (int64, error) {
	sum := n + delta
	if (sum > n) != (delta > 0) && delta != 0 {
		return 0, invalid(fmt.Sprintf("counter %q is %d: adding %d does not fit in 64 bits", key, n, delta), "")
	}
	return sum, nil
}

func invalid(msg, hint string) error { return &lattice.Error{Kind: ErrInvalid, Msg: msg, Hint: hint} }

// Conflict is the error of a Swap whose version is not the current one.
func Conflict(key string) error {
	return &lattice.Error{Kind: ErrConflict, Msg: fmt.Sprintf("key %q was changed by somebody else", key), Hint: "read it again and retry"}
}
