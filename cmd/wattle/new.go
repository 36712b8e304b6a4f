package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/cmd/wattle/internal/project"
)

func (c *cli) newCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new NAME",
		Short: "Make a new actor project",
		Long:  "Makes the directory NAME with a small actor in Go, its tests and its project file. It builds with nothing but the Go toolchain.",
		Example: `  wattle new hello
  wattle dev hello`,
		Args: exactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := project.New(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "made %s; run it with: wattle dev %s\n", args[0], args[0])
			return nil
		},
	}
}
