package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

const (
	hostA = "UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	hostB = "UBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
	tok   = "ABCDEFGHIJKLMNOPQRSTUVWX23"
)

func TestSubjectsAreReadStrictly(t *testing.T) {
	prefix := root + hostA + "."
	good := subject(hostA, hostB, "keyvalue", "M1", verbCall)
	if a, ok := parseSubject(prefix, good); !ok || a != (address{hostB, "keyvalue", "M1", verbCall}) {
		t.Errorf("got %+v, %v", a, ok)
	}
	for _, bad := range []string{"", good + ".x", strings.Replace(good, hostA, hostB, 1), strings.Replace(good, ".M1.", "..", 1), strings.Replace(good, "M1", "M*", 1),
		strings.Replace(good, hostB, "U1", 1), subject(hostA, hostB, "a", "b", "stop"), subject(hostA, hostB, nobody, nobody, verbCall), subject(hostA, hostB, "a", "b", verbPing),
		subject(hostA, hostB, strings.Repeat("a", 65), "b", verbCall), "$KV.links.x", "ctl." + hostA + ".stop"} {
		if a, ok := parseSubject(prefix, bad); ok {
			t.Errorf("%q was read as %+v", bad, a)
		}
	}
	long := strings.Repeat("a", 64)
	if n := len(subject(hostA, hostB, long, long, verbCall)); n > 255 {
		t.Errorf("a subject has %d bytes", n)
	}
}

func TestFramesHaveTheLayoutThatIsDocumented(t *testing.T) {
	c := call{flags: flagStream | flagTrace, timeout: 1500 * time.Microsecond, size: 300, trace: lattice.Trace{ID: [16]byte{1}, Span: [8]byte{2}, Flags: 1},
		contract: "a:b", link: "l", op: "f", payload: []byte("xy")}
	want := "\x01\x01\x0a\x03\x01\x01\x02\xac\x02" + "\x01" + strings.Repeat("\x00", 15) + "\x02" + strings.Repeat("\x00", 7) + "\x01" + "a:blfxy"
	if got := appendCall(nil, &c); string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	fault := appendFault(nil, notBegun(lattice.ErrBusy, "full", "wait"))
	if string(fault) != "\x01\x04busy\x04full\x04wait" {
		t.Errorf("got %q", fault)
	}
}

func TestLongErrorsAreCut(t *testing.T) {
	err := decodeFault(appendFault(nil, &lattice.Error{Kind: lattice.ErrTrap, Msg: strings.Repeat("ä", 5000), Hint: strings.Repeat("x", maxText)}))
	var e *lattice.Error
	if !errors.As(err, &e) || e.Kind != lattice.ErrTrap || len(e.Msg) > maxText || !strings.HasSuffix(e.Msg, "ä…") || len(e.Hint) != maxText {
		t.Errorf("got %d bytes of message, %d of hint", len(e.Msg), len(e.Hint))
	}
}

func TestCancelledCalleeIsUnavailableToItsCaller(t *testing.T) {
	for _, err := range []error{context.Canceled, &lattice.Error{Kind: context.Canceled, Msg: "x"}} {
		if got := decodeFault(appendFault(nil, err)); !errors.Is(got, lattice.ErrUnavailable) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if got := decodeFault(appendFault(nil, errors.New("plain"))); !errors.Is(got, lattice.ErrInternal) || !strings.Contains(got.Error(), "plain") {
		t.Errorf("got %v", got)
	}
	if got := decodeFault(appendFault(nil, &lattice.Error{Kind: lattice.ErrTrap, Msg: "outer", Err: &lattice.Error{Kind: lattice.ErrDenied}})); !errors.Is(got, lattice.ErrTrap) {
		t.Errorf("the kind of the cause came: %v", got)
	}
}

func TestCutoffCanBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cutoff
		wake := make(chan struct{})
		c.set(time.Now().Add(time.Second))
		done := c.done()
		c.set(time.Now().Add(time.Minute)) // later: who waits already waits on
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if closed(done) {
			t.Error("the old deadline counted")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := wait(wake, nil, done); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		c.set(time.Time{})
		if closed(c.done()) {
			t.Error("no deadline is over")
		}
		c.set(past())
		if !closed(c.done()) {
			t.Error("a deadline in the past is not over")
		}
	})
}

func TestInboxKeepsOrderAndBounds(t *testing.T) {
	var b inbox
	b.init(window)
	var sent, got byte
	for range 20_000 { // far more than a window, never quite empty
		for b.put(frame{toStream, []byte{sent}}) {
			sent++
			if (sent-got)%50 == 0 {
				break
			}
		}
		for range 25 {
			f, ok := b.poll()
			if !ok {
				break
			}
			if f.data[0] != got {
				t.Fatalf("got %d, want %d", f.data[0], got)
			}
			got++
			b.done(f.cost())
		}
	}
	if cap(b.queue) > 2048 {
		t.Errorf("the queue has grown to %d", cap(b.queue))
	}
	b.init(frameCost + 1)
	if !b.put(frame{toStream, []byte{1}}) || b.put(frame{toStream, nil}) {
		t.Error("more than the window was taken")
	}
}

