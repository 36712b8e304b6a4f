package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/wit"
)

// client has connections of its own, which end with the test.
func client(t testing.TB) *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: latticetest.Patience}
}

func get(c *http.Client, url string) (status int, body string, err error) {
	resp, err := c.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestReplacingAnActorUnderLoadFailsNoRequest(t *testing.T) {
	const workers, versions = 16, 20
	n := newNode(t)
	modules := [][]byte{guest(t, "peer"), custom(guest(t, "peer"), "other", nil)} // two programs
	start := func(v int) {
		t.Helper()
		n.run(signed{guest: "peer", wasm: modules[v%2], version: fmt.Sprintf("1.%d.0", v), replace: true, config: map[string]string{"version": fmt.Sprint(v)}})
	}
	start(0)
	n.link("httpserver", "peer", "wasi:http", "")
	url, c := n.http()+"/version", client(t)
	var newest, served atomic.Int64 // newest: the version that started last
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				least := newest.Load()
				status, body, err := get(c, url)
				var v int64
				if _, scan := fmt.Sscan(body, &v); err != nil || status != 200 || scan != nil || v < least {
					t.Errorf("at version %d: %d %q, %v", least, status, body, err)
					return
				}
				served.Add(1)
			}
		})
	}
	for v := 1; v <= versions; v++ {
		before := served.Load()
		start(v)
		newest.Store(int64(v))
		latticetest.WaitFor(t, "requests to the new version", func() bool { return t.Failed() || served.Load() > before+workers })
	}
	close(done)
	wg.Wait()
	if info := n.info("peer"); info.Version != "1.20.0" || info.Failures != 0 {
		t.Errorf("%+v", info)
	}
	t.Logf("%d requests", served.Load())
}

func TestACallUnderWayEndsOnTheVersionThatItBeganOn(t *testing.T) {
	n := newNode(t)
	n.run(signed{guest: "peer", version: "1.0.0", config: map[string]string{"version": "1"}})
	n.link("httpserver", "peer", "wasi:http", "")
	in, out := io.Pipe()
	resp, err := client(t).Post(n.http()+"/first", "text/plain", in)
	fatal(t, err)
	defer resp.Body.Close()
	replaced := make(chan error, 1)
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		s := signed{guest: "peer", version: "2.0.0", replace: true, config: map[string]string{"version": "2"}}
		_, err := n.tryStartWithin(ctx, n.sign(s), s)
		replaced <- err
	}()
	latticetest.WaitFor(t, "the new version to answer", func() bool {
		_, body, err := get(http.DefaultClient, n.http()+"/version")
		return err == nil && body == "2"
	})
	giveUp() // whoever sent the command: that does not cut off a call
	select {
	case err := <-replaced:
		t.Fatalf("the old version was not waited for: %v", err)
	default:
	}
	n.link("caller", "peer", "test:peer", "peer") // a drain stops nobody else
	io.WriteString(out, "the rest")
	out.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "begun\nthe rest" {
		t.Errorf("%q, %v", b, err)
	}
	fatal(t, <-replaced)
	http.DefaultClient.CloseIdleConnections()
}

// spinWhileReplaced has p spin, and replaces it meanwhile. It gives what becomes of the call, and what ends when the replacement is done.
func (n *node) spinWhileReplaced() (ended chan error, replaced chan struct{}) {
	n.t.Helper()
	n.peer("p", control.Limits{})
	ended, replaced = make(chan error, 1), make(chan struct{})
	go func() { _, err := n.command(context.Background(), "p", "spin", ""); ended <- err }()
	latticetest.WaitFor(n.t, "the call to run", func() bool { return n.info("p").Busy == 1 })
	go func() {
		defer close(replaced)
		n.tryRun(signed{guest: "peer", name: "p", version: "2.0.0", replace: true})
	}()
	latticetest.WaitFor(n.t, "the new version", func() bool { return n.info("p").Version == "2.0.0" })
	return ended, replaced
}

func TestACallThatWasCutOffIsNotRepeatedOnTheNextVersion(t *testing.T) {
	n := newNode(t)
	n.cfg.Drain = 50 * time.Millisecond
	n.restart()
	ended, replaced := n.spinWhileReplaced()
	if err := <-ended; !errors.Is(err, lattice.ErrUnavailable) {
		t.Error(err)
	}
	<-replaced
	if got := n.info("p"); got.Calls != 0 || got.Busy != 0 {
		t.Errorf("the new version was called: %+v", got)
	}
}

func TestCloseEndsWhatIsStillDrained(t *testing.T) {
	n := newNode(t)
	ended, replaced := n.spinWhileReplaced()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, lattice.ErrUnavailable) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the call goes on after Close")
	}
	<-replaced
}

// gate is a contract whose actors wait, when they are bound to it, until the gate is open: then they are compiled, and not yet installed.
type gate struct{ arrived, open chan struct{} }

func (n *node) gated() *gate {
	g := &gate{make(chan struct{}, 8), make(chan struct{})}
	n.cfg.Contracts = append(slices.Clone(n.cfg.Contracts), providers.Contract{Name: "test:gate", Imports: func(providers.Caller) wit.Imports {
		g.arrived <- struct{}{}
		<-g.open
		return nil
	}})
	n.restart()
	return g
}

func TestOfTwoStartsOfOneActorTheSecondIsRefused(t *testing.T) {
	n := newNode(t)
	g := n.gated()
	errs := make(chan error, 2)
	for range 2 {
		go func() { _, err := n.tryRun(signed{guest: "hello"}); errs <- err }()
	}
	<-g.arrived
	<-g.arrived
	close(g.open)
	if err := errors.Join(<-errs, <-errs); !errors.Is(err, lattice.ErrConflict) || len(n.inventory().Actors) != 1 {
		t.Errorf("%v, and %+v runs", err, n.inventory().Actors)
	}
}

