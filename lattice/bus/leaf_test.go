package bus_test

import (
	"testing"

	"github.com/wattle-io/wattle/lattice/latticetest"
)

func TestHostsReachEachOther(t *testing.T) {
	l := latticetest.Hub(t)
	a, b := l.Leaf("a"), l.Leaf("b")
	t.Log(a.RTT(), b.RTT())
}