func TestNobodyMaySendMoreThanAWindowAhead(t *testing.T) {
	var a allowance
	a.init(0)
	for range 10 {
		a.add(window)
	}
	if a.try(window) != nil || a.try(1) == nil {
		t.Error("credit adds up")
	}
}

func TestNothingComesAfterTheLastFrame(t *testing.T) {
	var s shards
	s.init()
	k := &outCall{token: tok}
	k.in.init(window)
	if !s.add(k) {
		t.Fatal("the client is not closed")
	}
	for _, f := range []frame{{toReply, []byte("first")}, {toReply, []byte("second")}, {toStream, nil}} {
		s.deliver(tok, f)
	}
	if f, ok := k.in.poll(); !ok || string(f.data) != "first" {
		t.Errorf("got %q", f.data)
	}
	if f, ok := k.in.poll(); ok {
		t.Errorf("then came %q", f.data)
	}
	s.close()
	if s.add(k) {
		t.Error("a closed client takes calls")
	}
}

func FuzzDecodeCall(f *testing.F) {
	f.Add(appendCall(nil, &call{contract: "a:b", link: "default", op: "get", size: 3, payload: []byte("abc")})[2:])
	f.Add(appendCall(nil, &call{flags: flagsAll, timeout: time.Hour, contract: "a:b", link: "default", op: "a:b/c@0.1.0#d", size: 1 << 40})[2:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCall(b)
		if err != nil {
			return
		}
		if c.flags&^flagsAll != 0 || !isName(c.contract) || !isName(c.link) || !isName(c.op) || uint64(len(c.payload)) > c.size || c.timeout < 0 || c.timeout > 50*24*time.Hour {
			t.Fatalf("got %+v", c)
		}
		again, err := decodeCall(appendCall(nil, &c)[2:])
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}

func FuzzDecodeFault(f *testing.F) {
	f.Add(appendFault(nil, notBegun(lattice.ErrBusy, "full", "wait")))
	f.Add(appendFault(nil, errors.New(strings.Repeat("x", 5000))))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		err := decodeFault(b)
		var e *lattice.Error
		if !errors.As(err, &e) || e.Kind == nil || len(e.Msg) > 3*maxText || len(e.Hint) > 3*maxText || err.Error() == "" {
			t.Fatalf("got %v", err)
		}
		again := decodeFault(appendFault(nil, err))
		if len(e.Msg) <= maxText && len(e.Hint) <= maxText && (again.Error() != err.Error() || NotBegun(again) != NotBegun(err)) {
			t.Fatalf("%v became %v", err, again)
		}
	})
}

func FuzzParseSubject(f *testing.F) {
	f.Add(subject(hostA, hostB, "keyvalue", "M1", verbCall), "_R."+hostB+".ABCDEFGH."+tok)
	f.Add(subject(hostA, hostB, nobody, nobody, verbPing), "")
	f.Fuzz(func(t *testing.T, s, reply string) {
		a, ok := parseSubject(root+hostA+".", s)
		if ok && subject(hostA, a.src, a.target, a.source, a.verb) != s {
			t.Fatalf("%q was read as %+v", s, a)
		}
		if ok && strings.ContainsAny(s, " *>\r\n\x00") {
			t.Fatalf("%q was taken", s)
		}
		if token, ok := parseReply(hostB, reply); ok && (!strings.HasPrefix(reply, "_R."+hostB+".") || !strings.HasSuffix(reply, "."+token) || strings.ContainsAny(reply, " *>\r\n")) {
			t.Fatalf("%q was taken", reply)
		}
	})
}

func FuzzFramesOfACall(f *testing.F) {
	f.Add(appendMore(nil, toData, tok)[2:], byte(toData))
	f.Add(binary.AppendUvarint([]byte(tok), window+1), byte(toCredit))
	f.Add(bytes.Repeat([]byte(tok), 3), byte(toPing))
	f.Fuzz(func(t *testing.T, b []byte, kind byte) {
		fr, err := open(append([]byte{version, kind}, b...))
		if err != nil {
			return
		}
		_, rest, _ := cutToken(fr.data)
		for _, b := range [][]byte{fr.data, rest} { // to a caller, and to a callee
			if n, ok := credit(b); ok && (n < 0 || n > window) {
				t.Fatalf("credit %d", n)
			}
		}
		for _, token := range splitTokens(fr.data) {
			if !isToken(token) {
				t.Fatalf("token %q", token)
			}
		}
		if token, _, ok := cutToken(fr.data); ok && !isToken(token) {
			t.Fatalf("token %q", token)
		}
	})
}
