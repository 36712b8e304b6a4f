package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/lattice/control"
)

// completion is what cobra asks for the values of an argument.
type completion = func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective)

// completeTime bounds how long a shell waits for the names.
const completeTime = 2 * time.Second

// complete offers what the lattice has, for the nth argument of a command. A lattice that does not answer offers nothing.
func (c *cli) complete(nth int, names func(control.Inventory) []string) completion {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) != nth {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), completeTime)
		defer cancel()
		inv, err := c.inventory(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(inv), cobra.ShellCompDirectiveNoFileComp
	}
}

func actorNames(inv control.Inventory) []string {
	var names []string
	for _, a := range inv.Actors {
		names = append(names, a.Name)
	}
	return names
}
