package wasi

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wattle-io/wattle/wit"
)

// maxRandom bounds the bytes that one call of get-random-bytes makes.
const maxRandom = 1 << 20

// randomImports are wasi:random. The insecure functions are as good as the secure ones.
func randomImports(r io.Reader) wit.Imports {
	bytes, number := randomBytes(r), randomNumbers(r, 1)
	return merge(
		imports("wasi:random/random@0.2.0", map[string]wit.HostFunc{"get-random-bytes": bytes, "get-random-u64": number}),
		imports("wasi:random/insecure@0.2.0", map[string]wit.HostFunc{
			"get-insecure-random-bytes": bytes, "get-insecure-random-u64": number,
		}),
		imports("wasi:random/insecure-seed@0.2.0", map[string]wit.HostFunc{"insecure-seed": randomNumbers(r, 2)}),
	)
}

func randomBytes(r io.Reader) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		n := c.Args.Uint(64)
		if err := c.Args.Close(); err != nil {
			return err
		}
		if n > maxRandom {
			return trapf("get-random-bytes of %d bytes; at most %d at a time are allowed", n, maxRandom)
		}
		p := make([]byte, n)
		if _, err := io.ReadFull(r, p); err != nil {
			return fmt.Errorf("wasi: random: %w", err)
		}
		c.Result.Bytes(p)
		return nil
	}
}

// randomNumbers gives n numbers of 64 bits: a u64 or a tuple of them.
func randomNumbers(r io.Reader, n int) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		if err := c.Args.Close(); err != nil {
			return err
		}
		for range n {
			var p [8]byte
			if _, err := io.ReadFull(r, p[:]); err != nil {
				return fmt.Errorf("wasi: random: %w", err)
			}
			c.Result.Uint(binary.LittleEndian.Uint64(p[:]))
		}
		return nil
	}
}
