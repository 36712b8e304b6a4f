package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/cmd/wattle/internal/project"
)

func (c *cli) buildCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:     "build DIR",
		Short:   "Build an actor to WebAssembly",
		Long:    "Builds the project in DIR, unsigned. Its wit directory, if it has one, goes into the file, so that hosts and tools know the types of what it exports.",
		Example: "  wattle build ./actors/counter -o counter.wasm",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := project.Load(args[0])
			if err != nil {
				return err
			}
			wasm, err := p.Build(cmd.Context())
			if err != nil {
				return err
			}
			if out == "" {
				out = p.Name + ".wasm"
			}
			if err := os.WriteFile(out, wasm, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "built %s (%s), unsigned; sign it with: wattle sign %s --issuer NAME --name %s --version %s%s\n",
				out, size(uint64(len(wasm))), out, p.Name, p.Version, capFlags(p.Capabilities))
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write (default NAME.wasm in the current directory)")
	return cmd
}

func capFlags(caps []string) (s string) {
	for _, c := range caps {
		s += " --cap " + c
	}
	return s
}
