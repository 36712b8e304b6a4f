package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// candidate is one of several ways to do the same.
type candidate struct {
	name string
	run  func(n int) error // does it n times
}

// cost is what one repetition takes.
type cost struct {
	ns     float64 // median over the rounds
	ratio  float64 // to the first candidate: median of what each round says, which the machine's drift does not change
	allocs float64 // of the last round
}

// compare measures candidates in interleaved rounds: what disturbs one round disturbs all of them.
func compare(ctx context.Context, b *bench, list []candidate) ([]cost, error) {
	counts, costs := make([]int, len(list)), make([]cost, len(list))
	samples, ratios := make([][]float64, len(list)), make([][]float64, len(list))
	for i, c := range list {
		var err error
		if counts[i], err = calibrate(c, b.slot()); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range b.rounds() {
		for i, c := range list {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			ns, allocs, err := once(c, counts[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			samples[i], costs[i].allocs = append(samples[i], ns), allocs
			ratios[i] = append(ratios[i], ns/samples[0][round])
		}
	}
	for i := range list {
		costs[i].ns, costs[i].ratio = median(samples[i]), median(ratios[i])
	}
	return costs, nil
}

// calibrate finds how many repetitions take about d.
func calibrate(c candidate, d time.Duration) (int, error) {
	for n := 1; ; n *= 4 {
		began := time.Now()
		if err := c.run(n); err != nil {
			return 0, err
		}
		if took := time.Since(began); took > d/4 || n > 1<<28 {
			return max(int(float64(n)*float64(d)/float64(took+1)), 1), nil
		}
	}
}

// once gives the time in ns and the allocations of one of n repetitions.
func once(c candidate, n int) (ns, allocs float64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	err = c.run(n)
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	return float64(took.Nanoseconds()) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n), err
}

func median(list []float64) float64 { return percentile(list, 50) }

// percentile is the value that p percent do not exceed. The list may be in any order.
func percentile(list []float64, p float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(list))
	return s[max(int(math.Ceil(float64(len(s))*p/100)), 1)-1]
}

func nanos(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	}
	return fmt.Sprintf("%.2f ms", ns/1e6)
}

func factor(x float64) string { return fmt.Sprintf("%.2f", x) }
