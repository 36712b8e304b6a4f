package bus_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

// rogue speaks the LEAF protocol itself, with a real credential of a host: it can say what no server would.
type rogue struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// newRogue connects; change may alter what it says of itself.
func newRogue(t *testing.T, l *latticetest.Lattice, u *bus.User, change func(connect map[string]any)) *rogue {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(l.LeafURLs()[0], "tls://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	g := &rogue{t: t, conn: conn, r: bufio.NewReader(conn)}
	var info struct{ Nonce string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(g.next("INFO "), "INFO ")), &info); err != nil {
		t.Fatal(err)
	}
	sig, err := u.Sign([]byte(info.Nonce))
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]any{"version": "2.15.2", "server_id": "N" + u.ID, "name": u.ID, "jwt": u.JWT, "sig": base64.RawURLEncoding.EncodeToString(sig), "headers": true,
		"remote_account": "rogue"}
	if change != nil {
		change(c)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	g.say("CONNECT " + string(b))
	return g
}

func (g *rogue) say(lines ...string) {
	// That the hub has hung up is for the test to find out.
	_, _ = io.WriteString(g.conn, strings.Join(lines, "\r\n")+"\r\n")
}

// next reads up to a line that starts so; "" if the hub hangs up first.
func (g *rogue) next(prefix string) string {
	_ = g.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		line, err := g.r.ReadString('\n')
		if err != nil {
			return ""
		}
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
		if strings.HasPrefix(line, "PING") {
			g.say("PONG")
		}
	}
}

// alive reports whether the hub still talks to it.
func (g *rogue) alive() bool {
	g.say("PING")
	return g.next("PONG") != ""
}

func (g *rogue) publish(subject, data string) {
	g.say(fmt.Sprintf("LMSG %s %d", subject, len(data)), data)
}

func TestRogueLeafGetsNothing(t *testing.T) {
	l := latticetest.Hub(t)
	newBucket(t, l, "links")
	victim := l.Leaf("victim")
	svc := l.Conn(bus.RoleService)
	heard := make(chan string, 100)
	if _, err := svc.Subscribe(">", func(m *nats.Msg) {
		if string(m.Data) == "forged" {
			heard <- m.Subject
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := svc.Flush(); err != nil {
		t.Fatal(err)
	}
	stolen := l.User(bus.RoleHost)
	replace := strings.NewReplacer("<me>", stolen.ID, "<h>", victim.ID())

	t.Run("what it may is heard", func(t *testing.T) {
		g := newRogue(t, l, stolen, nil)
		g.publish("hb."+stolen.ID, "forged")
		if !g.alive() {
			t.Fatal("the hub hung up")
		}
		if got := <-heard; got != "hb."+stolen.ID {
			t.Errorf("heard %s", got)
		}
	})
	for _, as := range []string{"leaf", "hub"} {
		for _, s := range strings.Fields("rpc.<h>.<h>.T.S.op evt.<h>.x hb.<h> ctl.<h>.stop auc.who $KV.links.k $JS.hub.API.$KV.links.k $JS.API.STREAM.DELETE.KV_links " +
			"$JS.hub.API.STREAM.DELETE.KV_links kvup.links.k enroll.<h> loc.link") {
			t.Run(as+" publishes "+s, func(t *testing.T) {
				g := newRogue(t, l, stolen, func(c map[string]any) {
					if as == "hub" {
						c["is_hub"] = true
					}
				})
				g.publish(replace.Replace(s), "forged")
				g.alive() // answered or hung up: either way the hub is done with the message
				if err := svc.Publish("end", []byte("forged")); err != nil {
					t.Fatal(err)
				}
				for got := <-heard; got != "end"; got = <-heard {
					t.Errorf("%s was heard", got)
				}
			})
		}
		t.Run(as+" listens", func(t *testing.T) {
			g := newRogue(t, l, stolen, func(c map[string]any) {
				if as == "hub" {
					c["is_hub"] = true
				}
			})
			for _, s := range []string{">", "*.*", "_R.>", "ctl.>", "evt.>", "rpc.>", "ctl." + victim.ID() + ".stop", "_R." + victim.ID() + ".*"} {
				g.say("LS+ " + s)
			}
			alive := g.alive()
			for _, s := range []string{"ctl." + victim.ID() + ".stop", "_R." + victim.ID() + ".x", "rpc." + victim.ID() + ".x", "evt.x"} {
				if err := svc.Publish(s, []byte("secret")); err != nil {
					t.Fatal(err)
				}
			}
			if err := svc.Publish("ctl."+stolen.ID+".end", nil); err != nil {
				t.Fatal(err)
			}
			if !alive {
				return // the hub hung up: nothing comes
			}
			for line := g.next("LMSG "); line != ""; line = g.next("LMSG ") {
				if strings.HasPrefix(line, "LMSG ctl."+stolen.ID) {
					return
				}
				t.Errorf("heard %s", line)
			}
		})
	}
	if !victim.Up() {
		t.Error("the victim has lost its link")
	}
	b, err := bus.UseBucket(svc, "links")
	if err != nil {
		t.Fatal(err)
	}
	if all, err := b.Load(latticetest.Context(t)); err != nil || len(all) > 0 {
		t.Errorf("links afterwards: %v, %v", all, err)
	}
}

// TestRogueLeafCannotTakeAVictimsPlace names itself like the victim. The victim's local account name, which it would have to
// know, is random.
func TestRogueLeafCannotTakeAVictimsPlace(t *testing.T) {
	l := latticetest.Hub(t)
	victim := l.Leaf("victim")
	since := victim.State().Since
	for _, account := range []string{"", "$G", "LATTICE", victim.ID()} {
		g := newRogue(t, l, l.User(bus.RoleHost), func(c map[string]any) { c["name"], c["remote_account"] = victim.ID(), account })
		g.alive()
	}
	if !victim.Up() || !victim.State().Since.Equal(since) {
		t.Error("the victim has lost its link")
	}
}

func TestLeafPortWantsCredentials(t *testing.T) {
	l := latticetest.Hub(t)
	host, other := l.User(bus.RoleHost), l.User(bus.RoleHost)
	for name, change := range map[string]func(map[string]any){
		"none":             func(c map[string]any) { delete(c, "jwt"); delete(c, "sig") },
		"no proof":         func(c map[string]any) { c["sig"] = "" },
		"another's":        func(c map[string]any) { c["jwt"] = other.JWT },
		"an administrator": func(c map[string]any) { c["jwt"] = l.User(bus.RoleAdmin).JWT },
		"junk":             func(c map[string]any) { c["jwt"] = "a.b.c" },
	} {
		if g := newRogue(t, l, host, change); g.next("-ERR") == "" {
			t.Errorf("%s: let in", name)
		}
	}
	if n := l.NumLeaves(); n != 0 {
		t.Errorf("%d leaves", n)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(l.LeafURLs()[0], "tls://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(conn) // says nothing before TLS, and hangs up on who says nothing
	if len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("in plain: %q, %v", b, err)
	}
}