func TestAStartThatComesTooLateForCloseIsRefused(t *testing.T) {
	n := newNode(t)
	g := n.gated()
	ended := make(chan error, 1)
	go func() { _, err := n.tryRun(signed{guest: "hello"}); ended <- err }()
	<-g.arrived
	fatal(t, n.Close(latticetest.Context(t)))
	close(g.open)
	if err := <-ended; !errors.Is(err, lattice.ErrUnavailable) || len(n.inventory().Actors) != 0 {
		t.Errorf("%v, and %+v runs", err, n.inventory().Actors)
	}
}

func TestStartStopAndReplaceMayRace(t *testing.T) {
	n := newNode(t)
	module := n.sign(signed{guest: "peer", name: "p"})
	hash, err := n.modules.Put(t.Context(), module, nil)
	fatal(t, err)
	n.peer("p", control.Limits{Instances: 2})
	var wg sync.WaitGroup
	allowed := func(err error, kinds ...error) {
		for _, k := range kinds {
			if errors.Is(err, k) {
				return
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
	for i := range 4 {
		wg.Go(func() {
			for range 10 {
				_, err := n.Start(t.Context(), control.StartRequest{Hash: hash, Replace: i%2 == 0})
				allowed(err, lattice.ErrConflict)
			}
		})
		wg.Go(func() {
			for range 10 {
				allowed(n.Stop(latticetest.Context(t), control.StopRequest{Actor: "p"}), lattice.ErrNotFound)
			}
		})
		wg.Go(func() {
			for range 50 {
				_, err := n.command(latticetest.Context(t), "p", "visit", "")
				allowed(err, lattice.ErrUnavailable)
			}
		})
	}
	wg.Wait()
	_, err = n.Start(latticetest.Context(t), control.StartRequest{Hash: hash, Replace: true})
	fatal(t, err)
	n.want("p", "visit", "", "1")
	if list := n.inventory().Actors; len(list) != 1 {
		t.Errorf("%+v", list)
	}
}

func TestActorsAndLinksAreThereAgainAfterARestart(t *testing.T) {
	n := newNode(t)
	n.peer("kept", control.Limits{Instances: 1})
	n.link("kept", "keyvalue", "wasi:keyvalue", "")
	n.run(signed{guest: "peer", name: "configured", config: map[string]string{"color": "blue"}})
	n.link("caller", "configured", "test:peer", "configured")
	n.peer("stopped", control.Limits{})
	fatal(t, n.Stop(t.Context(), control.StopRequest{Actor: "stopped"}))
	fatal(t, n.DeleteLink(t.Context(), lattice.LinkKey{Source: "caller", Contract: "test:peer", Name: "stopped"}))
	n.want("kept", "increment", "x", "1 1")
	links := n.inventory().Links
	n.restart()
	n.want("kept", "increment", "x", "2 1")
	n.want("configured", "config", "color", "blue 1")
	if got := n.inventory(); len(got.Actors) != 2 || fmt.Sprint(got.Links) != fmt.Sprint(links) || n.info("kept").Max != 1 {
		t.Errorf("after the restart: %+v", got)
	}
}

func TestAnActorOfBeforeThatIsRefusedByNowLeavesTheOthersAlone(t *testing.T) {
	n := newNode(t)
	friend := account(t)
	trust := claims.Roots{public(t, n.issuer): "tester", public(t, friend): "friend"}
	n.cfg.Trust = trust
	n.restart()
	n.peer("good", control.Limits{})
	n.run(signed{guest: "peer", name: "distrusted", issuer: friend})
	gone := n.sign(signed{guest: "hello", name: "gone"})
	_, err := n.tryStart(gone, signed{})
	fatal(t, err)
	fatal(t, n.modules.Delete(t.Context(), control.ModuleHash(gone)))
	n.cfg.Trust = claims.Roots{public(t, n.issuer): "tester"}
	n.restart()
	n.want("good", "visit", "", "1")
	if list := n.inventory().Actors; len(list) != 1 {
		t.Errorf("%+v", list)
	}
	log := n.records.String()
	for _, s := range []string{"an actor of before cannot be started", "does not trust", "not uploaded"} {
		if !strings.Contains(log, s) {
			t.Errorf("the log does not say %q:\n%s", s, log)
		}
	}
	n.cfg.Trust = trust // it stays wanted: once it is trusted again, it runs
	n.restart()
	if list := n.inventory().Actors; len(list) != 2 {
		t.Errorf("%+v", list)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	n := newNode(t)
	for i := range 3 {
		n.peer(fmt.Sprint("p", i), control.Limits{})
		n.want(fmt.Sprint("p", i), "visit", "", "1")
	}
	fatal(t, n.Close(latticetest.Context(t)))
	for _, a := range n.inventory().Actors {
		if a.Instances != 0 || a.Memory != 0 || a.Busy != 0 {
			t.Errorf("left: %+v", a)
		}
	}
	if _, err := n.tryRun(signed{guest: "hello"}); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("a start after Close: %v", err)
	}
	if _, err := n.command(t.Context(), "p0", "visit", ""); !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("a call after Close: %v", err)
	}
	fatal(t, n.Close(t.Context()))
}

func TestCloseWaitsForCallsAsLongAsItsContextAllows(t *testing.T) {
	n := newNode(t)
	n.peer("p", control.Limits{})
	ended := make(chan error, 1)
	go func() { _, err := n.command(context.Background(), "p", "sleep", ""); ended <- err }()
	latticetest.WaitFor(t, "the call to run", func() bool { return n.info("p").Busy == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := n.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	if err := <-ended; !errors.Is(err, lattice.ErrUnavailable) {
		t.Errorf("the call: %v", err)
	}
}
