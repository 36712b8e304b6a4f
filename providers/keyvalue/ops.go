package keyvalue

import (
	"context"
	"fmt"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/wit"
)

// The flat operations. Each takes the name of the bucket first (as the actor opened it); what it means is up to the link, see BucketOf.
//
//	op           parameters after the bucket       result
//	open                                           (none)
//	get          key: string                       option<tuple<u64, list<u8>>>: version and value
//	set          key: string, value: list<u8>      (none)
//	delete       key: string                       (none)
//	exists       key: string                       bool
//	swap         key: string, value: list<u8>,     (none)
//	             version: u64
//	increment    key: string, delta: s64           s64
//	list         cursor: option<string>,           record { keys: list<string>, cursor: option<string> }
//	             limit: u32 (may be left out)
//	get-many     keys: list<string>                list<tuple<string, option<list<u8>>>>
//	set-many     list<tuple<string, list<u8>>>     (none)
//	delete-many  keys: list<string>                (none)
const (
	OpOpen       = "open"
	OpGet        = "get"
	OpSet        = "set"
	OpDelete     = "delete"
	OpExists     = "exists"
	OpSwap       = "swap"
	OpIncrement  = "increment"
	OpList       = "list"
	OpGetMany    = "get-many"
	OpSetMany    = "set-many"
	OpDeleteMany = "delete-many"
)

// serve decodes the parameters of one operation after the bucket, does it and encodes the result. Nothing is done if they are malformed.
func serve(ctx context.Context, s Store, op string, d *wit.Decoder, e *wit.Encoder) error {
	switch op {
	case OpOpen:
		return finish(d)
	case OpGet:
		return serveGet(ctx, s, d, e)
	case OpSet:
		key, value := d.String(), d.Bytes()
		if err := finish(d); err != nil {
			return err
		}
		return s.Set(ctx, key, value)
	case OpDelete:
		key := d.String()
		if err := finish(d); err != nil {
			return err
		}
		return s.Delete(ctx, key)
	case OpExists:
		return serveExists(ctx, s, d, e)
	case OpSwap:
		key, value, version := d.String(), d.Bytes(), d.Uint(64)
		if err := finish(d); err != nil {
			return err
		}
		return s.Swap(ctx, key, value, version)
	case OpIncrement:
		return serveIncrement(ctx, s, d, e)
	case OpList:
		return serveList(ctx, s, d, e)
	case OpGetMany:
		return serveGetMany(ctx, s, d, e)
	case OpSetMany:
		pairs := readPairs(d)
		if err := finish(d); err != nil {
			return err
		}
		return SetMany(ctx, s, pairs)
	case OpDeleteMany:
		keys := readKeys(d, MaxBatch)
		if err := finish(d); err != nil {
			return err
		}
		return DeleteMany(ctx, s, keys)
	}
	return &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("%s has no operation %.64q", Name, op)}
}

func finish(d *wit.Decoder) error {
	if err := d.Close(); err != nil {
		return malformed(err)
	}
	return nil
}

func serveGet(ctx context.Context, s Store, d *wit.Decoder, e *wit.Encoder) error {
	key := d.String()
	if err := finish(d); err != nil {
		return err
	}
	entry, err := s.Get(ctx, key)
	if err != nil {
		return err
	}
	if !entry.Exists() {
		e.None()
		return nil
	}
	e.Some()
	e.Uint(entry.Version)
	e.Bytes(entry.Value)
	return nil
}

func serveExists(ctx context.Context, s Store, d *wit.Decoder, e *wit.Encoder) error {
	key := d.String()
	if err := finish(d); err != nil {
		return err
	}
	ok, err := s.Exists(ctx, key)
	if err != nil {
		return err
	}
	e.Bool(ok)
	return nil
}

func serveIncrement(ctx context.Context, s Store, d *wit.Decoder, e *wit.Encoder) error {
	key, delta := d.String(), d.Int(64)
	if err := finish(d); err != nil {
		return err
	}
	n, err := s.Increment(ctx, key, delta)
	if err != nil {
		return err
	}
	e.Int(n)
	return nil
}

func serveList(ctx context.Context, s Store, d *wit.Decoder, e *wit.Encoder) error {
	cursor := ""
	if d.Option() {
		cursor = d.String()
	}
	limit := uint64(0) // the guest's function has none
	if d.Len() > 0 {
		limit = d.Uint(32)
	}
	if err := finish(d); err != nil {
		return err
	}
	page, err := s.List(ctx, cursor, int(min(limit, MaxPage)))
	if err != nil {
		return err
	}
	writePage(e, page)
	return nil
}

func serveGetMany(ctx context.Context, s Store, d *wit.Decoder, e *wit.Encoder) error {
	keys := readKeys(d, MaxBatch)
	if err := finish(d); err != nil {
		return err
	}
	values, err := GetMany(ctx, s, keys)
	if err != nil {
		return err
	}
	e.Uint(uint64(len(keys)))
	for i, key := range keys {
		e.String(key)
		writeOption(e, values[i])
	}
	return nil
}

func writeOption(e *wit.Encoder, v []byte) {
	if v == nil {
		e.None()
		return
	}
	e.Some()
	e.Bytes(v)
}

func readOption(d *wit.Decoder) []byte {
	if !d.Option() {
		return nil
	}
	return present(d.Bytes())
}

func writePage(e *wit.Encoder, p Page) {
	writeKeys(e, p.Keys)
	if p.Next == "" {
		e.None()
		return
	}
	e.Some()
	e.String(p.Next)
}

func readPage(d *wit.Decoder) Page {
	p := Page{Keys: readKeys(d, MaxPage)}
	if d.Option() {
		p.Next = d.String()
	}
	return p
}

func writeKeys(e *wit.Encoder, keys []string) {
	e.Uint(uint64(len(keys)))
	for _, k := range keys {
		e.String(k)
	}
}

// readKeys reads a list<string> of at most max elements; each takes at least a byte, so no length allocates more than there is.
func readKeys(d *wit.Decoder, max int) []string {
	keys := make([]string, readLen(d, max))
	for i := range keys {
		keys[i] = d.String()
	}
	return keys
}

// readPairs reads a list<tuple<string, list<u8>>>; the values alias the decoder's buffer.
func readPairs(d *wit.Decoder) []Pair {
	pairs := make([]Pair, readLen(d, MaxBatch))
	for i := range pairs {
		pairs[i] = Pair{d.String(), d.Bytes()}
	}
	return pairs
}

func readLen(d *wit.Decoder, max int) int {
	n := d.Uint(32)
	if n > uint64(max) || n > uint64(d.Len()) {
		d.Fail("%d elements, at most %d", n, max)
		return 0
	}
	return int(n)
}
