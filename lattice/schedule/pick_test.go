package schedule

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"pgregory.net/rapid"
)

func offers(free ...int) (bids []control.Bid) {
	for i, n := range free {
		bids = append(bids, control.Bid{Host: string(rune('a' + i)), Free: n})
	}
	return bids
}

func TestPick(t *testing.T) {
	loaded := offers(5, 5, 5)
	loaded[0].Load, loaded[1].Load, loaded[2].Load = 0.9, 0.1, 0.5
	running := offers(5, 5, 5)
	running[1].Running = 2
	near := offers(1, 1)
	near[0].RTT, near[1].RTT = 2, 1
	for name, c := range map[string]struct {
		bids []control.Bid
		n    int
		s    Strategy
		want []Share
	}{
		"one each":                     {offers(5, 5, 5), 3, Spread, []Share{{"a", 1}, {"b", 1}, {"c", 1}}},
		"none more than it takes":      {offers(1, 9, 2), 7, Spread, []Share{{"a", 1}, {"b", 4}, {"c", 2}}},
		"the least busy first":         {loaded, 1, Spread, []Share{{"b", 1}}},
		"the nearest of two":           {near, 1, Spread, []Share{{"b", 1}}},
		"what runs counts":             {running, 3, Spread, []Share{{"a", 2}, {"c", 1}}},
		"no strategy is spread":        {offers(5, 5), 2, "", []Share{{"a", 1}, {"b", 1}}},
		"pack: the busiest first":      {loaded, 6, Binpack, []Share{{"a", 5}, {"c", 1}}},
		"pack: where it runs first":    {running, 2, Binpack, []Share{{"b", 2}}},
		"pack: the smallest of equals": {offers(5, 2, 5), 3, Binpack, []Share{{"a", 1}, {"b", 2}}},
		"none at all":                  {offers(1), 0, Spread, nil},
	} {
		if got, err := Pick(c.bids, c.n, c.s); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestShortageSaysWhy(t *testing.T) {
	bids := offers(1, 0)
	bids[1].Name, bids[1].Refused = "pi", "it has no label zone=kitchen"
	_, err := Pick(bids, 2, Spread)
	if !errors.Is(err, lattice.ErrLimit) || !strings.Contains(err.Error(), "1 instances, not for 2") || !strings.Contains(err.Error(), "pi: it has no label") {
		t.Error(err)
	}
	if _, err = Pick(bids[1:], 1, Spread); !errors.Is(err, lattice.ErrUnavailable) || !strings.Contains(err.Error(), "pi: it has no label") {
		t.Error(err)
	}
	if _, err = Pick(nil, 1, Binpack); !errors.Is(err, lattice.ErrUnavailable) {
		t.Error(err)
	}
}

func TestRescale(t *testing.T) {
	bids := offers(5, 5, 5)
	bids[0].Running, bids[1].Running = 3, 1
	for name, c := range map[string]struct {
		n    int
		s    Strategy
		want []Change
	}{
		"same":           {4, Spread, nil},
		"more":           {6, Spread, []Change{{"b", 1, 2}, {"c", 0, 1}}},
		"fewer":          {2, Spread, []Change{{"a", 3, 1}}},
		"none left":      {0, Spread, []Change{{"a", 3, 0}, {"b", 1, 0}}},
		"pack, fewer":    {3, Binpack, []Change{{"b", 1, 0}}},
		"pack, more":     {9, Binpack, []Change{{"a", 3, 8}}},
		"pack, one less": {2, Binpack, []Change{{"a", 3, 2}, {"b", 1, 0}}},
	} {
		if got, err := Rescale(bids, c.n, c.s); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
	}
	if _, err := Rescale(bids, 20, Spread); !errors.Is(err, lattice.ErrLimit) {
		t.Error(err)
	}
}

// Whatever hosts bid: nobody gets more than it takes, all is placed or nothing, and with Spread nobody has two more than another that has room.
func TestSharesAreFairWhateverIsBid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var bids []control.Bid
		room, running := 0, 0
		for i := range rapid.IntRange(0, 8).Draw(t, "hosts") {
			b := control.Bid{Host: fmt.Sprint("h", i), Free: rapid.IntRange(0, 6).Draw(t, "free"), Running: rapid.IntRange(0, 4).Draw(t, "running"),
				Load: rapid.Float64Range(0, 1).Draw(t, "load")}
			bids, room, running = append(bids, b), room+b.Free, running+b.Running
		}
		n := rapid.IntRange(0, 40).Draw(t, "n")
		s := rapid.SampledFrom([]Strategy{Spread, Binpack}).Draw(t, "strategy")
		changes, err := Rescale(bids, n, s)
		if fits := n-running <= room; fits != (err == nil) {
			t.Fatalf("%d of %d running, room for %d: %v", n, running, room, err)
		}
		if err != nil {
			return
		}
		has, total := map[string]int{}, 0
		for _, b := range bids {
			has[b.Host] = b.Running
		}
		for _, c := range changes {
			if c.From != has[c.Host] || c.To == c.From {
				t.Fatalf("change %+v of a host with %d", c, has[c.Host])
			}
			has[c.Host] = c.To
		}
		for _, b := range bids {
			total += has[b.Host]
			if has[b.Host] < 0 || has[b.Host] > b.Running+b.Free {
				t.Fatalf("%+v has %d", b, has[b.Host])
			}
			for _, o := range bids {
				grew, room := has[b.Host] > b.Running, has[o.Host] < o.Running+o.Free
				if s == Spread && grew && room && has[b.Host] > has[o.Host]+1 {
					t.Fatalf("%s was given more, to %d, while %s with %d has room", b.Host, has[b.Host], o.Host, has[o.Host])
				}
			}
		}
		if total != n {
			t.Fatalf("%d run, not %d", total, n)
		}
	})
}

func TestStrategiesByName(t *testing.T) {
	for name, want := range map[string]Strategy{"": Spread, "spread": Spread, "binpack": Binpack} {
		if got, err := ParseStrategy(name); err != nil || got != want {
			t.Error(name, got, err)
		}
	}
	if _, err := ParseStrategy("random"); !errors.Is(err, lattice.ErrInvalid) {
		t.Error(err)
	}
}

func BenchmarkPick(b *testing.B) {
	var bids []control.Bid
	for i := range 1000 {
		bids = append(bids, control.Bid{Host: fmt.Sprint(i), Free: 10, Load: float64(i%7) / 7})
	}
	for b.Loop() {
		if _, err := Pick(bids, 100, Spread); err != nil {
			b.Fatal(err)
		}
	}
}
