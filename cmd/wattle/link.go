package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) linkCommand() *cobra.Command {
	return group("link", "Put, list and delete links", c.linkPutCommand(), c.linkListCommand(), c.linkDelCommand())
}

func (c *cli) linkPutCommand() *cobra.Command {
	var name string
	var config []string
	cmd := &cobra.Command{
		Use:   "put SOURCE TARGET CONTRACT",
		Short: "Link an actor or provider to what answers its calls",
		Long: `SOURCE reaches CONTRACT through TARGET from its next call on. Actors and providers are given by name, or by id. Providers that call actors
(such as httpserver) are the source of their links. Without --name a link is named "default", or after its target if its source is a provider.`,
		Example: `  wattle link put counter keyvalue wasi:keyvalue --config bucket=counts
  wattle link put httpserver counter wasi:http --config path=/`,
		Args: exactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := parseConfig(config)
			if err != nil {
				return err
			}
			r, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			defer r.Close()
			l, err := r.putLink(cmd.Context(), lattice.Link{Source: args[0], Target: args[1], Contract: args[2], Name: name, Config: settings})
			if control.IsPending(err) {
				fmt.Fprintf(c.stderr, "note: %v; it will when they can be reached\n", err)
			} else if err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "linked %s → %s for %s (%s)\n", args[0], args[1], l.Contract, l.Name)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the link, to have several for one contract")
	cmd.Flags().StringArrayVar(&config, "config", nil, "setting of the target for this link, as key=value (repeat)")
	return cmd
}

// linkTime is how long to wait for the other hosts to have a link.
const linkTime = 5 * time.Second

// putLink stores a link and waits until it holds on all hosts that are there. The error is a control.PendingError if it does not everywhere.
func (r *reach) putLink(ctx context.Context, l lattice.Link) (lattice.Link, error) {
	stored, err := r.hub.PutLink(ctx, l)
	if err != nil {
		return stored, err
	}
	inv, err := r.inventory(ctx)
	if err != nil {
		return stored, err
	}
	var hosts []string
	for _, h := range inv.Hosts {
		if h.State == control.HostUp && h.ID != r.hub.Host() {
			hosts = append(hosts, h.ID)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, linkTime)
	defer cancel()
	return stored, r.all.AwaitLink(ctx, stored.Key(), stored.Revision, hosts)
}

func parseConfig(list []string) (map[string]string, error) {
	config := map[string]string{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, usagef("--config %q is not of the form key=value", s)
		}
		config[k] = v
	}
	return config, nil
}

func (c *cli) linkListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the links",
		Example: "  wattle link list",
		Args:    exactArgs(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.printLinks(cmd.Context(), asJSON) },
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (c *cli) linkDelCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "del SOURCE CONTRACT",
		Short:   "Delete a link",
		Long:    "Deletes the link of SOURCE for CONTRACT. Its next call is refused.",
		Example: "  wattle link del counter wasi:keyvalue",
		Args:    exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			defer r.Close()
			if err := r.hub.DeleteLink(cmd.Context(), lattice.LinkKey{Source: args[0], Contract: args[1], Name: name}); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "deleted the link of %s for %s\n", args[0], args[1])
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the link")
	return cmd
}

// configText is a link's config in one line.
func configText(config map[string]string) string {
	list := make([]string, 0, len(config))
	for k, v := range config {
		list = append(list, k+"="+v)
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}
