package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/cmd/wattle/internal/project"
	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) startCommand() *cobra.Command {
	var req control.StartRequest
	var config, on []string
	var memory string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "start FILE",
		Short: "Start a signed actor",
		Long: `Sends FILE to the lattice, which verifies its signature, hash, validity and issuer, checks that its claims grant what it imports, and runs it.
It runs again after a restart of the lattice, until ` + "`wattle stop`" + `. Without --on it runs on the hub's host. With it, on one host that has these labels, or on
several if --instances asks for more than one: each gets its share.`,
		Example: `  wattle start counter.wasm
  wattle start counter.wasm --on zone=kitchen --instances 2`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if req.Config, err = parseConfig(config); err != nil {
				return err
			}
			if req.Limits.Memory, err = project.ParseSize(memory); err != nil {
				return usagef("--memory: %w", err)
			}
			req.Limits.Timeout = control.Duration(timeout)
			labels, err := parseLabels(on)
			if err != nil {
				return err
			}
			return c.start(cmd.Context(), args[0], labels, req)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&req.Replace, "replace", false, "take the place of the version that runs, without a dropped call")
	f.IntVar(&req.Limits.Instances, "instances", 0, "how many instances it may have at a time")
	f.StringArrayVar(&on, "on", nil, "label that its host must have, as key=value; name=NAME is the host of that name (repeat)")
	f.StringVar(&memory, "memory", "", "memory that an instance may have, e.g. 64MiB")
	f.DurationVar(&timeout, "call-timeout", 0, "how long a call may take, e.g. 5s")
	f.StringArrayVar(&config, "config", nil, "value that wasi:config gives the actor, as key=value (repeat)")
	return cmd
}

func (c *cli) start(ctx context.Context, file string, labels map[string]string, req control.StartRequest) error {
	wasm, err := readModule(file)
	if err != nil {
		return err
	}
	r, err := c.reach(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if req.Hash, err = r.hub.Upload(ctx, wasm, nil); err != nil {
		return err
	}
	shares, err := r.pick(ctx, labels, req.Limits.Instances)
	if err != nil {
		return err
	}
	for _, s := range shares {
		req.Limits.Instances = s.instances
		info, err := r.all.Host(s.host.ID).Start(ctx, req)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "started %s %s (%s)%s\n", info.Name, info.Version, info.ID, s.where)
		for _, hint := range info.Missing {
			fmt.Fprintf(c.stdout, "  no link yet: %s\n", hint)
		}
	}
	return nil
}
