package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (c *cli) trustCommand() *cobra.Command {
	return group("trust", "Say whose signatures count", c.trustAddCommand())
}

func (c *cli) trustAddCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "add ISSUER",
		Short: "Trust an issuer by its public key",
		Long: `Lets this lattice run what ISSUER signs, from now on. ISSUER is a public key, "A…", as ` + "`wattle keys list`" + ` shows it where the issuer was
made. An issuer that was made here is trusted already.`,
		Example: "  wattle trust add AB3…XYZ --name shop-team",
		Args:    exactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := c.home()
			if err != nil {
				return err
			}
			i, err := h.TrustIssuer(name, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "trusts %s %s\n", i.Name, i.ID)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what to call the issuer: a-z, 0-9 and -")
	require(cmd, "name")
	return cmd
}
