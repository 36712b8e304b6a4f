package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) callCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "call ACTOR FUNCTION [JSON]",
		Short: "Call an exported function of an actor",
		Long: `Calls FUNCTION, "package:interface/name@version#function", of ACTOR. JSON holds the arguments: an array in order, or an object by parameter name.
They and the result follow the function's WIT types; a list<u8> is an array of numbers or a base64 string.`,
		Example:           `  wattle call hello 'example:hello/greeter@0.1.0#greet' '["Ada"]'`,
		ValidArgsFunction: c.complete(0, actorNames),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > 3 {
				return usagef("usage: %s", cmd.UseLine())
			}
			if len(args) == 3 && !json.Valid([]byte(args[2])) {
				return usagef("the arguments are not JSON: %s", args[2])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req := control.CallRequest{Actor: args[0], Func: args[1]}
			if len(args) == 3 {
				req.Args = json.RawMessage(args[2])
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			r, err := c.reach(ctx)
			if err != nil {
				return err
			}
			defer r.Close()
			hosts, err := r.running(ctx, req.Actor)
			if err != nil {
				return err
			}
			reply, err := hosts[0].Call(ctx, req)
			if err != nil {
				return err
			}
			if len(reply.Result) > 0 {
				fmt.Fprintf(c.stdout, "%s\n", reply.Result)
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long the call may take")
	return cmd
}
