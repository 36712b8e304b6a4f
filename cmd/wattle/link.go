package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/lattice"
)

func (c *cli) linkCommand() *cobra.Command {
	return group("link", "Put, list and delete links", c.linkPutCommand(), c.linkListCommand(), c.linkDelCommand())
}

func (c *cli) linkPutCommand() *cobra.Command {
	var name string
	var config []string
	cmd := &cobra.Command{
		Use:   "put SOURCE TARGET CONTRACT",
		Short: "Link an actor or provider to what answers its calls",
		Long: `SOURCE reaches CONTRACT through TARGET from its next call on. Actors and providers are given by name, or by id. Providers that call actors
(such as httpserver) are the source of their links. Without --name a link is named "default", or after its target if its source is a provider.`,
		Example: `  wattle link put counter keyvalue wasi:keyvalue --config bucket=counts
  wattle link put httpserver counter wasi:http --config path=/`,
		Args: exactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := parseConfig(config)
			if err != nil {
				return err
			}
			client, done, err := c.client(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			l, err := client.PutLink(cmd.Context(), lattice.Link{Source: args[0], Target: args[1], Contract: args[2], Name: name, Config: settings})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "linked %s → %s for %s (%s)\n", args[0], args[1], l.Contract, l.Name)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the link, to have several for one contract")
	cmd.Flags().StringArrayVar(&config, "config", nil, "setting of the target for this link, as key=value (repeat)")
	return cmd
}

func parseConfig(list []string) (map[string]string, error) {
	config := map[string]string{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, usagef("--config %q is not of the form key=value", s)
		}
		config[k] = v
	}
	return config, nil
}

func (c *cli) linkListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the links",
		Example: "  wattle link list",
		Args:    exactArgs(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.printLinks(cmd.Context(), asJSON) },
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (c *cli) linkDelCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "del SOURCE CONTRACT",
		Short:   "Delete a link",
		Long:    "Deletes the link of SOURCE for CONTRACT. Its next call is refused.",
		Example: "  wattle link del counter wasi:keyvalue",
		Args:    exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, done, err := c.client(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			if err := client.DeleteLink(cmd.Context(), lattice.LinkKey{Source: args[0], Contract: args[1], Name: name}); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "deleted the link of %s for %s\n", args[0], args[1])
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the link")
	return cmd
}

// configText is a link's config in one line.
func configText(config map[string]string) string {
	list := make([]string, 0, len(config))
	for k, v := range config {
		list = append(list, k+"="+v)
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}
