package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (c *cli) keysCommand() *cobra.Command {
	gen := group("gen", "Make a key", c.keysGenIssuerCommand())
	return group("keys", "Make and list keys", gen, c.keysListCommand())
}

func (c *cli) keysGenIssuerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "issuer NAME",
		Short: "Make an issuer: who signs actors",
		Long: `Makes an issuer's key in the state directory. The lattice of that directory trusts it from then on.
Only the public key is printed; the secret one stays in a file that only you can read.`,
		Example: "  wattle keys gen issuer acme",
		Args:    exactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := c.home()
			if err != nil {
				return err
			}
			i, err := h.GenIssuer(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "issuer %s %s\n", i.Name, i.ID)
			return nil
		},
	}
}

func (c *cli) keysListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the issuers that are trusted here, by their public keys",
		Example: "  wattle keys list",
		Args:    exactArgs(0),
		RunE: func(*cobra.Command, []string) error {
			h, err := c.home()
			if err != nil {
				return err
			}
			list, err := h.Issuers()
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(list)
			}
			t := newTable("KIND", "NAME", "PUBLIC KEY")
			for _, i := range list {
				t.row("issuer", i.Name, i.ID)
			}
			return t.print(c.stdout)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
