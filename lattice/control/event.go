package control

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// An event travels, and is printed, as a CloudEvent 1.0 in its JSON format (https://github.com/cloudevents/spec, v1.0.2):
//
//	{"specversion":"1.0","id":"…","source":"/hosts/U…","type":"io.wattle.actor.started","subject":"M…",
//	 "time":"2026-11-21T09:14:33Z","datacontenttype":"application/json","data":{"name":"counter"}}
type cloudEvent struct {
	SpecVersion string            `json:"specversion"`
	ID          string            `json:"id"` // unique within the source
	Source      string            `json:"source"`
	Type        string            `json:"type"`
	Subject     string            `json:"subject,omitempty"`
	Time        time.Time         `json:"time,omitzero"`
	ContentType string            `json:"datacontenttype,omitempty"`
	Data        map[string]string `json:"data,omitempty"`
}

const (
	eventSource = "/hosts/"
	eventType   = "io.wattle."
	eventSpec   = "1.0"
)

// MarshalEvent writes an event as a CloudEvent. One without ID gets one.
func MarshalEvent(ev lattice.Event) ([]byte, error) {
	if !lattice.IsHostID(ev.Host) || !isKind(ev.Kind) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("an event %.80q of host %.80q cannot be", ev.Kind, ev.Host)}
	}
	if ev.ID == "" {
		ev.ID = rand.Text()
	}
	ce := cloudEvent{SpecVersion: eventSpec, ID: ev.ID, Source: eventSource + ev.Host, Type: eventType + ev.Kind, Subject: ev.Subject, Time: ev.Time, Data: ev.Data}
	if len(ev.Data) > 0 {
		ce.ContentType = "application/json"
	}
	b, err := json.Marshal(ce)
	if err != nil {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "an event that cannot be written as JSON: " + cut(err.Error()), Err: err}
	}
	return b, nil
}

// ParseEvent reads what MarshalEvent wrote. Attributes that it does not know are skipped, as the specification has it. ErrInvalid if it is
// no event of a host of Wattle.
func ParseEvent(b []byte) (lattice.Event, error) {
	var ce cloudEvent
	if len(b) > MaxTelemetry || json.Unmarshal(b, &ce) != nil {
		return lattice.Event{}, notEvent("no CloudEvent with data of text")
	}
	host, fromHost := strings.CutPrefix(ce.Source, eventSource)
	kind, ours := strings.CutPrefix(ce.Type, eventType)
	switch {
	case ce.SpecVersion != eventSpec || ce.ID == "":
		return lattice.Event{}, notEvent("no CloudEvent 1.0")
	case !fromHost || !lattice.IsHostID(host) || !ours || !isKind(kind):
		return lattice.Event{}, notEvent("a CloudEvent of somebody else")
	}
	return lattice.Event{ID: ce.ID, Kind: kind, Host: host, Subject: ce.Subject, Time: ce.Time, Data: ce.Data}, nil
}

func notEvent(what string) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this is " + what}
}
