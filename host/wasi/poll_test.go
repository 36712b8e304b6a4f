package wasi

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestPollOfNothingTraps(t *testing.T) {
	g := newGuest(t, Config{})
	if _, err := g.try("poll#poll", list()); !errors.Is(err, ErrMisuse) {
		t.Fatalf("got %v", err)
	}
}

func TestPollOfTooManyTraps(t *testing.T) {
	g := newGuest(t, Config{})
	p := g.add(&pollable{})
	var ps []any
	for range maxPoll + 1 {
		ps = append(ps, p)
	}
	if _, err := g.try("poll#poll", ps); !errors.Is(err, ErrMisuse) {
		t.Fatalf("got %v", err)
	}
	if n := len(g.call("poll#poll", ps[1:]).([]any)); n != maxPoll {
		t.Fatalf("%d are ready", n)
	}
}

func TestPollGivesAllThatAreReady(t *testing.T) {
	g := newGuest(t, Config{})
	r, w := io.Pipe()
	defer w.Close()
	never := g.open("streams#[method]input-stream.subscribe", g.input(r))
	always := g.open("streams#[method]output-stream.subscribe", g.output(io.Discard))
	same(t, "poll", g.call("poll#poll", list(always, never, always)), list(0, 2))
}

func TestPollWaitsForTheFirstOfTimersAndStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuest(t, Config{})
		r, w := io.Pipe()
		s := g.input(r)
		sub := g.open("streams#[method]input-stream.subscribe", s)
		second := g.open("wasi:clocks/monotonic-clock#subscribe-duration", int(time.Second))
		minute := g.open("wasi:clocks/monotonic-clock#subscribe-duration", int(time.Minute))
		start := time.Now()
		same(t, "poll", g.call("poll#poll", list(minute, sub, second)), list(2))
		same(t, "waited", time.Since(start), time.Second)
		go func() { time.Sleep(time.Second); w.Write([]byte("x")); w.Close() }()
		same(t, "poll", g.call("poll#poll", list(sub, minute)), list(0))
		same(t, "waited", time.Since(start), 2*time.Second)
		same(t, "rest", g.readAll(s), "x")
		g.call("poll#[method]pollable.block", minute)
		same(t, "waited", time.Since(start), time.Minute)
	})
}

func TestSubscribeInstantCountsFromTheMonotonicClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuest(t, Config{})
		time.Sleep(time.Hour)
		past := g.open("wasi:clocks/monotonic-clock#subscribe-instant", int(time.Minute))
		same(t, "past instant is ready", g.call(isReady, past), true)
		later := g.open("wasi:clocks/monotonic-clock#subscribe-instant", int(2*time.Hour))
		same(t, "later instant is ready", g.call(isReady, later), false)
		g.call("poll#[method]pollable.block", later)
		same(t, "now", g.call("wasi:clocks/monotonic-clock#now"), int(2*time.Hour))
		same(t, "endless", g.call(isReady, g.open("wasi:clocks/monotonic-clock#subscribe-duration", -1)), false)
	})
}

func TestPollEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuest(t, Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		g.ctx = ctx
		p := g.open("wasi:clocks/monotonic-clock#subscribe-duration", int(time.Minute))
		if _, err := g.try("poll#poll", list(p)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	})
}
