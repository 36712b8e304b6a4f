package control

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// Heartbeat is what a host publishes every second on hb.<host>. It hears of the others' in digests, which the hub sends: one message for many
// hosts, so that a thousand hosts do not send each other a million.
type Heartbeat struct {
	Revision uint64 `json:"rev,omitempty"`  // of the host's presence: who has an older one has missed something
	RTT      int64  `json:"rtt,omitempty"`  // µs to the hub and back
	Load     Load   `json:"load"`           //
	Left     bool   `json:"left,omitempty"` // the host ends
}

const (
	digestSubject = "kvup.hb.digest" // below kvup, which every role may hear
	maxDigest     = 1000             // hosts in one message, each some 200 bytes
	maxMembers    = 100000
)

// sighting is a line of a digest. Times travel as ages, since clocks differ.
type sighting struct {
	Host string    `json:"host"`
	Age  int64     `json:"age"` // ms since the hub heard of the host
	Beat Heartbeat `json:"beat"`
}

func (p *Presence) check() error {
	if !lattice.IsHostID(p.Host.ID) {
		return invalid("%.80q is no id of a host", p.Host.ID)
	}
	for _, a := range p.Actors {
		if !lattice.IsActorID(a.ID) {
			return invalid("%.80q is no id of an actor", a.ID)
		}
	}
	for _, o := range p.Providers {
		if !lattice.ValidName(o.Name) {
			return invalid("%.80q is no name of a provider", o.Name)
		}
	}
	return nil
}

// decodePresence reads a record of the bucket. The key is where it was found, which permissions prove to be the host's.
func decodePresence(r bus.Record) (p Presence, err error) {
	if len(r.Value) > maxPresence {
		return p, invalid("the presence of host %.80q has %d bytes", r.Key, len(r.Value))
	}
	if err := json.Unmarshal(r.Value, &p); err != nil {
		return p, invalid("the presence of host %.80q is no JSON: %v", r.Key, err)
	}
	if p.Host.ID != r.Key {
		return p, invalid("the presence of host %.80q is that of %.80q", r.Key, p.Host.ID)
	}
	return p, p.check()
}

// apply takes what changed in the bucket. Only a marker deletes a host.
func (d *Directory) apply(records []bus.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range records {
		m := d.member(r.Key)
		m.known, m.revision, m.presence = false, r.Revision, Presence{}
		d.changes++
		if r.Deleted {
			continue
		}
		p, err := decodePresence(r)
		if err != nil {
			d.cfg.Log.Warn("directory: a record is left out", "err", err)
			continue
		}
		m.known, m.presence = true, p
	}
	d.rebuild()
}

// member is called with mu held.
func (d *Directory) member(id string) *member {
	m := d.members[id]
	if m == nil {
		m = new(member)
		d.members[id] = m
	}
	return m
}

// digest takes the news of many hosts.
func (d *Directory) digest(msg *nats.Msg) {
	if msg.Subject != digestSubject || len(msg.Data) > bus.MaxMessage {
		return
	}
	var list []sighting
	if err := json.Unmarshal(msg.Data, &list); err != nil || len(list) > maxDigest {
		d.cfg.Log.Warn("directory: a digest is left out", "hosts", len(list), "err", err)
		return
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range list {
		d.sighted(s, now)
	}
	d.rebuild()
}

// sighted is called with mu held.
func (d *Directory) sighted(s sighting, now time.Time) {
	if s.Host == d.cfg.Host || !lattice.IsHostID(s.Host) || len(d.members) >= maxMembers && d.members[s.Host] == nil {
		return
	}
	m := d.member(s.Host)
	seen := now.Add(-bounded(s.Age, time.Millisecond))
	if seen.Before(m.seen) {
		return
	}
	m.seen, m.beat, m.rtt = seen, s.Beat, bounded(s.Beat.RTT, time.Microsecond)
	if m.beat.Revision > m.revision && !d.resync {
		d.resync = true
		d.poke()
	}
}

// bounded is n units, at least none and at most an hour, whatever came.
func bounded(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(time.Hour/unit))) * unit
}

func invalid(format string, args ...any) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf(format, args...)}
}
