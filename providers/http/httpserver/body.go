package httpserver

import (
	"io"
	"sync/atomic"

	"github.com/wattle-io/wattle/lattice"
)

// body is a request's body that ends with an error after so many bytes.
type body struct {
	r        io.Reader
	left     int64 // bytes that may still be read
	exceeded atomic.Bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.exceeded.Load() {
		return 0, errTooLarge()
	}
	if int64(len(p))-1 > b.left {
		p = p[:b.left+1] // one more, to learn whether there is more
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		b.exceeded.Store(true)
		return int(b.left), errTooLarge()
	}
	b.left -= int64(n)
	return n, err
}

// over reports whether the body was too large. A request without a body has none.
func (b *body) over() bool { return b != nil && b.exceeded.Load() }

func errTooLarge() error {
	return &lattice.Error{Kind: lattice.ErrLimit, Msg: "the request's body is larger than its link allows", Hint: "set max-body in the link's config"}
}
