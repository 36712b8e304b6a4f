package main

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/envelope"
	"github.com/wattle-io/wattle/lattice/trust"
)

// joins is what a hub does for the hosts that join: it takes them in, tells them of each other and whom to trust, and gives them modules.
type joins struct {
	enroll    *bus.Enrollment
	directory *control.DirectoryHub
	modules   *control.ModuleServer
	publisher *trust.Publisher
	home      *home.Home
	commands  envelope.Trust
	log       *slog.Logger

	end context.CancelFunc
	wg  sync.WaitGroup
}

// startTime bounds how long it may take to be ready for joins.
const startTime = 20 * time.Second

func serveJoins(ctx context.Context, n *node, identity *bus.Identity, log *slog.Logger) (_ *joins, err error) {
	j := &joins{home: n.home, log: log}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	defer func() {
		if err != nil {
			j.Close()
		}
	}()
	if j.directory, err = control.ServeDirectory(ctx, n.conn, log); err != nil {
		return nil, err
	}
	store, err := control.OpenModules(ctx, n.conn)
	if err != nil {
		return nil, err
	}
	if j.modules, err = control.ServeModules(n.conn, store, log); err != nil {
		return nil, err
	}
	if j.commands, err = envelope.TrustOf(identity); err != nil {
		return nil, err
	}
	if j.publisher, err = trust.NewPublisher(ctx, n.conn, identity); err != nil {
		return nil, err
	}
	if err = j.publish(ctx); err != nil {
		return nil, err
	}
	if j.enroll, err = n.hub.ServeEnroll(ctx, bus.EnrollConfig{Log: log}); err != nil {
		return nil, err
	}
	watch, end := context.WithCancel(context.Background())
	j.end = end
	j.wg.Go(func() { j.watch(watch) })
	return j, nil
}

// publish tells all hosts which issuers this lattice trusts.
func (j *joins) publish(ctx context.Context) error {
	roots, err := j.home.Roots()
	if err != nil {
		return err
	}
	return j.publisher.Publish(ctx, roots, j.commands)
}

// issuersEvery is how often to look whether issuers were added: each is a file of its own, so the directory's time says it.
const issuersEvery = 200 * time.Millisecond

func (j *joins) watch(ctx context.Context) {
	tick := time.NewTicker(issuersEvery)
	defer tick.Stop()
	var seen time.Time // zero: what came between the first publish and now is published now
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		info, err := os.Stat(j.home.Path("issuers"))
		if err != nil || info.ModTime().Equal(seen) {
			continue
		}
		if err := j.publish(ctx); err != nil {
			j.log.Warn("the other hosts cannot be told whom to trust", "err", err)
			continue
		}
		seen = info.ModTime()
	}
}

// Close ends it.
func (j *joins) Close() {
	if j.end != nil {
		j.end()
		j.wg.Wait()
	}
	if j.enroll != nil {
		j.enroll.Close()
	}
	if j.modules != nil {
		j.modules.Close()
	}
	if j.directory != nil {
		j.directory.Close()
	}
}

// remove ends a host's membership, and what the lattice knows of it.
func (n *node) remove(ctx context.Context, host string) error {
	if n.joins == nil || host == n.host.ID() {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "the hub's own host cannot be removed", Hint: "stop `wattle up` instead"}
	}
	if err := n.joins.enroll.Remove(ctx, host); err != nil {
		return err
	}
	return control.ForgetHost(ctx, n.conn, host)
}
