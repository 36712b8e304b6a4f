package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// DirectoryHub is the hub's side of the directory: it keeps the bucket of what hosts have, hears their heartbeats, and tells all hosts of them once a
// second. Directories of hosts work on with what they know while there is none.
type DirectoryHub struct {
	nc   *nats.Conn
	log  *slog.Logger
	sub  *nats.Subscription
	end  chan struct{}
	done chan struct{}

	mu    sync.Mutex
	heard map[string]heard // guarded by mu: by host
}

type heard struct {
	at   time.Time
	beat Heartbeat
}

// forgetAfter is how long a silent host is told of. What directories know of it stays.
const forgetAfter = time.Minute

// ServeDirectory runs the hub's side until Close. nc needs the rights of bus.RoleService. The context bounds the start. Several may run, on each hub of a
// cluster.
func ServeDirectory(ctx context.Context, nc *nats.Conn, log *slog.Logger) (*DirectoryHub, error) {
	bucket := bus.BucketConfig{Name: inventoryBucket, MaxValue: maxPresence, MaxBytes: 256 << 20}
	if _, err := bus.OpenBucket(ctx, nc, bucket); err != nil {
		return nil, fmt.Errorf("control: directory: %w", err)
	}
	h := &DirectoryHub{nc: nc, log: log, end: make(chan struct{}), done: make(chan struct{}), heard: make(map[string]heard)}
	var err error
	// Not "hb.*": a leaf whose right is one host's subject is not told of a subscription that is wider and ends in *.
	if h.sub, err = nc.Subscribe("hb.>", h.hear); err != nil {
		return nil, fmt.Errorf("control: directory: %w", err)
	}
	go h.run()
	return h, nil
}

// Close ends it.
func (h *DirectoryHub) Close() {
	_ = h.sub.Unsubscribe() // fails only if the connection is gone, and the subscription with it
	close(h.end)
	<-h.done
}

// hear takes a heartbeat. Whose it is permissions prove.
func (h *DirectoryHub) hear(m *nats.Msg) {
	host, ok := strings.CutPrefix(m.Subject, "hb.")
	if !ok || !lattice.IsHostID(host) || len(m.Data) > MaxTelemetry {
		return
	}
	var beat Heartbeat
	if err := json.Unmarshal(m.Data, &beat); err != nil {
		h.log.Debug("directory: a heartbeat is left out", "host", host, "err", err)
		return
	}
	h.mu.Lock()
	before, known := h.heard[host]
	h.heard[host] = heard{time.Now(), beat}
	h.mu.Unlock()
	if !known || before.beat.Left != beat.Left {
		h.tell([]sighting{{Host: host, Beat: beat}})
	}
}

func (h *DirectoryHub) run() {
	defer close(h.done)
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-h.end:
			return
		case now := <-tick.C:
			for list := h.sightings(now); len(list) > 0; list = list[min(len(list), maxDigest):] {
				h.tell(list[:min(len(list), maxDigest)])
			}
		}
	}
}

func (h *DirectoryHub) sightings(now time.Time) []sighting {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]sighting, 0, len(h.heard))
	for host, s := range h.heard {
		age := now.Sub(s.at)
		if age > forgetAfter {
			delete(h.heard, host)
			continue
		}
		list = append(list, sighting{host, age.Milliseconds(), s.beat})
	}
	return list
}

func (h *DirectoryHub) tell(list []sighting) {
	data, err := json.Marshal(list)
	if err == nil {
		err = h.nc.Publish(digestSubject, data)
	}
	if err != nil {
		h.log.Debug("directory: no digest", "err", err)
	}
}
