package slog_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/wattle-io/wattle/sdk/sdktest"
	wslog "github.com/wattle-io/wattle/sdk/slog"
)

func last(t *testing.T) sdktest.Entry {
	t.Helper()
	all := sdktest.Log()
	if len(all) == 0 {
		t.Fatal("nothing was logged")
	}
	return all[len(all)-1]
}

func TestAttributesAndGroupsAreText(t *testing.T) {
	sdktest.Reset(t)
	l := wslog.New("orders")
	for _, c := range []struct {
		log  func()
		want string
	}{
		{func() { l.Info("plain") }, "plain"},
		{func() { l.Info("two words", "k", "a b", "n", 3) }, `two words k="a b" n=3`},
		{func() { l.With("id", 7).Info("m", "k", "v") }, "m id=7 k=v"},
		{func() { l.WithGroup("g").Info("m", "time", "noon", "level", 9) }, "m g.time=noon g.level=9"},
		{func() { l.Info(`quote " it`, "d", time.Second) }, `quote " it d=1s`},
		{func() { l.Info("") }, ""},
	} {
		c.log()
		if got := last(t); got != (sdktest.Entry{Level: "info", Context: "orders", Message: c.want}) {
			t.Errorf("got %+v, want %q", got, c.want)
		}
	}
}

func TestLevelsMap(t *testing.T) {
	sdktest.Reset(t)
	l := slog.New(wslog.NewHandler("", slog.Level(-8)))
	for level, want := range map[slog.Level]string{-8: "trace", slog.LevelDebug: "debug", slog.LevelInfo: "info",
		slog.LevelInfo + 1: "info", slog.LevelWarn: "warn", slog.LevelError: "error", slog.LevelError + 4: "critical"} {
		l.Log(context.Background(), level, "m")
		if got := last(t).Level; got != want {
			t.Errorf("level %d is %s, want %s", level, got, want)
		}
	}
}

func TestBelowTheLevelNothingIsLogged(t *testing.T) {
	sdktest.Reset(t)
	slog.New(wslog.NewHandler("", slog.LevelWarn)).Info("m")
	if got := sdktest.Log(); len(got) != 0 {
		t.Errorf("logged %v", got)
	}
}
