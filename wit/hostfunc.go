package wit

import (
	"context"
	"fmt"
	"strings"
)

// HostFunc implements one function that a guest imports. It reads its parameters from c.Args and appends its result to
// c.Result. A returned error is a trap: the guest does not go on, and its caller gets the error. What the guest should be
// able to handle goes into the result. The bytes in c.Args and c.Result are valid only during the call.
//
// ctx carries the deadline of the guest's own call; a function that blocks must honour it.
type HostFunc func(ctx context.Context, c *Call) error

// Imports are the host functions of an interface or of several, by "interface#function" with the canonical names of
// both, e.g. "wasi:keyvalue/store@0.2.0-draft2#[method]bucket.get".
type Imports map[string]HostFunc

// Find is the function of that interface and name, or nil. An interface of a compatible version will do.
func (m Imports) Find(iface, fn string) HostFunc {
	if f := m[CanonicalName(iface, fn)]; f != nil {
		return f
	}
	want := CanonicalName(CompatibleName(iface), fn)
	for name, f := range m {
		have, haveFn, _ := strings.Cut(name, "#")
		if haveFn == fn && CanonicalName(CompatibleName(have), fn) == want {
			return f
		}
	}
	return nil
}

// Call is one call of an imported function, seen from the Go function that implements it.
type Call struct {
	Args   Decoder
	Result Encoder

	in, out []any
}

// Reset prepares the call for reuse: args are the encoded parameters and in the objects behind their handles.
func (c *Call) Reset(args []byte, in []any) {
	c.Args.Reset(args)
	c.Result.Reset()
	clear(c.out)
	c.in, c.out = in, c.out[:0]
}

// Handle reads an own or borrow parameter and returns the host's object behind it.
func (c *Call) Handle() any {
	i := c.Args.U32()
	if int64(i) >= int64(len(c.in)) {
		c.Args.Fail("handle %d of %d", i, len(c.in))
		return nil
	}
	return c.in[i]
}

// Give appends an own handle of a new object to the result. If the object is a Dropper it is told when the guest drops it.
func (c *Call) Give(object any) {
	c.Result.Uint(uint64(len(c.out)))
	c.out = append(c.out, object)
}

// Out returns the objects given so far, at the indexes that stand in the result.
func (c *Call) Out() []any { return c.out }

// Dropper is an object behind a resource handle that wants to know when the guest drops the handle, or when the
// guest's instance goes away with the handle still open.
type Dropper interface{ Drop() }

// DropChecker is an object that may be dropped only at the right time, such as a parent after its children. CheckDrop is
// asked when the guest drops the handle, before Drop; its error is a trap. It is not asked when the instance goes away.
type DropChecker interface{ CheckDrop() error }

// HandleOf reads a handle and asserts the type of the object behind it. The engine has checked the resource type, so
// a wrong Go type is a mistake in the host: it fails the call.
func HandleOf[T any](c *Call) T {
	h := c.Handle()
	v, ok := h.(T)
	if !ok {
		c.Args.Fail("handle is a %T, want %T", h, v)
	}
	return v
}

// CanonicalName is how a function is named in Imports and links: "interface#function".
func CanonicalName(iface, fn string) string { return fmt.Sprintf("%s#%s", iface, fn) }
