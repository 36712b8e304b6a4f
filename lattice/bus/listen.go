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

// checkListen resolves the address and tries it, so that a port in use is found before anything is started. (Between this and the server's own
// listen somebody else may take the port: then the server's message is reported.)
func checkListen(ctx context.Context, cfg HubConfig) (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", cfg.Listen)
	if err != nil {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.100q is no address to listen on", cfg.Listen),
			Hint: "use host:port, as 127.0.0.1:0", Err: err}
	}
	if !cfg.Public && !addr.IP.IsLoopback() {
		return nil, &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("%s can be reached by other machines", cfg.Listen),
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
