package latticetest_test

import (
	"testing"

	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func TestHubServesEachRoleAndComesBackAtItsAddress(t *testing.T) {
	l := latticetest.Hub(t)
	for _, r := range bus.Roles() {
		if err := l.Conn(r).FlushWithContext(latticetest.Context(t)); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	nc := l.TCP(bus.RoleView)
	url := l.ClientURL()
	l.Restart()
	if got := l.ClientURL(); got != url {
		t.Errorf("after the restart the hub is at %s, before at %s", got, url)
	}
	latticetest.WaitFor(t, "the connection to come back", nc.IsConnected)
}

// recorder is a test that takes note of its failure and runs its cleanups when told.
type recorder struct {
	testing.TB
	failed   bool
	cleanups []func()
}

func (r *recorder) Cleanup(f func())      { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestLeftGoroutineFailsTheTest(t *testing.T) {
	r := &recorder{TB: t}
	latticetest.NoLeaks(r)
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { defer close(ended); <-stop }()
	for _, f := range r.cleanups {
		f()
	}
	close(stop)
	<-ended
	if !r.failed {
		t.Error("a goroutine was left and nobody said so")
	}
}
