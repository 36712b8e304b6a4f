// Command goguest is a Go guest for tests: maps, goroutines, recursion, allocation, formatting.
package main

import (
	"crypto/sha256"
	"fmt"
	"sort"
	"strings"
)

//go:wasmexport work
func work(n int32) int64 {
	words := map[string]int{}
	for i := range int(n) {
		words[fmt.Sprintf("w%d", i*i%97)] += i
	}
	keys := make([]string, 0, len(words))
	for k := range words {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	sums := make(chan int)
	for _, k := range keys {
		go func() { sums <- words[k] + depth(int(n)) }()
	}
	total := 0
	for range keys {
		total += <-sums
	}
	h := sha256.Sum256([]byte(strings.Join(keys, ",") + fmt.Sprint(total)))
	return int64(h[0])<<24 | int64(h[1])<<16 | int64(h[2])<<8 | int64(h[3])
}

func depth(n int) int {
	if n == 0 {
		return 0
	}
	return depth(n-1) + n
}

// forever recurses until the goroutine's stack is too large.
//
//go:wasmexport forever
func forever(n int32) int64 {
	if n < 0 {
		return 0
	}
	return forever(n|1) + int64(n)
}

//go:wasmexport spin
func spin(n int32) int32 {
	for n != 0 {
		n |= 1
	}
	return n
}

func main() {}
