package engine

import (
	"bytes"
	"context"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

func TestCallWithOneHostCall(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "basic", &testHost{}, Limits{})
	out, err := function(t, pool, "calls", "work").Call(context.Background(), args(func(e *wit.Encoder) { e.Bytes([]byte{1, 2, 3}) }), nil, nil)
	if err != nil || !bytes.Equal(out, u32(6)) {
		t.Fatalf("got %v, %v", out, err)
	}
}

func TestStringsCrossInBothDirections(t *testing.T) {
	pool := newPool(t, newEngine(t, Config{}), "basic", &testHost{}, Limits{})
	greet := function(t, pool, "calls", "greet")
	for _, name := range []string{"", "Ada", "Zoë 🌍", string(make([]byte, 300_000))} {
		out, err := greet.Call(context.Background(), text(name), nil, nil)
		if err != nil || !bytes.Equal(out, text("hello "+name)) {
			t.Fatalf("%.10q: got %.40q, %v", name, out, err)
		}
	}
}
