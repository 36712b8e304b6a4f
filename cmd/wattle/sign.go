package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/lattice/claims"
)

func (c *cli) signCommand() *cobra.Command {
	var s signing
	cmd := &cobra.Command{
		Use:   "sign FILE",
		Short: "Sign a WebAssembly module or component as an actor",
		Long: `Signs FILE with an issuer's key and puts the claims at its end: who made it, its name and version, and the contracts that it
may use. The bytes of the module itself stay as they are. Signatures that FILE has already are replaced, unless --add is given.`,
		Example: "  wattle sign counter.wasm --issuer acme --name counter --version 1.0.0 --cap wasi:http --cap wasi:keyvalue",
		Args:    exactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.sign(args[0], s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.issuer, "issuer", "", "name of the issuer (see `wattle keys list`)")
	f.StringVar(&s.name, "name", "", "name of the actor: a-z, 0-9 and -")
	f.StringVar(&s.version, "version", "", "version of the actor, e.g. 1.0.0")
	f.StringSliceVar(&s.caps, "cap", nil, "contract that it may use, e.g. wasi:http (repeat)")
	f.StringSliceVar(&s.tags, "tag", nil, "free text (repeat)")
	f.DurationVar(&s.valid, "expires-in", 0, "how long the claims hold, e.g. 720h (default: for ever)")
	f.DurationVar(&s.after, "not-before", 0, "after what time the claims hold, e.g. 1h (default: at once)")
	f.BoolVar(&s.add, "add", false, "keep the signatures that the file has, and add one")
	f.StringVarP(&s.out, "output", "o", "", "file to write (default: FILE itself)")
	require(cmd, "issuer", "name", "version")
	return cmd
}

type signing struct {
	issuer, name, version, out string
	caps, tags                 []string
	valid, after               time.Duration
	add                        bool
}

func (c *cli) sign(file string, s signing) error {
	h, err := c.home()
	if err != nil {
		return err
	}
	key, err := h.IssuerKey(s.issuer)
	if err != nil {
		return err
	}
	defer key.Wipe()
	wasm, err := readModule(file)
	if err != nil {
		return err
	}
	if !s.add {
		if wasm, err = claims.Strip(wasm); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	m := claims.Module{Name: s.name, Version: s.version, Grants: grants(s.caps), Tags: s.tags}
	if s.after != 0 {
		m.NotBefore = time.Now().Add(s.after)
	}
	if s.valid != 0 {
		m.Expires = time.Now().Add(s.valid)
	}
	signed, err := claims.Sign(key, m, wasm)
	if err != nil {
		return err
	}
	if s.out == "" {
		s.out = file
	}
	if err := os.WriteFile(s.out, signed, 0o644); err != nil {
		return err
	}
	if s.valid < 0 {
		fmt.Fprintln(c.stderr, "note: these claims have expired already; hosts will refuse them")
	}
	issuer, _ := key.PublicKey()
	fmt.Fprintf(c.stdout, "signed %s as %s %s, issuer %s, may use: %s\n", s.out, s.name, claims.ActorID(issuer, s.name), s.issuer, orNone(s.caps))
	return nil
}

func grants(caps []string) []claims.Grant {
	caps = slices.Compact(slices.Sorted(slices.Values(caps)))
	list := make([]claims.Grant, len(caps))
	for i, c := range caps {
		list[i] = claims.Grant{Cap: c}
	}
	return list
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// readModule reads a .wasm file of a size that a host takes.
func readModule(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > claims.MaxModule {
		return nil, fmt.Errorf("%s has %s; a module may have at most %s", file, size(uint64(info.Size())), size(claims.MaxModule))
	}
	return os.ReadFile(file)
}
