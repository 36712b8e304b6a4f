package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/wit"
)

func (c *cli) inspectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show who signed a file, what it may use, what it imports and exports, and what is wrong with it",
		Long:  "Shows everything about FILE and judges it as a host of this lattice would: the exit code is 1 if a host would refuse its signature.",
		Example: `  wattle inspect counter.wasm
  wattle inspect counter.wasm --json`,
		Args: exactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.inspect(args[0], asJSON)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// inspection is what is known about a file: its claims, and the types of what it imports and exports.
type inspection struct {
	claims.Report
	Imports []iface `json:"imports"` // only the functions that it imports
	Exports []iface `json:"exports"`
}

// iface is an interface, or its used part.
type iface struct {
	Interface string `json:"interface"` // "" for functions outside any interface
	Functions []fn   `json:"functions"`
	WIT       string `json:"wit,omitempty"` // the whole interface
}

// fn is a function: its canonical name and its type as WIT.
type fn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func (c *cli) inspect(file string, asJSON bool) error {
	h, err := c.home()
	if err != nil {
		return err
	}
	b, err := readModule(file)
	if err != nil {
		return err
	}
	i := inspection{Report: claims.Inspect(b, h.Trust(), time.Now()), Imports: []iface{}, Exports: []iface{}}
	i.addWorld(b)
	if asJSON {
		if err := c.printJSON(i); err != nil {
			return err
		}
	} else {
		i.print(c.stdout)
	}
	if len(i.Problems) > 0 {
		return fmt.Errorf("a host of this lattice would refuse %s: %s", file, i.Problems[0])
	}
	return nil
}

// addWorld finds out what the module imports and exports.
func (i *inspection) addWorld(file []byte) {
	wasm, _, err := claims.Split(file)
	if err != nil {
		return // the report says so
	}
	plan, err := component.FromBinary(wasm, wit.Contracts())
	if err != nil {
		i.Problems = append(i.Problems, err.Error())
		i.Valid = false
		return
	}
	for _, im := range plan.Imports {
		i.Imports = addFunc(i.Imports, plan.World.Imports, im.Interface, im.Name, im.Type)
	}
	for _, ex := range plan.Exports {
		i.Exports = addFunc(i.Exports, plan.World.Exports, ex.Interface, ex.Name, ex.Type)
	}
}

// addFunc adds a function to its interface in a list, and the interface if it is the first of it.
func addFunc(list []iface, world []*wit.Interface, name, function string, t *wit.FuncType) []iface {
	i := slices.IndexFunc(list, func(x iface) bool { return x.Interface == name })
	if i < 0 {
		i = len(list)
		list = append(list, iface{Interface: name, WIT: witText(world, name)})
	}
	list[i].Functions = append(list[i].Functions, fn{function, t.String()})
	return list
}

func witText(world []*wit.Interface, name string) string {
	for _, w := range world {
		if w.Name == name {
			return wit.Format(w)
		}
	}
	return ""
}

func (i *inspection) print(w io.Writer) {
	if c := i.Claims; c != nil {
		fmt.Fprintf(w, "name      %s\nversion   %s\nid        %s\nissuer    %s%s\nissued    %s\nvalid     %s\nmay use   %s\n", c.Name, c.Version, c.ID, c.Root,
			i.issuerName(), date(c.Issued), validity(c), grantText(c.Grants))
		if len(c.Tags) > 0 {
			fmt.Fprintf(w, "tags      %s\n", strings.Join(c.Tags, ", "))
		}
	}
	fmt.Fprintf(w, "kind      %s\nhash      %s\nsize      %s\n", i.Format, i.Hash, size(uint64(i.Size)))
	printInterfaces(w, "imports", i.Imports)
	printInterfaces(w, "exports", i.Exports)
	for _, p := range i.Problems {
		fmt.Fprintf(w, "problem   %s\n", p)
	}
}

func (i *inspection) issuerName() string {
	for _, s := range i.Signatures {
		if s.Claims == i.Claims && s.IssuerName != "" {
			return " (" + s.IssuerName + ")"
		}
	}
	return ""
}

func printInterfaces(w io.Writer, what string, list []iface) {
	fmt.Fprintf(w, "\n%s\n", what)
	if len(list) == 0 {
		fmt.Fprintln(w, "  nothing")
	}
	for _, x := range list {
		fmt.Fprintf(w, "  %s\n", x.Interface)
		for _, f := range x.Functions {
			fmt.Fprintf(w, "    %s: %s\n", f.Name, f.Type)
		}
	}
}

func validity(c *claims.Claims) string {
	from, until := "at once", "for ever"
	if !c.NotBefore.IsZero() {
		from = "from " + date(c.NotBefore)
	}
	if !c.Expires.IsZero() {
		until = "until " + date(c.Expires)
	}
	return from + ", " + until
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func grantText(grants []claims.Grant) string {
	caps := make([]string, len(grants))
	for i, g := range grants {
		caps[i] = g.Cap
	}
	return orNone(caps)
}
