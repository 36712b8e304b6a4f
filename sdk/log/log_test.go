package log_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/wattle-io/wattle/sdk/log"
	"github.com/wattle-io/wattle/sdk/sdktest"
)

func TestLevelsAndContextReachTheHost(t *testing.T) {
	sdktest.Reset(t)
	log.Trace("a")
	log.Debug("b")
	log.Info("c")
	log.Warn("d")
	log.Error("e")
	log.Log(log.LevelCritical, "orders", "f")
	log.Log(200, "", "g")
	want := []string{"trace  a", "debug  b", "info  c", "warn  d", "error  e", "critical orders f", "critical  g"}
	var got []string
	for _, e := range sdktest.Log() {
		got = append(got, e.Level+" "+e.Context+" "+e.Message)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAttributesAreAppended(t *testing.T) {
	for _, c := range []struct {
		attrs []any
		want  string
	}{
		{nil, "m"},
		{[]any{"name", "apples", "count", 3}, "m name=apples count=3"},
		{[]any{"s", "two words", "e", "", "q", `a"b`, "eq", "a=b", "nl", "a\nb"}, `m s="two words" e="" q="a\"b" eq="a=b" nl="a\nb"`},
		{[]any{"err", errors.New("no such key")}, `m err="no such key"`},
		{[]any{"d", 1500 * time.Millisecond, "b", true, "f", 1.5, "g", float32(0.1), "z", nil}, "m d=1.5s b=true f=1.5 g=0.1 z=<nil>"},
		{[]any{"i", int8(-1), "j", int16(-2), "k", int32(-3), "l", int64(-4)}, "m i=-1 j=-2 k=-3 l=-4"},
		{[]any{"i", uint(1), "j", uint8(2), "k", uint16(3), "l", uint32(4), "m", uint64(1<<64 - 1)}, "m i=1 j=2 k=3 l=4 m=18446744073709551615"},
		{[]any{"raw", []byte("bytes"), "ip", netip.MustParseAddr("10.0.0.1"), "x", struct{}{}}, "m raw=bytes ip=10.0.0.1 x=!BADVALUE"},
		{[]any{1, "k", "v"}, "m !BADKEY=1 k=v"},
		{[]any{"alone"}, "m !BADKEY=alone"},
	} {
		sdktest.Reset(t)
		log.Info("m", c.attrs...)
		if got := sdktest.Log()[0].Message; got != c.want {
			t.Errorf("%v: got %s, want %s", c.attrs, got, c.want)
		}
	}
}
