package control

import (
	"errors"
	"testing"

	"github.com/wattle-io/wattle/lattice"
)

func FuzzDecodeStrict(f *testing.F) {
	for _, s := range []string{`{"hash":"ab","limits":{"timeout":"1s","memory":1},"config":{"a":"b"},"replace":true}`, `{"hash":"a"}x`, `{"x":1}`, "", "null", `[1]`,
		`{"limits":{"timeout":"-9223372036854775808ns"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var start StartRequest
		if err := decodeStrict(data, &start); err != nil && !errors.Is(err, lattice.ErrInvalid) && !errors.Is(err, lattice.ErrLimit) {
			t.Errorf("wrong kind: %v", err)
		}
		var link lattice.Link
		_ = decodeStrict(data, &link)
		var call CallRequest
		_ = decodeStrict(data, &call)
	})
}

func FuzzFromWire(f *testing.F) {
	for _, s := range []string{`{"kind":"denied","msg":"no","hint":"ask"}`, `{"kind":"strange"}`, `{`, ``, `{"kind":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := fromWire(data)
		if e.Error() == "" || len(e.Msg) > maxText+3 || len(e.Hint) > maxText+3 || e.Kind == nil {
			t.Errorf("%q gives %+v", data, e)
		}
		if w := toWire(e); lattice.ParseKind(w.Kind) != e.Kind {
			t.Errorf("%v is sent as %+v", e, w)
		}
	})
}

func FuzzHostOf(f *testing.F) {
	f.Add([]byte(`{"name":"wattle-control","id":"x","metadata":{"host":"U"},"type":"io.nats.micro.v1.ping_response"}`))
	f.Add([]byte(`{"metadata":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if id, ok := hostOf(data); ok && !lattice.IsHostID(id) {
			t.Errorf("%q is taken for a host", id)
		}
	})
}

func FuzzDecodePlacement(f *testing.F) {
	f.Add("U.M", []byte(`{"host":"U","actor":"M","start":{"hash":"x"},"revision":9}`))
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		pl, err := decodePlacement(key, data, 3)
		if err == nil && (pl.check() != nil || pl.key() != key || pl.Revision != 3) {
			t.Errorf("%q holds %+v", key, pl)
		}
	})
}
