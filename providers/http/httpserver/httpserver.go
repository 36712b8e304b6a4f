// Package httpserver is the provider that serves HTTP/1.1 and calls actors for it: a source of links for wasi:http. One port serves many
// actors; the config of each link says which requests are its actor's.
//
// It terminates no TLS and rewrites no paths. It trusts neither side: what a client sends is bounded in size and time, and what an actor
// sends is checked before it goes out.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
	contract "github.com/wattle-io/wattle/providers/http"
)

// Name is the driver's name, and so the source of its links.
const Name = "httpserver"

// Driver is the provider "httpserver". Its settings: addr, where it listens (default DefaultAddr; port 0 picks one).
func Driver() providers.Driver {
	return providers.Driver{
		Name:   Name,
		Doc:    "an HTTP server that calls actors; link config: host, path (a prefix), timeout (Go duration), max-body (bytes, or 10MiB)",
		Calls:  []string{contract.Name},
		Config: config(),
		New:    func(env providers.Env) (providers.Provider, error) { return New(env) },
	}
}

func config() []string { return []string{"host", "path", "timeout", "max-body"} }

// DefaultAddr is where the server listens unless told otherwise: on this machine only.
const DefaultAddr = "127.0.0.1:8080"

// Limits of a connection that no link can change.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second // how long Close waits for running requests
	maxHeader     = 32 << 10         // bytes of a request's header, as net/http counts them
)

// Server is the provider.
type Server struct {
	actors lattice.Invoker
	log    *slog.Logger
	http   *http.Server
	addr   string
	done   chan struct{} // closed when nothing is served any more
	pool   sync.Pool     // of *exchange

	mu     sync.Mutex // guards changes of routes
	routes atomic.Pointer[table]
}

var (
	_ providers.Provider  = (*Server)(nil)
	_ providers.Describer = (*Server)(nil)
)

// New listens and serves. An address in use is lattice.ErrConflict.
func New(env providers.Env) (*Server, error) {
	if env.Actors == nil {
		return nil, &lattice.Error{Kind: lattice.ErrInternal, Msg: "httpserver needs a way to call actors"}
	}
	ln, err := listen(env)
	if err != nil {
		return nil, err
	}
	s := &Server{actors: env.Actors, log: env.Log, addr: ln.Addr().String(), done: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.routes.Store(newTable(nil))
	s.http = &http.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: headerTimeout, WriteTimeout: headerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the HTTP server stopped", "addr", s.addr, "error", err)
		}
	}()
	return s, nil
}

func listen(env providers.Env) (net.Listener, error) {
	addr := env.Settings["addr"]
	if addr == "" {
		addr = DefaultAddr
	}
	open := env.Listen
	if open == nil {
		open = net.Listen
	}
	ln, err := open("tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("address %s for HTTP is in use by another process", addr),
			Hint: "end that process, or choose another address with --http ADDR (\":0\" picks a free port)", Err: err}
	case errors.Is(err, syscall.EACCES):
		return nil, &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("this user may not listen on %s", addr),
			Hint: "choose a port from 1024 on with --http ADDR", Err: err}
	}
	return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("cannot listen on %q for HTTP: %v", addr, err),
		Hint: "choose an address of this machine with --http ADDR, such as 127.0.0.1:8080", Err: err}
}

// Describe gives the address that the server listens on.
func (s *Server) Describe() map[string]string { return map[string]string{"address": s.addr} }

// Invoke refuses: an HTTP server is called by clients, not by actors.
func (s *Server) Invoke(_ context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("httpserver offers no %s: it calls actors", inv.Contract)}
}

// Close lets running requests end for drainTimeout, then cuts them off.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("httpserver: requests were cut off: %w", err), s.http.Close())
	}
	<-s.done
	return err
}
