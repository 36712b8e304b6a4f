package host_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func TestWhatAnActorLogsAndPrintsReachesWhoFollowsIt(t *testing.T) {
	n := newNode(t)
	id := n.peer("p", control.Limits{Instances: 1})
	n.peer("other", control.Limits{})
	logs, err := control.NewClient(n.lattice.Conn(bus.RoleView), nil, n.ID()).Logs(latticetest.Context(t), "p")
	fatal(t, err)
	n.do("other", "log", "not for us")
	n.do("p", "log", "hello")
	n.do("p", "print", "line")
	n.do("p", "print", "next") // completes the half line
	want := []string{"INFO hello map[context:ctx]", "ERROR hello! map[]", "INFO line map[]", "WARN oh line map[]", "INFO halfnext map[]", "WARN oh next map[]"}
	for _, w := range want {
		r := <-logs
		if got := fmt.Sprint(r.Level, " ", r.Message, " ", r.Attrs); got != w || r.Actor != id || r.Name != "p" || r.Host != n.ID() || r.Time.IsZero() {
			t.Errorf("%+v, want %s", r, w)
		}
	}
	fatal(t, n.Stop(t.Context(), control.StopRequest{Actor: "p"}))
	if r := <-logs; r.Message != "half" {
		t.Errorf("what was printed last: %+v", r)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{})
	n.lines.take()
	long := "x" + strings.Repeat("é", 20_000) // the cut would fall into a letter
	n.do("p", "log", long)
	n.do("p", "print", long)
	lines := n.lines.take()
	if len(lines) != 4 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if len(line) < 8<<10 || len(line) > 8<<10+100 || strings.Contains(line, `\x`) {
			t.Errorf("a line of %d bytes: %.60s … %s", len(line), line, line[len(line)-60:])
		}
	}
}

func TestTheLevelOfTheLoggingLinkDropsWhatIsLessImportant(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{})
	n.lines.take()
	logged := func() []string {
		n.do("p", "log", "x")
		return n.lines.take()
	}
	all := logged()
	if len(all) != 2 {
		t.Fatalf("logged %q", all)
	}
	for level, want := range map[string][]string{"trace": all, "info": all, "warn": all[1:], "error": all[1:], "critical": nil} {
		n.link("p", "logging", "wasi:logging", "", "level", level)
		if got := logged(); !slices.Equal(got, want) {
			t.Errorf("level %s: %q, want %q", level, got, want)
		}
	}
	fatal(t, n.DeleteLink(t.Context(), lattice.LinkKey{Source: "p", Contract: "wasi:logging"}))
	if got := logged(); !slices.Equal(got, all) {
		t.Errorf("without the link: %q", got)
	}
}

func TestTheConfigOfTheLinkLiesOverThatOfTheStart(t *testing.T) {
	n := newNode(t)
	n.run(signed{guest: "peer", name: "p", config: map[string]string{"color": "blue", "size": "large"}})
	n.link("caller", "p", "test:peer", "p")
	n.want("p", "config", "color", "blue 2") // the value, and how many keys there are
	n.link("p", "config", "wasi:config", "")
	n.want("p", "config", "color", "blue 2")
	n.link("p", "config", "wasi:config", "", "color", "red", "shape", "round")
	n.want("p", "config", "color", "red 3")
	n.want("p", "config", "size", "large 3")
	n.want("p", "config", "weight", "none 3")
	fatal(t, n.DeleteLink(t.Context(), lattice.LinkKey{Source: "p", Contract: "wasi:config"}))
	n.want("p", "config", "color", "blue 2")
}
