package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
	"github.com/wattle-io/wattle/lattice/bus"
)

func (c *cli) joinTokenCommand() *cobra.Command {
	var cfg bus.TokenConfig
	var labels []string
	var qr bool
	cmd := &cobra.Command{
		Use:   "join-token",
		Short: "Invite a host into the lattice",
		Long: `Prints a token, one line, with which one host can join the lattice, once, until the token expires: ` + "`wattle host --join TOKEN`" + `. It holds where the hub is,
by which key to know it, and the name and labels that the host will have. Whoever has it can join, so it is a secret until it is used.`,
		Example: `  wattle join-token --name pi-kitchen --label zone=kitchen
  wattle join-token --name pi-kitchen --ttl 1h --advertise 192.0.2.7:7422 --qr`,
		Args: exactArgs(0),
		RunE: func(*cobra.Command, []string) (err error) {
			if cfg.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			t, err := c.joinToken(cfg)
			if err != nil {
				return err
			}
			if qr {
				lines, err := t.QR()
				if err != nil {
					return err
				}
				fmt.Fprintln(c.stderr, strings.Join(lines, "\n"))
			}
			fmt.Fprintln(c.stdout, t)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Name, "name", "", "name of the host: a-z, 0-9 and -")
	f.StringArrayVar(&labels, "label", nil, "label of the host, as key=value, for `wattle start --on` (repeat)")
	f.DurationVar(&cfg.TTL, "ttl", 15*time.Minute, "how long the token can be used")
	f.StringSliceVar(&cfg.Hubs, "advertise", nil, "host:port where the host reaches the hub, if it is not one that `wattle up` prints (repeat)")
	f.BoolVar(&qr, "qr", false, "show it as a QR code on stderr, too")
	require(cmd, "name")
	return cmd
}

func (c *cli) joinToken(cfg bus.TokenConfig) (*bus.Token, error) {
	h, err := c.home()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(h.Path("identity")); err != nil {
		return nil, fmt.Errorf("there is no lattice in %s; start one with `wattle up`, or name its directory with --dir", h.Dir)
	}
	identity, err := bus.LoadIdentity(h.Path("identity"))
	if err != nil {
		return nil, err
	}
	if cfg.Pin, err = identity.Pin(); err != nil {
		return nil, err
	}
	if cfg.Hubs, err = hubAddresses(h, cfg.Hubs); err != nil {
		return nil, err
	}
	return bus.NewToken(identity, cfg)
}

// hubAddresses is where hosts reach the hub: what was given, or else what the running lattice says.
func hubAddresses(h *home.Home, given []string) ([]string, error) {
	if len(given) > 0 {
		for i, a := range given {
			if !strings.Contains(a, "://") {
				given[i] = "tls://" + a
			}
		}
		return given, nil
	}
	r, err := h.Running()
	if err != nil {
		return nil, fmt.Errorf("%w; or say where hosts reach it with --advertise HOST:PORT", err)
	}
	if len(r.Leaves) == 0 {
		return nil, errors.New("this lattice takes no hosts in: it was started with `wattle up --leaf none`, or by `wattle dev`")
	}
	return r.Leaves, nil
}

func parseLabels(list []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" || v == "" {
			return nil, usagef("label %q is not of the form key=value", s)
		}
		labels[k] = v
	}
	return labels, nil
}
