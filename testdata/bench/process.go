package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startLimit is how long the program may take to start before that counts as a failure.
const startLimit = 30 * time.Second

// benchProcess measures the stripped program: its size, how soon it serves, and what it takes when it has nothing to do.
func benchProcess(ctx context.Context, b *bench) ([]table, error) {
	base, err := root()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(b.dir, "wattle")
	binary, err := buildGo(ctx, base, "./cmd/wattle", program)
	if err != nil {
		return nil, err
	}
	size := float64(len(binary)) / 1e6
	first, again, err := startTimes(ctx, b, program)
	if err != nil {
		return nil, err
	}
	rss, err := idleMemory(ctx, b, program)
	if err != nil {
		return nil, err
	}
	t := table{title: "The process", head: []string{"`wattle up`", "p50", "max"},
		note: "From the start of the stripped program until running.json is there and its NATS port answers: in an empty state directory, and in one that is there. Resident memory once it no longer changes."}
	t.add("start, empty directory", nanos(median(first)), nanos(percentile(first, 100)))
	t.add("start again", nanos(median(again)), nanos(percentile(again, 100)))
	t.add("idle RSS", fmt.Sprintf("%.1f MB", rss/1e6), "")
	t.add("stripped binary", fmt.Sprintf("%.1f MB", size), "")
	t.goals = []goal{atMost("start: p50", median(again)/1e6, 50, "%.0f ms"), atMost("idle RSS", rss/1e6, 30, "%.1f MB"), atMost("binary", size, 30, "%.1f MB")}
	return []table{t}, nil
}

// startTimes gives the times in ns of starts in a new state directory, and of the next ones there.
func startTimes(ctx context.Context, b *bench, program string) (first, again []float64, err error) {
	for i := range b.repeats(10) {
		dir := filepath.Join(b.dir, fmt.Sprintf("up%d", i))
		for _, list := range []*[]float64{&first, &again} {
			p, err := startProcess(ctx, program, dir)
			if err != nil {
				return nil, nil, err
			}
			*list = append(*list, float64(p.took.Nanoseconds()))
			if err := p.stop(); err != nil {
				return nil, nil, err
			}
		}
	}
	return first, again, nil
}

// process is a running `wattle up`.
type process struct {
	cmd  *exec.Cmd
	took time.Duration // until it served
}

// startProcess starts the program and waits until it can be reached.
func startProcess(ctx context.Context, program, dir string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, "up", "--http", "127.0.0.1:0", "--leaf", "none", "--dir", dir)}
	var said bytes.Buffer
	p.cmd.Stderr = &said
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for !reachable(filepath.Join(dir, "running.json"), p.cmd.Process.Pid) {
		if time.Since(began) > startLimit || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("wattle up did not start: %s", said.String()), p.cmd.Process.Kill(), p.cmd.Wait())
		}
		time.Sleep(200 * time.Microsecond)
	}
	p.took = time.Since(began)
	return p, nil
}

// reachable reports whether the file of that process names a NATS server that answers.
func reachable(file string, pid int) bool {
	var running struct {
		PID int
		URL string
	}
	b, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(b, &running) != nil || running.PID != pid {
		return false
	}
	u, err := url.Parse(running.URL)
	if err != nil {
		return false
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return false
	}
	defer conn.Close()
	hello, err := bufio.NewReader(io.LimitReader(conn, 4096)).ReadString(' ')
	return err == nil && hello == "INFO "
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// idleMemory is the resident memory of a process that nobody uses.
func idleMemory(ctx context.Context, b *bench, program string) (float64, error) {
	p, err := startProcess(ctx, program, filepath.Join(b.dir, "up0"))
	if err != nil {
		return 0, err
	}
	rss, err := settle(ctx, 10*time.Second, func() (float64, error) { return resident(p.cmd.Process.Pid) })
	return rss, errors.Join(err, p.stop())
}
