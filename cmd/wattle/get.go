package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) getCommand() *cobra.Command {
	return group("get", "Show what is in the lattice",
		c.getKind("hosts", "hosts", c.printHosts), c.getKind("actors", "running actors", c.printActorList),
		c.getKind("providers", "providers and the contracts that they offer", c.printProviders), c.getKind("links", "links", c.printLinks))
}

func (c *cli) getKind(kind, what string, print func(ctx context.Context, asJSON bool) error) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     kind,
		Aliases: []string{strings.TrimSuffix(kind, "s")},
		Short:   "List the " + what,
		Example: "  wattle get " + kind + " --json",
		Args:    exactArgs(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return print(cmd.Context(), asJSON) },
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (c *cli) inventory(ctx context.Context) (control.Inventory, error) {
	r, err := c.reach(ctx)
	if err != nil {
		return control.Inventory{}, err
	}
	defer r.Close()
	return r.inventory(ctx)
}

func (c *cli) printHosts(ctx context.Context, asJSON bool) error {
	inv, err := c.inventory(ctx)
	if err != nil || asJSON {
		return c.orJSON(inv.Hosts, err)
	}
	t := newTable("NAME", "ID", "VERSION", "LINK", "UP", "RTT", "MEMORY", "LABELS")
	for _, h := range inv.Hosts {
		up, memory, rtt := ago(time.Duration(h.Uptime)), size(h.Memory), time.Duration(h.RTT).Round(10*time.Microsecond).String()
		if h.State != control.HostUp {
			up, memory, rtt = "-", "-", "-"
		}
		t.row(h.Name, short(h.ID), h.Version, h.State, up, rtt, memory, configText(h.Labels))
	}
	return t.print(c.stdout)
}

func (c *cli) printActorList(ctx context.Context, asJSON bool) error {
	inv, err := c.inventory(ctx)
	if err != nil || asJSON {
		return c.orJSON(inv.Actors, err)
	}
	host := hostNamer(inv)
	t := newTable("NAME", "VERSION", "ID", "HOST", "INSTANCES", "CALLS", "FAILED", "MEMORY", "UP")
	for _, a := range inv.Actors {
		t.row(a.Name, a.Version, short(a.ID), host(a.Host), fmt.Sprintf("%d/%d", a.Instances, a.Max), fmt.Sprint(a.Calls), fmt.Sprint(a.Failures),
			size(a.Memory), ago(time.Since(a.Started)))
	}
	return t.print(c.stdout)
}

func (c *cli) printProviders(ctx context.Context, asJSON bool) error {
	inv, err := c.inventory(ctx)
	if err != nil || asJSON {
		return c.orJSON(inv.Providers, err)
	}
	host := hostNamer(inv)
	t := newTable("NAME", "HOST", "OFFERS", "CALLS", "WHAT IT IS")
	for _, p := range inv.Providers {
		t.row(p.Name, host(p.Host), orDash(p.Contracts), orDash(p.Calls), p.Doc)
	}
	return t.print(c.stdout)
}

func (c *cli) printLinks(ctx context.Context, asJSON bool) error {
	inv, err := c.inventory(ctx)
	if err != nil || asJSON {
		return c.orJSON(inv.Links, err)
	}
	names := map[string]string{}
	for _, a := range inv.Actors {
		names[a.ID] = a.Name
	}
	name := func(id string) string {
		if n := names[id]; n != "" {
			return n
		}
		return short(id)
	}
	t := newTable("SOURCE", "TARGET", "CONTRACT", "NAME", "CONFIG")
	for _, l := range inv.Links {
		t.row(name(l.Source), name(l.Target), l.Contract, l.Name, configText(l.Config))
	}
	return t.print(c.stdout)
}

// hostNamer gives the names of hosts.
func hostNamer(inv control.Inventory) func(id string) string {
	return func(id string) string {
		for _, h := range inv.Hosts {
			if h.ID == id && h.Name != "" {
				return h.Name
			}
		}
		return short(id)
	}
}

func (c *cli) orJSON(v any, err error) error {
	if err != nil {
		return err
	}
	return c.printJSON(v)
}

func orDash(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}
