// Command wattle is the one binary: the host of a lattice and the commands that talk to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle"
	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
const (
	exitFailed = 1
	exitUsage  = 2
)

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr}
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "wattle: "+err.Error())
	var u usageError
	if errors.As(err, &u) {
		return exitUsage
	}
	return exitFailed
}

// cli is what every command shares.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	dir     string // --dir
	lattice string // --lattice
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

func usagef(format string, a ...any) error { return usageError{fmt.Errorf(format, a...)} }

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "wattle",
		Short: "Run signed WebAssembly actors in a lattice of hosts",
		Long: `Wattle runs signed WebAssembly actors, links them to capabilities (HTTP, key-value, …) and joins hosts into one lattice.

Begin with a new actor:
  wattle new hello
  wattle dev hello`,
		Version:       wattle.Version,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; see `%s --help`", err, cmd.CommandPath())
	})
	root.PersistentFlags().StringVar(&c.dir, "dir", "", "directory that holds the lattice's state, keys and trust (default: below $XDG_STATE_HOME or ~/.local/state)")
	root.PersistentFlags().StringVar(&c.lattice, "lattice", "default", "name of the lattice")
	root.AddCommand(c.devCommand(), c.upCommand(), c.newCommand(), c.buildCommand(), c.keysCommand(), c.trustCommand(), c.signCommand(), c.inspectCommand(),
		c.startCommand(), c.stopCommand(), c.linkCommand(), c.getCommand(), c.callCommand(), c.logsCommand(),
		c.joinTokenCommand(), c.hostCommand())
	return root
}

// unknownCommand tells a slip of a subcommand's name.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	msg := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("%s; did you mean `%s %s`?", msg, cmd.CommandPath(), near[0])
	}
	return usagef("%s; see `%s --help`", msg, cmd.CommandPath())
}

// group makes a command that only has subcommands.
func group(use, short string, sub ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(sub...)
	return cmd
}

// exactArgs wants that many arguments, named in the command's usage line.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// require refuses a command line without these flags.
func require(cmd *cobra.Command, flags ...string) {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range flags {
			if !cmd.Flag(name).Changed {
				return usagef("--%s is missing; see `%s --help`", name, cmd.CommandPath())
			}
		}
		return nil
	}
}

// home opens the state directory that the flags name.
func (c *cli) home() (*home.Home, error) {
	dir := c.dir
	if dir == "" {
		var err error
		if dir, err = home.Default(c.lattice); err != nil {
			return nil, err
		}
	}
	return home.Open(dir)
}
