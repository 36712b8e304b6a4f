// Command bench measures Wattle against floors and peers: each figure beside one that was measured in the same run, in
// interleaved rounds, so that what else the machine does falls on both. It prints one Markdown table a topic.
//
//	go run . [-quick] [-only NAME] [-markdown] [-update FILE] [-cpuprofile FILE]
//
// It is a module of its own, so that the peers (waPC, Extism) are no dependencies of Wattle.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"time"
)

// topic is one subject of measurement.
type topic struct {
	name string
	run  func(context.Context, *bench) ([]table, error)
}

func topics() []topic {
	return []topic{
		{"call", benchCall}, {"fuel", benchFuel}, {"stop", benchStop}, {"http", benchHTTP}, {"provider", benchProvider},
		{"cold", benchCold}, {"memory", benchMemory}, {"process", benchProcess},
	}
}

// bench is what all topics share.
type bench struct {
	quick bool
	dir   string    // for files of this run
	log   io.Writer // progress
}

// rounds is how often each candidate is measured.
func (b *bench) rounds() int { return pick(b.quick, 3, 31) }

// slot is how long one measurement of a candidate lasts: short, so that many rounds tell what is typical.
func (b *bench) slot() time.Duration { return pick(b.quick, 20*time.Millisecond, 40*time.Millisecond) }

// repeats is how many samples a distribution is made of.
func (b *bench) repeats(n int) int { return pick(b.quick, max(n/5, 3), n) }

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "short rounds: shows that everything works, not how fast it is")
	only := flags.String("only", "", "measure one topic: "+names())
	markdown := flags.Bool("markdown", false, "print nothing but what BENCHMARKS.md holds between its marks")
	update := flags.String("update", "", "also put that into a `FILE`, between its marks")
	profile := flags.String("cpuprofile", "", "write a CPU profile of this process to a `FILE`")
	child := flags.String("child", "", "for the program itself: measure the memory of instances of this guest")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *child != "" {
		return fail(stderr, measureMemory(ctx, *child, stdout))
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return fail(stderr, err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fail(stderr, err)
		}
		defer pprof.StopCPUProfile()
	}
	b := &bench{quick: *quick, log: stderr}
	if *markdown {
		b.log = io.Discard
	}
	return fail(stderr, b.main(ctx, *only, *update, stdout))
}

func names() string {
	var s []string
	for _, t := range topics() {
		s = append(s, t.name)
	}
	return strings.Join(s, ", ")
}

func fail(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "bench:", err)
	return 1
}

// main measures the topics and prints their tables as they come.
func (b *bench) main(ctx context.Context, only, update string, stdout io.Writer) (err error) {
	if b.dir, err = os.MkdirTemp("", "wattle-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	var report strings.Builder
	out := io.MultiWriter(stdout, &report)
	fmt.Fprint(out, machine(b.quick))
	found := false
	for _, t := range topics() {
		if only != "" && t.name != only {
			continue
		}
		found = true
		if err := b.topic(ctx, t, out); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if !found {
		return errors.New("topics are " + names())
	}
	if update != "" {
		return replaceMarked(update, report.String())
	}
	return nil
}

func (b *bench) topic(ctx context.Context, t topic, out io.Writer) error {
	began := time.Now()
	fmt.Fprintf(b.log, "measuring %s …\n", t.name)
	tables, err := t.run(ctx, b)
	if err != nil {
		return err
	}
	for _, tab := range tables {
		fmt.Fprint(out, "\n"+tab.String())
	}
	fmt.Fprintf(b.log, "%s took %v\n", t.name, time.Since(began).Round(time.Millisecond))
	return nil
}
