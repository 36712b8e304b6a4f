package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) hostCommand() *cobra.Command {
	var token string
	var cfg memberConfig
	var verbose bool
	cmd := &cobra.Command{
		Use:   "host",
		Short: "Be a host of a lattice that is served elsewhere",
		Long: `Joins the lattice that TOKEN (of ` + "`wattle join-token`" + `) invites to, and runs what it is told to until it is interrupted. The token is needed once: what the host
has become is kept in its state directory, and later ` + "`wattle host`" + ` alone goes on. TOKEN "-" is read from standard input. Without its
hub the host keeps running what it runs, also after a restart, and takes part again as soon as it can.`,
		Example: `  wattle host --join wattle1.eJx…
  wattle host
  wattle host --http 127.0.0.1:8081`,
		Args: func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.log = hostLog(c.stderr, verbose)
			return c.serveHost(cmd.Context(), token, cfg)
		},
	}
	f := cmd.Flags()
	f.StringVar(&token, "join", "", "token with which to join")
	f.StringVar(&cfg.http, "http", "", "address of an HTTP server of this host; none by default")
	f.BoolVarP(&verbose, "verbose", "v", false, "log what the host does")
	cmd.AddCommand(c.hostRemoveCommand())
	return cmd
}

func (c *cli) serveHost(ctx context.Context, token string, cfg memberConfig) error {
	h, err := c.home()
	if err != nil {
		return err
	}
	release, err := h.Lock()
	if err != nil {
		return err
	}
	defer release()
	if token != "" {
		if err := c.join(ctx, h, token); err != nil {
			return err
		}
	}
	cfg.logs = newLogPrinter(c.stdout).print
	cfg.onLink = func(up bool) {
		if up {
			fmt.Fprintln(c.stdout, "the link to the hub is up")
		} else {
			fmt.Fprintln(c.stdout, "the link to the hub is down; this host goes on with what it has")
		}
	}
	m, err := startMember(ctx, h, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "host %s of lattice %s is up\n  state   %s\n  host    %s\n", m.membership.Name, m.membership.Lattice, h.Dir, m.host.ID())
	c.printActors(ctx, m.host)
	<-ctx.Done()
	fmt.Fprintln(c.stdout, "\nstopping")
	return m.Close()
}

// join uses a token and keeps what it gave.
func (c *cli) join(ctx context.Context, h *home.Home, text string) error {
	if err := h.MayJoin(); err != nil {
		return err
	}
	if text == "-" {
		b := make([]byte, 8<<10)
		n, err := c.stdin.Read(b)
		if err != nil {
			return fmt.Errorf("no token on standard input: %w", err)
		}
		text = string(b[:n])
	}
	token, err := bus.ParseToken(text)
	if err != nil {
		return err
	}
	key, err := bus.NewHostKey()
	if err != nil {
		return err
	}
	m, err := bus.Enroll(ctx, token, key)
	if err != nil {
		return err
	}
	if err := m.Save(h.MembershipFile()); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "joined lattice %s as %s%s\n", m.Lattice, m.Name, labelsText(" ", m.Labels))
	return nil
}

func labelsText(before string, labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	return before + configText(labels)
}

func (c *cli) hostRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove HOST",
		Short: "End a host's membership",
		Long: `Makes the credential of HOST (a name or id) worthless. Its link ends at once, and it can only come back with a new token and a new directory. What runs there goes
on, alone, until somebody stops it.`,
		Example:           "  wattle host remove pi-kitchen",
		Args:              exactArgs(1),
		ValidArgsFunction: c.complete(0, hostNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			defer r.Close()
			m, err := r.member(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := r.hub.RemoveHost(cmd.Context(), control.RemoveRequest{Host: m.ID}); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "removed %s (%s)\n", m.Name, m.ID)
			return nil
		},
	}
}

func hostNames(inv control.Inventory) []string {
	var names []string
	for _, h := range inv.Hosts {
		names = append(names, h.Name)
	}
	return names
}

// member finds a host that has joined, by name or id.
func (r *reach) member(ctx context.Context, ref string) (found bus.Member, err error) {
	members, err := r.members(ctx)
	if err != nil {
		return found, err
	}
	for _, m := range members {
		if m.ID != ref && m.Name != ref {
			continue
		}
		if found.ID != "" {
			return found, &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("several hosts are named %q", ref), Hint: "give the id; `wattle get hosts --json` has it"}
		}
		found = m
	}
	if found.ID == "" {
		return found, &lattice.Error{Kind: lattice.ErrNotFound, Msg: fmt.Sprintf("no host %q has joined this lattice", ref), Hint: "`wattle get hosts` lists those that have"}
	}
	return found, nil
}

// members is the hosts that have joined. Name and labels are what their tokens said.
func (r *reach) members(ctx context.Context) ([]bus.Member, error) {
	b, err := bus.UseBucket(r.conn, bus.MembersBucket)
	if err != nil {
		return nil, err
	}
	return bus.ListMembers(ctx, b)
}
