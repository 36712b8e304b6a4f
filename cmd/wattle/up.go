package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/host"
)

// defaultLeaf is where hosts join unless told otherwise.
const defaultLeaf = "0.0.0.0:7422"

// defaultHTTP is where the HTTP server listens unless told otherwise.
const defaultHTTP = "127.0.0.1:8080"

func (c *cli) upCommand() *cobra.Command {
	var addr, leaf string
	var advertise []string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Serve a lattice: a hub and a host in this process",
		Long: `Serves the lattice of the state directory until it is interrupted. Actors and links of before are there again. Other commands find it by
the same --dir or --lattice; without these, all mean the one default lattice. Hosts on other machines join with a token (` + "`wattle join-token`" + `), at
the address of --leaf: there they must show a credential of this lattice, and they know it by its key.`,
		Example: `  wattle up
  wattle up --http :0 --dir /tmp/lattice`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if leaf == "none" {
				leaf = ""
			}
			return c.up(cmd.Context(), nodeConfig{http: addr, leaf: leaf, advertise: advertise}, verbose)
		},
	}
	httpFlag(cmd, &addr)
	cmd.Flags().StringVar(&leaf, "leaf", defaultLeaf, "address where hosts join; none: no host can")
	cmd.Flags().StringSliceVar(&advertise, "advertise", nil, "host or host:port under which hosts reach this machine, if it is not where it listens (repeat)")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log what the host does")
	return cmd
}

func httpFlag(cmd *cobra.Command, addr *string) {
	cmd.Flags().StringVar(addr, "http", defaultHTTP, "address of the HTTP server; port 0 picks a free one, an empty host is this machine only (0.0.0.0: reachable from others)")
}

// loopback puts an address without a host on this machine only: to be reachable from others has to be asked for.
func loopback(addr string) string {
	if strings.HasPrefix(addr, ":") {
		return "127.0.0.1" + addr
	}
	return addr
}

func (c *cli) up(ctx context.Context, cfg nodeConfig, verbose bool) error {
	h, err := c.home()
	if err != nil {
		return err
	}
	p := newLogPrinter(c.stdout)
	cfg.lattice, cfg.log, cfg.logs = c.lattice, hostLog(c.stderr, verbose), p.print
	n, err := startNode(ctx, h, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "lattice %s is up\n  state   %s\n  http    http://%s\n  host    %s\n", c.lattice, h.Dir, n.httpAddr(), n.host.ID())
	for _, url := range n.hub.LeafURLs() {
		fmt.Fprintf(c.stdout, "  joins   %s\n", url)
	}
	c.printActors(ctx, n.host)
	<-ctx.Done()
	fmt.Fprintln(c.stdout, "\nstopping")
	return n.Close()
}

// printActors says which actors of before run again.
func (c *cli) printActors(ctx context.Context, h *host.Host) {
	inv, err := h.Inventory(ctx)
	if err != nil {
		return
	}
	for _, a := range inv.Actors {
		fmt.Fprintf(c.stdout, "  actor   %s %s\n", a.Name, a.Version)
	}
}

// hostLog is the host's own log: warnings and errors, or everything.
func hostLog(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
