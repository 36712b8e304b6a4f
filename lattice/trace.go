package lattice

import "context"

// Trace says of which trace a call is a part, as W3C Trace Context does (traceparent, version 00). It travels with calls in their context.
type Trace struct {
	ID    [16]byte // of the whole trace
	Span  [8]byte  // of the caller: the parent of what the callee does
	Flags byte     // 1: sampled
}

type traceKey struct{}

// WithTrace is ctx as a part of the trace.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf is the trace that ctx is a part of, if any.
func TraceOf(ctx context.Context) (Trace, bool) {
	t, ok := ctx.Value(traceKey{}).(Trace)
	return t, ok
}
