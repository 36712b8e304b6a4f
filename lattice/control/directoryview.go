package control

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

// view is the directory at one moment. It is never changed, only replaced.
type view struct {
	hosts     []HostState         // sorted by name and id
	ranks     []rank              // of hosts
	changes   uint64              // the directory's, when this was made
	actors    map[string][]string // id → hosts, the best first
	providers map[string][]string // name → hosts, the best first
}

// rank is how good a host is to ask, the less the better: this host before all others, those that live before those that are stale, then the
// nearest, then the least busy. Milliseconds and eighths of the capacity count, less does not; hosts that are alike are told apart by a number that is
// another one for each asking host, so that not all ask the same.
type rank struct {
	far   int // 0: this host
	stale int
	ms    int64
	busy  int
	spice uint32
	id    string
}

func (a rank) compare(b rank) int {
	return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.stale, b.stale), cmp.Compare(a.ms, b.ms), cmp.Compare(a.busy, b.busy),
		cmp.Compare(a.spice, b.spice), cmp.Compare(a.id, b.id))
}

// Hosts is all hosts, sorted by name and id. It takes no lock; do not change what it returns.
func (d *Directory) Hosts() []HostState { return d.view.Load().hosts }

// WhereActor is the hosts that the actor runs on, the best to ask first: this one, then the nearest and least busy, stale ones last. It takes no lock
// and allocates nothing; do not change what it returns.
func (d *Directory) WhereActor(id string) []string { return d.view.Load().actors[id] }

// WhereProvider is the hosts that run a provider of that name, as WhereActor.
func (d *Directory) WhereProvider(name string) []string { return d.view.Load().providers[name] }

// refresh looks whether hosts have become stale.
func (d *Directory) refresh() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rebuild()
}

// rebuild makes a new view. It is called with mu held.
func (d *Directory) rebuild() {
	now := time.Now()
	next := &view{changes: d.changes, hosts: make([]HostState, 0, len(d.members)+1)}
	if d.own.Host.ID != "" {
		next.hosts = append(next.hosts, HostState{Presence: d.own, Load: d.beats.Load, Seen: now})
	}
	for id, m := range d.members {
		if m.known && id != d.own.Host.ID {
			next.hosts = append(next.hosts, d.state(m, now))
		}
	}
	slices.SortFunc(next.hosts, func(a, b HostState) int {
		return cmp.Or(cmp.Compare(a.Host.Name, b.Host.Name), cmp.Compare(a.Host.ID, b.Host.ID))
	})
	next.ranks = make([]rank, len(next.hosts))
	for i := range next.hosts {
		next.ranks[i] = d.rank(&next.hosts[i])
	}
	next.index(d.view.Load())
	d.view.Store(next)
}

// state is called with mu held.
func (d *Directory) state(m *member, now time.Time) HostState {
	return HostState{Presence: m.presence, Load: m.beat.Load, Seen: m.seen, Left: m.beat.Left,
		Stale: m.beat.Left || now.Sub(m.seen) > StaleAfter, RTT: m.rtt + bounded(d.beats.RTT, time.Microsecond)}
}

// rank is called with mu held.
func (d *Directory) rank(h *HostState) rank {
	r := rank{far: 1, ms: h.RTT.Milliseconds(), busy: int(min(max(h.Load.Busy, 0), 1) * 8), id: h.Host.ID}
	if h.Host.ID == d.cfg.Host {
		r.far = 0
	}
	if h.Stale {
		r.stale = 1
	}
	spice := fnv.New32a()
	_, _ = spice.Write([]byte(d.cfg.Host + h.Host.ID)) // never fails
	r.spice = spice.Sum32()
	return r
}

// index makes the lists of where things are, or takes those of the view before if they would be the same.
func (v *view) index(before *view) {
	if v.changes == before.changes && slices.Equal(v.ranks, before.ranks) {
		v.actors, v.providers = before.actors, before.providers
		return
	}
	v.actors, v.providers = make(map[string][]string), make(map[string][]string)
	order := make([]int, len(v.hosts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return v.ranks[a].compare(v.ranks[b]) })
	for _, i := range order {
		h := &v.hosts[i]
		for _, a := range h.Actors {
			v.actors[a.ID] = append(v.actors[a.ID], h.Host.ID)
		}
		for _, o := range h.Providers {
			v.providers[o.Name] = append(v.providers[o.Name], h.Host.ID)
		}
	}
}
