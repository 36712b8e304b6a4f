package latticetest_test

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice/latticetest"
)

// echo is a server that says what it hears.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// says sends n bytes and reads them back within the time.
func says(c net.Conn, n int, within time.Duration) error {
	_ = c.SetDeadline(time.Now().Add(within))
	if _, err := c.Write(make([]byte, n)); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, n))
	return err
}

func TestProxyBreaksInEachWay(t *testing.T) {
	p := latticetest.NewProxy(t, echo(t))
	c := dial(t, p.Addr())
	if err := says(c, 100, time.Second); err != nil {
		t.Fatal(err)
	}
	p.Delay(30 * time.Millisecond)
	start := time.Now()
	if err := says(c, 1, time.Second); err != nil || time.Since(start) < 60*time.Millisecond {
		t.Errorf("delayed: %v after %s", err, time.Since(start))
	}
	p.Delay(0)
	p.Throttle(100 << 10)
	start = time.Now()
	if err := says(c, 10<<10, 5*time.Second); err != nil || time.Since(start) < 100*time.Millisecond {
		t.Errorf("throttled: %v after %s", err, time.Since(start))
	}
	p.Throttle(0)
	p.BlackHole()
	if err := says(c, 1, 50*time.Millisecond); !os.IsTimeout(err) {
		t.Errorf("black hole: %v", err)
	}
	p.Heal()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Errorf("what was on the way is lost: %v", err)
	}
	before := p.Bytes()
	p.Cut()
	if err := says(c, 1, time.Second); err == nil {
		t.Error("cut, and it passes")
	}
	if err := says(dial(t, p.Addr()), 1, time.Second); err == nil {
		t.Error("cut, and a new connection passes")
	}
	p.Heal()
	if err := says(dial(t, p.Addr()), 100, time.Second); err != nil {
		t.Errorf("healed: %v", err)
	}
	if got := p.Bytes() - before; got != 200 {
		t.Errorf("%d bytes passed", got)
	}
}

func TestLeavesJoinAndTheLatticeOutlivesItsHub(t *testing.T) {
	l := latticetest.Hub(t)
	leaves := l.Leaves(2)
	if leaves[0].Membership.Name != "host-0" || leaves[1].Membership.Name != "host-1" {
		t.Errorf("names %s %s", leaves[0].Membership.Name, leaves[1].Membership.Name)
	}
	l.Restart()
	for _, leaf := range leaves {
		leaf.WaitUp()
	}
	leaves[0].Stop()
	leaves[0].Start()
	leaves[0].WaitUp()
}
