package bus_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

func sampleToken(t testing.TB) *bus.Token {
	t.Helper()
	var pin bus.Pin
	for i := range pin {
		pin[i] = byte(i * 7)
	}
	token, err := bus.NewToken(newIdentity(t), bus.TokenConfig{Name: "pi-kitchen", Labels: map[string]string{"zone": "kitchen"}, Pin: pin,
		Hubs: []string{"tls://192.168.1.10:7422", "wss://hub.example.org:443"}})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenIsTheSameAfterItsText(t *testing.T) {
	a := sampleToken(t)
	lines := strings.Join([]string{"  ", a.String()[:100], "\r\n", a.String()[100:], "\n"}, "")
	for _, text := range []string{a.String(), lines} {
		b, err := bus.ParseToken(text)
		if err != nil {
			t.Fatal(err)
		}
		if b.User.ID != a.User.ID || b.User.JWT != a.User.JWT || !slices.Equal(b.Hubs, a.Hubs) || b.Pin != a.Pin || b.Name != "pi-kitchen" ||
			b.Labels["zone"] != "kitchen" || !b.Expires.Equal(a.Expires) || b.Lattice != a.Lattice {
			t.Errorf("got %+v, want %+v", b, a)
		}
		x, _ := a.User.Seed()
		if y, err := b.User.Seed(); err != nil || string(x) != string(y) {
			t.Error("another key")
		}
	}
	t.Logf("%d characters", len(a.String()))
	if len(a.String()) > 700 {
		t.Errorf("%d characters", len(a.String()))
	}
	if left := time.Until(a.Expires); left > 15*time.Minute || left < 14*time.Minute {
		t.Errorf("for %s", left)
	}
}

func TestDamagedTokenIsToldFromNoToken(t *testing.T) {
	text := sampleToken(t).String()
	for i := range text { // one character changed, anywhere
		b := []byte(text)
		if b[i] = 'A'; text[i] == 'A' {
			b[i] = 'B'
		}
		_, err := bus.ParseToken(string(b))
		wantError(t, err, lattice.ErrInvalid)
		if i > 8 && err != nil && !strings.Contains(err.Error(), "damaged") {
			t.Errorf("at %d: %v", i, err)
		}
	}
	for _, s := range []string{text[:len(text)-1], text[:len(text)/2], text + "A", "wattle1.", "wattle1.AAAA", "wattle1.AAAAAAA", "wattle1.ä"} {
		_, err := bus.ParseToken(s)
		wantError(t, err, lattice.ErrInvalid, "damaged", "whole line")
	}
	for _, s := range []string{"", "hello", "wattle2." + text[8:], text[1:]} {
		_, err := bus.ParseToken(s)
		wantError(t, err, lattice.ErrInvalid, "no join token")
	}
	_, err := bus.ParseToken(strings.Repeat(text, 20))
	wantError(t, err, lattice.ErrInvalid, "too long")
}

func TestWrongTokensAreNotMade(t *testing.T) {
	id := newIdentity(t)
	pin := bus.Pin{1}
	many := make(map[string]string)
	for i := range 17 {
		many[strings.Repeat("a", i+1)] = "x"
	}
	good := bus.TokenConfig{Name: "a", Pin: pin, Hubs: []string{"tls://h:1"}}
	for what, change := range map[string]func(*bus.TokenConfig){
		"no name":         func(c *bus.TokenConfig) { c.Name = "" },
		"name with a dot": func(c *bus.TokenConfig) { c.Name = "a.b" },
		"no hub":          func(c *bus.TokenConfig) { c.Hubs = nil },
		"no pin":          func(c *bus.TokenConfig) { c.Pin = bus.Pin{} },
		"too long":        func(c *bus.TokenConfig) { c.TTL = bus.MaxTokenTTL + 1 },
		"negative":        func(c *bus.TokenConfig) { c.TTL = -1 },
		"many labels":     func(c *bus.TokenConfig) { c.Labels = many },
		"bad key":         func(c *bus.TokenConfig) { c.Labels = map[string]string{"a=b": "c"} },
		"empty value":     func(c *bus.TokenConfig) { c.Labels = map[string]string{"a": ""} },
		"long value":      func(c *bus.TokenConfig) { c.Labels = map[string]string{"a": strings.Repeat("x", 64)} },
		"control":         func(c *bus.TokenConfig) { c.Labels = map[string]string{"a": "b\r\n"} },
	} {
		cfg := good
		change(&cfg)
		if _, err := bus.NewToken(id, cfg); !errors.Is(err, lattice.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := bus.NewToken(id, good); err != nil {
		t.Error(err)
	}
}

// TestQRCodeHoldsTheToken reads the code's modules back from the lines and checks the three finder patterns and the size.
func TestQRCodeHoldsTheToken(t *testing.T) {
	token := sampleToken(t)
	lines, err := token.QR()
	if err != nil {
		t.Fatal(err)
	}
	width := utf8.RuneCountInString(lines[0])
	t.Logf("%d columns, %d lines", width, len(lines))
	if width > 90 || len(lines) != (width+1)/2 {
		t.Errorf("%d columns, %d lines", width, len(lines))
	}
	dark := func(x, y int) bool {
		r := []rune(lines[y/2])[x]
		return r == ' ' || y%2 == 0 && r == '▄' || y%2 == 1 && r == '▀'
	}
	for _, corner := range [][2]int{{2, 2}, {width - 9, 2}, {2, width - 9}} {
		for i := range 7 {
			if !dark(corner[0]+i, corner[1]) || !dark(corner[0], corner[1]+i) {
				t.Errorf("no finder pattern at %v", corner)
			}
		}
		if dark(corner[0]+1, corner[1]+1) || !dark(corner[0]+3, corner[1]+3) {
			t.Errorf("no finder pattern at %v", corner)
		}
	}
	for x := range width {
		if dark(x, 0) || dark(x, 1) {
			t.Error("no quiet zone")
		}
	}
}

func FuzzParseToken(f *testing.F) {
	text := sampleToken(f).String()
	f.Add(text)
	f.Add(text[:100])
	f.Add("wattle1.AAAAAAAA")
	f.Add("WATTLE1:AAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := bus.ParseToken(s)
		if err != nil {
			if !errors.Is(err, lattice.ErrInvalid) && !errors.Is(err, lattice.ErrDenied) {
				t.Errorf("wrong kind: %v", err)
			}
			return
		}
		b, err := bus.ParseToken(a.String())
		if err != nil || b.User.JWT != a.User.JWT || !slices.Equal(a.Hubs, b.Hubs) || !maps.Equal(a.Labels, b.Labels) {
			t.Errorf("not the same after a round trip: %v", err)
		}
	})
}
