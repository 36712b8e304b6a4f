package engine

import (
	"context"
	"runtime"

	"github.com/tetratelabs/wazero/api"
)

// slice is how many units of fuel a guest gets at a time: about one per loop iteration or function call. Between two yields Go's
// scheduler and garbage collector wait for the guest, so a slice must stay far below 10 ms of work.
const slice = 20_000

// reasons of a yield, as package wasmmod has them.
const (
	yieldFuel  = 0
	yieldStack = 1
)

// yield is where a metered guest hands over to Go: (reason i32) -> (fuel i32).
func yield(ctx context.Context, _ api.Module, stack []uint64) {
	c := ctx.(*callContext)
	if uint32(stack[0]) == yieldStack {
		panic(errorf(ErrStack, "the guest's calls are nested too deep for its %d bytes of stack", c.in.pool.limits.Stack))
	}
	c.in.slices++
	c.check()
	runtime.Gosched() // else guests that compute keep their threads for 10 ms at a time, and others' latency with them
	stack[0] = slice
}
