package wasi

import (
	"context"
	"math"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// clockImports are wasi:clocks. The monotonic clock starts when it is made, so that it tells nothing of the machine.
func clockImports(now func() time.Time) wit.Imports {
	m := &monotonic{now: now, start: now()}
	return merge(
		imports("wasi:clocks/monotonic-clock@0.2.0", map[string]wit.HostFunc{
			"now":                plain(func(c *wit.Call) { c.Result.Uint(m.instant()) }),
			"resolution":         plain(func(c *wit.Call) { c.Result.Uint(1) }),
			"subscribe-instant":  m.subscribeInstant,
			"subscribe-duration": m.subscribeDuration,
		}),
		imports("wasi:clocks/wall-clock@0.2.0", map[string]wit.HostFunc{
			"now":        plain(func(c *wit.Call) { encodeTime(&c.Result, now()) }),
			"resolution": plain(func(c *wit.Call) { encodeTime(&c.Result, time.Unix(0, 1)) }),
		}),
	)
}

// encodeTime appends the record datetime, {seconds: u64, nanoseconds: u32}. There is no time before 1970.
func encodeTime(e *wit.Encoder, t time.Time) {
	if t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	e.Uint(uint64(t.Unix()))
	e.Uint(uint64(t.Nanosecond()))
}

type monotonic struct {
	now   func() time.Time
	start time.Time
}

// instant is the time since start in nanoseconds.
func (m *monotonic) instant() uint64 { return uint64(max(0, m.now().Sub(m.start))) }

func (m *monotonic) subscribeInstant(_ context.Context, c *wit.Call) error {
	at := m.start.Add(nanoseconds(c.Args.Uint(64)))
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&pollable{at: at, now: m.now})
	return nil
}

func (m *monotonic) subscribeDuration(_ context.Context, c *wit.Call) error {
	at := m.now().Add(nanoseconds(c.Args.Uint(64)))
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&pollable{at: at, now: m.now})
	return nil
}

// nanoseconds converts a u64; what is longer than 292 years is 292 years.
func nanoseconds(n uint64) time.Duration { return time.Duration(min(n, math.MaxInt64)) }
