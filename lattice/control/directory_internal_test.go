package control

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

const (
	ownHost   = "UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	otherHost = "UBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
	someActor = "MAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// FuzzWhatADirectoryIsTold feeds a directory what a turned hub could send.
func FuzzWhatADirectoryIsTold(f *testing.F) {
	whole, err := json.Marshal(Presence{Host: HostInfo{ID: otherHost}, Actors: []Resident{{ID: someActor}}, Providers: []Offer{{Name: "keyvalue"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, []byte(`[{"host":"`+otherHost+`","age":12,"beat":{"rev":3,"rtt":20,"load":{"busy":0.5}}}]`))
	f.Add([]byte(`{}`), []byte(`[null]`))
	f.Add(whole, []byte(`[{"host":"`+otherHost+`","age":9223372036854775807,"beat":{"rtt":9223372036854775807,"load":{"busy":-1e300}}}]`))
	f.Add(whole, []byte(`[{"host":"`+ownHost+`","age":-9223372036854775808,"beat":{"rtt":-9223372036854775808,"left":true}}]`))
	f.Fuzz(func(t *testing.T, presence, digest []byte) {
		d := &Directory{cfg: DirectoryConfig{Host: ownHost, Log: slog.New(slog.DiscardHandler)}, members: make(map[string]*member), wake: make(chan struct{}, 1)}
		d.own = Presence{Host: HostInfo{ID: ownHost}, Actors: []Resident{{ID: someActor}}}
		d.view.Store(&view{})
		d.apply([]bus.Record{{Key: otherHost, Value: presence, Revision: 1}, {Key: strings.ToLower(otherHost), Value: presence, Revision: 2}})
		d.digest(&nats.Msg{Subject: digestSubject, Data: digest})
		for _, h := range d.Hosts() {
			if h.Host.ID != ownHost && h.Host.ID != otherHost || h.RTT < 0 || h.Seen.After(time.Now()) {
				t.Fatalf("got %+v", h)
			}
			if slices.ContainsFunc(h.Actors, func(a Resident) bool { return !lattice.IsActorID(a.ID) }) {
				t.Fatalf("got %+v", h.Actors)
			}
		}
		if got := d.WhereActor(someActor); len(got) == 0 || got[0] != ownHost || len(got) > 2 {
			t.Fatalf("the actor is on %v", got)
		}
	})
}
