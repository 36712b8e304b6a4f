package bus

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/wattle-io/wattle/lattice"
)

// hubPorts is where a hub listens; nil where it does not.
type hubPorts struct{ client, leaf, websocket *net.TCPAddr }

// checkPorts resolves the addresses and tries them, so that a port in use is found before anything is started. (Between this and
// the server's own listen somebody else may take the port: then the server's message is reported.)
func checkPorts(ctx context.Context, cfg HubConfig) (p hubPorts, err error) {
	if p.client, err = checkListen(ctx, cfg.Listen, cfg.Public, false); err != nil {
		return p, err
	}
	if p.leaf, err = checkListen(ctx, cfg.LeafListen, true, true); err != nil {
		return p, err
	}
	p.websocket, err = checkListen(ctx, cfg.Websocket, true, true)
	return p, err
}

// checkListen finds what is wrong with an address. With pick, port 0 becomes one that is free now.
func checkListen(ctx context.Context, listen string, public, pick bool) (*net.TCPAddr, error) {
	if listen == "" {
		return nil, nil
	}
	addr, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.100q is no address to listen on", listen),
			Hint: "use host:port, as 127.0.0.1:0", Err: err}
	}
	if !public && !addr.IP.IsLoopback() {
		return nil, &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("%s can be reached by other machines", listen),
			Hint: "listen on 127.0.0.1, or say that the lattice is to be public"}
	}
	if addr.IP == nil {
		addr.IP = net.IPv4zero
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr.String())
	if err != nil {
		return nil, listenError(addr.String(), err)
	}
	if got, ok := l.Addr().(*net.TCPAddr); ok && pick {
		addr.Port = got.Port
	}
	return addr, l.Close()
}

func listenError(addr string, err error) error {
	if !isPortInUse(err) {
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("cannot listen on %s: %v", addr, err),
			Hint: "choose another address", Err: err}
	}
	return &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("%s is in use by %s", addr, whoListens(addr)),
		Hint: "stop it, or choose another port", Err: err}
}

// whoListens says what it can about who has the address: a NATS server presents itself in its first line.
func whoListens(addr string) string {
	const other = "another program"
	conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
	if err != nil {
		return other
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	line, err := bufio.NewReaderSize(conn, 8<<10).ReadSlice('\n')
	info, ok := strings.CutPrefix(string(line), "INFO ")
	if err != nil || !ok {
		return other
	}
	var who struct {
		Name string `json:"server_name"`
	}
	if json.Unmarshal([]byte(info), &who) != nil {
		return other
	}
	return fmt.Sprintf("another NATS server (%.60q)", who.Name)
}
