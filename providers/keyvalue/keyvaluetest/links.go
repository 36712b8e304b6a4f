package keyvaluetest

import (
	"context"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers/keyvalue"
)

func runLinks(t *testing.T, p *keyvalue.Provider) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *keyvalue.Provider)
	}{
		{"a call without a link is refused", noLink},
		{"an unlinked caller is refused at its next call", unlinked},
		{"names are scoped to the link", scoped},
		{"a fixed bucket is shared", shared},
		{"relinking takes effect at the next call", relinked},
		{"data outlives a link", outlives},
		{"config that cannot be used refuses the link", badConfig},
		{"a ttl ends keys", ttl},
		{"bucket names out of bounds are refused", badNames},
		{"the buckets of a link are bounded", tooMany},
		{"malformed operations are refused", malformed},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, p) })
	}
}

func noLink(t *testing.T, p *keyvalue.Provider) {
	l := Link("Mstranger", "default", nil)
	wantKind(t, "get", keyvalue.NewClient(p, l, "x").Set(t.Context(), "a", nil), lattice.ErrNoLink)
}

func unlinked(t *testing.T, p *keyvalue.Provider) {
	l := Link("Munlinked", "default", nil)
	c := linked(t, p, l, "x")
	fatal(t, c.Set(t.Context(), "a", nil))
	fatal(t, p.Unlink(t.Context(), l))
	wantKind(t, "set", c.Set(t.Context(), "a", nil), lattice.ErrNoLink)
	fatal(t, p.Unlink(t.Context(), l))
}

func scoped(t *testing.T, p *keyvalue.Provider) {
	a := linked(t, p, Link("Mscope1", "default", nil), "x")
	fatal(t, a.Set(t.Context(), "k", []byte("mine")))
	for what, other := range map[string]keyvalue.Store{
		"another actor": linked(t, p, Link("Mscope2", "default", nil), "x"),
		"another link":  linked(t, p, Link("Mscope1", "other", nil), "x"),
		"another name":  keyvalue.NewClient(p, Link("Mscope1", "default", nil), "y"),
	} {
		e, err := other.Get(t.Context(), "k")
		fatal(t, err)
		if e.Exists() {
			t.Errorf("%s sees the key", what)
		}
	}
}

func shared(t *testing.T, p *keyvalue.Provider) {
	config := map[string]string{"bucket": "Shared_1"}
	a := linked(t, p, Link("Mshare1", "default", config), "x")
	b := linked(t, p, Link("Mshare2", "default", config), "whatever")
	fatal(t, a.Set(t.Context(), "k", []byte("ours")))
	wantValue(t, t.Context(), b, "k", []byte("ours"))
	wantCount(t, t.Context(), a, "n", 1, 1)
	wantCount(t, t.Context(), b, "n", 1, 2)
	wantCount(t, t.Context(), a, "n", 1, 3)
}

func relinked(t *testing.T, p *keyvalue.Provider) {
	c := linked(t, p, Link("Mrelink", "default", map[string]string{"bucket": "one"}), "x")
	fatal(t, c.Set(t.Context(), "k", []byte("1")))
	fatal(t, p.Link(t.Context(), Link("Mrelink", "default", map[string]string{"bucket": "two"})))
	wantExists(t, t.Context(), c, "k", false)
	fatal(t, p.Link(t.Context(), Link("Mrelink", "default", map[string]string{"bucket": "one"})))
	wantValue(t, t.Context(), c, "k", []byte("1"))
}

func outlives(t *testing.T, p *keyvalue.Provider) {
	l := Link("Moutlive", "default", nil)
	c := linked(t, p, l, "x")
	fatal(t, c.Set(t.Context(), "k", []byte("1")))
	fatal(t, p.Unlink(t.Context(), l))
	fatal(t, p.Link(t.Context(), l))
	wantValue(t, t.Context(), c, "k", []byte("1"))
}

func badConfig(t *testing.T, p *keyvalue.Provider) {
	for _, config := range []map[string]string{
		{"buckt": "x"}, {"bucket": ""}, {"bucket": "a b"}, {"bucket": "a.b"}, {"bucket": "../x"}, {"ttl": "5"}, {"ttl": "-1s"}, {"ttl": "1ms"}, {"ttl": ""},
	} {
		l := Link("Mbad", "default", config)
		wantKind(t, "link", p.Link(t.Context(), l), keyvalue.ErrInvalid)
		wantKind(t, "call", keyvalue.NewClient(p, l, "x").Open(t.Context()), lattice.ErrNoLink)
	}
}

func ttl(t *testing.T, p *keyvalue.Provider) {
	c := linked(t, p, Link("Mttl", "default", map[string]string{"ttl": "300ms"}), "x")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	fatal(t, c.Set(ctx, "k", []byte("short")))
	wantCount(t, ctx, c, "n", 7, 7)
	for {
		ok, err := c.Exists(ctx, "k")
		fatal(t, err)
		n, err := c.Exists(ctx, "n")
		fatal(t, err)
		if !ok && !n {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	wantCount(t, ctx, c, "n", 1, 1)
	fatal(t, c.Swap(ctx, "k", []byte("new"), 0))
	if keys := listAll(t, ctx, c, 0); len(keys) > 2 {
		t.Errorf("listed %q", keys)
	}
}

func badNames(t *testing.T, p *keyvalue.Provider) {
	l := Link("Mnames", "default", nil)
	fatal(t, p.Link(t.Context(), l))
	for _, name := range []string{"", string(make([]byte, 65)), "\xff"} {
		wantKind(t, "open", keyvalue.NewClient(p, l, name).Open(t.Context()), keyvalue.ErrInvalid)
	}
	for _, name := range []string{"a b", "日本語", "*", "../../etc"} {
		fatal(t, keyvalue.NewClient(p, l, name).Open(t.Context()))
	}
}

func tooMany(t *testing.T, p *keyvalue.Provider) {
	l := Link("Mmany", "default", nil)
	fatal(t, p.Link(t.Context(), l))
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		err = keyvalue.NewClient(p, l, string(rune('A'+i))).Open(t.Context())
	}
	wantKind(t, "opening 100 buckets", err, lattice.ErrLimit)
	fatal(t, keyvalue.NewClient(p, l, "A").Set(t.Context(), "k", nil))
}

func malformed(t *testing.T, p *keyvalue.Provider) {
	l := Link("Mmalformed", "default", nil)
	fatal(t, p.Link(t.Context(), l))
	for op, payload := range map[string]string{keyvalue.OpGet: "\x01x\x05a", keyvalue.OpOpen: "\x01xx", keyvalue.OpSet: "\x01x\x01a", keyvalue.OpIncrement: "",
		keyvalue.OpGetMany: "\x01x\xff\xff\xff\xff\x0f", keyvalue.OpList: "\x01x\x02", keyvalue.OpDelete: "\x01x\x01a\x00"} {
		_, err := p.Invoke(t.Context(), lattice.Invocation{Source: l.Source, Contract: l.Contract, Link: l.Name, Op: op, Payload: []byte(payload)})
		wantKind(t, op, err, keyvalue.ErrInvalid)
	}
	_, err := p.Invoke(t.Context(), lattice.Invocation{Source: l.Source, Contract: l.Contract, Link: l.Name, Op: "drop", Payload: []byte("\x01x")})
	wantKind(t, "unknown operation", err, lattice.ErrUnsupported)
}

func linked(t *testing.T, p *keyvalue.Provider, l lattice.Link, bucket string) *keyvalue.Client {
	t.Helper()
	fatal(t, p.Link(t.Context(), l))
	return keyvalue.NewClient(p, l, bucket)
}
