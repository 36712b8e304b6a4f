package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// keys is how many counters the requests are spread over.
const keys = 1000

// maxRequests bounds a run, whatever its time.
const maxRequests = 1_000_000

// load is what a run of requests showed.
type load struct {
	perSecond float64
	cpu       float64   // ns of processor time for one request, of client, server and hub together
	ns        []float64 // of each request
}

// generate sends GETs for d over some connections that are kept alive, one request at a time on each. It is made to cost little, since it
// shares the machine with the server: requests are made before, and of a response only the status and the length are read.
func generate(ctx context.Context, addr string, conns int, d time.Duration) (load, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	requests := make([][]byte, keys)
	for i := range requests {
		requests[i] = fmt.Appendf(nil, "GET /key%d HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n", i, addr)
	}
	parts, errs := make([][]float64, conns), make([]error, conns)
	var wg sync.WaitGroup
	began, cpu := time.Now(), cpuTime()
	for i := range conns {
		wg.Go(func() { parts[i], errs[i] = client(ctx, addr, requests, i*keys/conns, maxRequests/conns) })
	}
	wg.Wait()
	took, spent := time.Since(began), cpuTime()-cpu
	var all []float64
	for _, p := range parts {
		all = append(all, p...)
	}
	return load{float64(len(all)) / took.Seconds(), float64(spent) / float64(len(all)), all}, errors.Join(errs...)
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// client is one connection.
func client(ctx context.Context, addr string, requests [][]byte, next, limit int) (ns []float64, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	ns = make([]float64, 0, 1<<16)
	for ; ctx.Err() == nil && len(ns) < limit; next++ {
		began := time.Now()
		if _, err := conn.Write(requests[next%len(requests)]); err != nil {
			return ns, err
		}
		if err := readResponse(in); err != nil {
			return ns, err
		}
		ns = append(ns, float64(time.Since(began).Nanoseconds()))
	}
	return ns, nil
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length: ")
	chunked       = []byte("Transfer-Encoding: chunked")
)

// readResponse reads a response with a length, or in chunks.
func readResponse(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(line, statusOK) {
		return fmt.Errorf("answer %q, %w", line, err)
	}
	length := -1
	for len(line) > 2 {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if rest, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(rest))); err != nil {
				return err
			}
		} else if bytes.HasPrefix(line, chunked) {
			return readChunks(in)
		}
	}
	if length < 0 {
		return errors.New("a response without a length")
	}
	_, err = in.Discard(length)
	return err
}

// readChunks reads the rest of a head and the body in chunks.
func readChunks(in *bufio.Reader) error {
	for line := []byte("head"); len(line) > 2; {
		var err error
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return err
		}
		if _, err := in.Discard(int(size) + 2); err != nil || size == 0 {
			return err
		}
	}
}
