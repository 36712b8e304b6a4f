package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "stop ACTOR",
		Short:             "Stop an actor",
		Long:              "Lets the running calls of ACTOR (a name or id) end and stops it, on all hosts that can be reached. Its links and what it stored stay.",
		Example:           "  wattle stop counter",
		ValidArgsFunction: c.complete(0, actorNames),
		Args:              exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			defer r.Close()
			hosts, err := r.running(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, h := range hosts {
				if err := h.Stop(cmd.Context(), control.StopRequest{Actor: args[0]}); err != nil {
					return err
				}
			}
			fmt.Fprintf(c.stdout, "stopped %s\n", args[0])
			return nil
		},
	}
}
