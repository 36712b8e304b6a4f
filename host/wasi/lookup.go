package wasi

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/wattle-io/wattle/wit"
)

const (
	maxName      = 253 // characters of a DNS name
	maxAddresses = 64  // of one name
	maxLookup    = 30 * time.Second
)

// resolving is the resource resolve-address-stream.
type resolving struct {
	*fetch[[]netip.Addr]
	cancel context.CancelFunc
	given  int
}

// Drop implements wit.Dropper.
func (r *resolving) Drop() { r.stop(r.cancel); r.cancel() }

// resolveAddresses begins a lookup. It is over by itself after 30 seconds, or when the guest drops the stream.
func (s *sockets) resolveAddresses(c *wit.Call) func() error {
	wit.HandleOf[networkHandle](c)
	name := c.Args.String()
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), maxLookup)
		r := &resolving{cancel: cancel, fetch: newFetch(func() ([]netip.Addr, error) {
			addrs, err := s.network.Lookup(ctx, name)
			return addrs[:min(len(addrs), maxAddresses)], s.noted(err)
		})}
		r.once = true
		if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			r.have, r.value = true, []netip.Addr{ip}
		} else if !isHostName(name) {
			cancel()
			return sockInvalidArgument
		}
		r.ready() // begins
		c.Give(r)
		return nil
	}
}

// resolveNextAddress appends option<ip-address>.
func resolveNextAddress(c *wit.Call) func() error {
	r := wit.HandleOf[*resolving](c)
	return func() error {
		addrs, err, ok := r.take()
		switch {
		case !ok:
			return sockWouldBlock
		case err != nil:
			return err
		case r.given == len(addrs):
			c.Result.None()
			return nil
		}
		c.Result.Some()
		encodeIP(&c.Result, addrs[r.given].WithZone(""))
		r.given++
		return nil
	}
}

// isHostName reports whether s can be looked up: labels of letters, digits, - and _, in ASCII.
func isHostName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > maxName {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r >= 0x80 || !isAlnum(byte(r)) && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return true
}
