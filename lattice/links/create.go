package links

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

const createTime = 5 * time.Second // a stream whose disk failed does not answer at all

// create stores a record whose key was never written: of two who try at the same time one gets ErrConflict. (A bus.Bucket cannot say that it
// expects nothing.)
func (s *Store) create(ctx context.Context, key lattice.LinkKey, value []byte) error {
	js, err := jetstream.NewWithDomain(s.nc, bus.Domain)
	if err != nil {
		return fmt.Errorf("links: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, createTime)
	defer cancel()
	_, err = js.Publish(ctx, bus.APIPrefix+"$KV."+bucket+"."+recordKey(key), value, jetstream.WithExpectLastSequencePerSubject(0))
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return changed(key)
	case errors.As(err, &api):
		return &lattice.Error{Kind: lattice.ErrLimit, Msg: "the hub did not store the link: " + api.Description, Hint: "is its disk full?", Err: err}
	case err != nil:
		return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("the link cannot be stored: %v", err),
			Hint: "the hub is away, or this user has no right to write links", Err: err}
	}
	return nil
}
