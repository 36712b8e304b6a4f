//go:build wasip1

// Command mixed is a guest in standard Go that computes: maps, sorting, hashing and allocation.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
)

//go:wasmexport bench:guest/loops@1.0.0#mixed
func mixed(n uint32) (out uint32) {
	for range n {
		out += round(out)
	}
	return out
}

// round does about a millisecond of work.
func round(seed uint32) uint32 {
	counts, words, x := map[string]int{}, make([]string, 0, 1000), seed
	for range 1000 {
		x = x*1664525 + 1013904223
		w := strconv.Itoa(int(x >> 22))
		counts[w]++
		words = append(words, w)
	}
	slices.Sort(words)
	h := sha256.New()
	for _, w := range words {
		h.Write([]byte(w))
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(counts[w])))
	}
	return binary.LittleEndian.Uint32(h.Sum(nil))
}

func main() {}
