package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/cmd/wattle/internal/project"
	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) startCommand() *cobra.Command {
	var req control.StartRequest
	var config []string
	var memory string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "start FILE",
		Short: "Start a signed actor",
		Long: `Sends FILE to the lattice, which verifies its signature, hash, validity and issuer, checks that its claims grant what it imports, and runs it.
It runs again after a restart of the lattice, until ` + "`wattle stop`" + `.`,
		Example: "  wattle start counter.wasm",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if req.Config, err = parseConfig(config); err != nil {
				return err
			}
			if req.Limits.Memory, err = project.ParseSize(memory); err != nil {
				return usagef("--memory: %w", err)
			}
			req.Limits.Timeout = control.Duration(timeout)
			return c.start(cmd, args[0], req)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&req.Replace, "replace", false, "take the place of the version that runs, without a dropped call")
	f.IntVar(&req.Limits.Instances, "instances", 0, "how many instances it may have at a time")
	f.StringVar(&memory, "memory", "", "memory that an instance may have, e.g. 64MiB")
	f.DurationVar(&timeout, "call-timeout", 0, "how long a call may take, e.g. 5s")
	f.StringArrayVar(&config, "config", nil, "value that wasi:config gives the actor, as key=value (repeat)")
	return cmd
}

func (c *cli) start(cmd *cobra.Command, file string, req control.StartRequest) error {
	wasm, err := readModule(file)
	if err != nil {
		return err
	}
	client, done, err := c.client(cmd.Context())
	if err != nil {
		return err
	}
	defer done()
	if req.Hash, err = client.Upload(cmd.Context(), wasm, nil); err != nil {
		return err
	}
	info, err := client.Start(cmd.Context(), req)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "started %s %s (%s)\n", info.Name, info.Version, info.ID)
	for _, hint := range info.Missing {
		fmt.Fprintf(c.stdout, "  no link yet: %s\n", hint)
	}
	return nil
}
