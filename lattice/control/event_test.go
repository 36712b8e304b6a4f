package control

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

var hostID = "U" + strings.Repeat("A", 55)

// The attributes are those of CloudEvents 1.0.2, section "Context Attributes", in the spelling of its JSON format.
func TestEventIsACloudEvent(t *testing.T) {
	ev := lattice.Event{ID: "7", Kind: "actor.started", Host: hostID, Subject: "M1", Time: time.Date(2026, 11, 21, 9, 14, 33, 0, time.UTC), Data: map[string]string{"name": "counter"}}
	got, err := MarshalEvent(ev)
	want := `{"specversion":"1.0","id":"7","source":"/hosts/` + hostID + `","type":"io.wattle.actor.started","subject":"M1","time":"2026-11-21T09:14:33Z",` +
		`"datacontenttype":"application/json","data":{"name":"counter"}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if back, err := ParseEvent(got); err != nil || !reflect.DeepEqual(back, ev) {
		t.Errorf("read back as %+v, %v", back, err)
	}
	one, two := lattice.Event{Kind: "a", Host: hostID}, map[string]bool{}
	for range 2 {
		b, err := MarshalEvent(one)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := ParseEvent(b)
		if err != nil || strings.Contains(string(b), `"time"`) {
			t.Errorf("%s: %v", b, err)
		}
		two[ev.ID] = true
	}
	if len(two) != 2 || two[""] {
		t.Errorf("ids %v", two)
	}
}

func TestWhatIsNoEventOfAHostIsRefused(t *testing.T) {
	good := map[string]any{"specversion": "1.0", "id": "1", "source": "/hosts/" + hostID, "type": "io.wattle.a.b", "extension": 7}
	parse := func(m map[string]any) error {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseEvent(b)
		return err
	}
	if err := parse(good); err != nil {
		t.Fatal(err)
	}
	for key, values := range map[string][]any{"specversion": {"0.3", nil, 1}, "id": {"", nil, 1}, "source": {"/hosts/x", "", "urn:x"}, "type": {"a.b", "io.wattle.", "io.wattle.A"},
		"data": {map[string]any{"a": 1}, "text"}, "time": {"yesterday"}} {
		for _, v := range values {
			bad := map[string]any{}
			for k, v := range good {
				bad[k] = v
			}
			bad[key] = v
			if err := parse(bad); !errors.Is(err, lattice.ErrInvalid) {
				t.Errorf("%s %v: %v", key, v, err)
			}
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	b, err := MarshalEvent(lattice.Event{Kind: "a.b", Host: hostID, Time: time.Unix(1, 0), Data: map[string]string{"a": "b"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"specversion":"1.0"}`))
	f.Add([]byte(`{"specversion":"1.0","data":[1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ev, err := ParseEvent(b)
		if err != nil {
			return
		}
		again, err := MarshalEvent(ev)
		if err != nil {
			return // a year that RFC 3339 cannot write
		}
		if back, err := ParseEvent(again); err != nil || back.ID != ev.ID || back.Host != ev.Host || back.Kind != ev.Kind || !back.Time.Equal(ev.Time) {
			t.Errorf("%s is read as %+v, then as %+v, %v", b, ev, back, err)
		}
	})
}

func FuzzParseBid(f *testing.F) {
	f.Add("evt."+hostID+".bid.T", []byte(`{"host":"U","free":3,"load":0.5,"running":1,"start":{"hash":"x"}}`))
	f.Add("evt.x.bid.T", []byte(`{}`))
	f.Add("evt."+hostID+".bid.T", []byte(`{"free":-1,"load":1e300,"refused":"no"}`))
	f.Fuzz(func(t *testing.T, subject string, b []byte) {
		bid, ok := parseBid(&nats.Msg{Subject: subject, Data: b})
		if ok && (!lattice.IsHostID(bid.Host) || !strings.HasPrefix(subject, "evt."+bid.Host) || bid.Free < 0 || bid.Free > maxFree || bid.Running < 0 ||
			!(bid.Load >= 0 && bid.Load <= 1) || bid.Refused != "" && bid.Free != 0) {
			t.Errorf("%q is read as %+v", b, bid)
		}
	})
}
