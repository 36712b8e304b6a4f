package natskv

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/providers/keyvalue/keyvaluetest"
)

func TestConformance(t *testing.T) {
	s := serve(t, t.TempDir())
	keyvaluetest.RunBackend(t, connect(t, s), func(t *testing.T) keyvalue.Backend { return newBackend(t, connect(t, s)) })
}

func newBackend(t testing.TB, nc *nats.Conn) *Backend {
	t.Helper()
	b, err := New(nc, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serve starts a NATS server with JetStream on disk.
func serve(t testing.TB, dir string) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stop(s) })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func connect(t testing.TB, s *server.Server) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}
