package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/wattle-io/wattle/cmd/wattle/internal/home"
	"github.com/wattle-io/wattle/cmd/wattle/internal/project"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) devCommand() *cobra.Command {
	var d dev
	cmd := &cobra.Command{
		Use:   "dev DIR",
		Short: "Build, sign, link and run an actor, and again after each change",
		Long: `Builds the actor in DIR, signs it with a development key that it makes on first use, serves a lattice in this process, links the actor as
its wattle.toml asks and shows what it logs. After a change of a source file it is built again and takes the place of the old one,
without a dropped request; if the build fails, the old one keeps serving. What the actor stores is kept for the next time.`,
		Example: `  wattle dev ./actors/counter
  wattle dev . --http :0 --once`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d.cli, d.dir = c, args[0]
			return d.run(cmd.Context())
		},
	}
	httpFlag(cmd, &d.http)
	cmd.Flags().BoolVar(&d.once, "once", false, "do not watch for changes")
	cmd.Flags().BoolVarP(&d.verbose, "verbose", "v", false, "log what the host does")
	return cmd
}

// devIssuer is the issuer with which `wattle dev` signs.
const devIssuer = "dev"

// dev is one run of `wattle dev`.
type dev struct {
	*cli
	dir, http     string
	once, verbose bool

	home  *home.Home
	node  *node
	links []lattice.LinkKey // put by this run
}

func (d *dev) run(ctx context.Context) (err error) {
	p, err := project.Load(d.dir)
	if err != nil {
		return err
	}
	if d.home, err = d.cli.home(); err != nil {
		return err
	}
	signed, err := d.build(ctx, p)
	if err != nil {
		return err
	}
	d.node, err = startNode(ctx, d.home, nodeConfig{lattice: d.lattice, http: d.http, log: hostLog(d.stderr, d.verbose), logs: newLogPrinter(d.stdout).print})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, d.unlink(), d.node.Close())
	}()
	return d.serve(ctx, p, signed)
}

func (d *dev) serve(ctx context.Context, p *project.Project, signed []byte) error {
	info, err := d.start(ctx, p, signed)
	if err != nil {
		return err
	}
	if err := d.link(ctx, p, info.ID); err != nil {
		return err
	}
	d.greet(p, info)
	if !d.once {
		return p.Watch(ctx, func() { d.rebuild(ctx) })
	}
	<-ctx.Done()
	return nil
}

// build compiles and signs.
func (d *dev) build(ctx context.Context, p *project.Project) ([]byte, error) {
	fmt.Fprintf(d.stdout, "building %s …\n", p.Name)
	start := time.Now()
	wasm, err := p.Build(ctx)
	if err != nil {
		return nil, err
	}
	key, err := d.home.IssuerKey(devIssuer)
	if err != nil {
		if _, err = d.home.GenIssuer(devIssuer); err != nil {
			return nil, err
		}
		if key, err = d.home.IssuerKey(devIssuer); err != nil {
			return nil, err
		}
	}
	defer key.Wipe()
	signed, err := claims.Sign(key, claims.Module{Name: p.Name, Version: p.Version, Grants: grants(p.Capabilities)}, wasm)
	if err == nil {
		fmt.Fprintf(d.stdout, "built and signed %s %s (%s) in %s\n", p.Name, p.Version, size(uint64(len(signed))), time.Since(start).Round(time.Millisecond))
	}
	return signed, err
}

// start puts the module in the place of the one that runs.
func (d *dev) start(ctx context.Context, p *project.Project, signed []byte) (control.ActorInfo, error) {
	limits := p.Limits.Parsed()
	return d.node.host.StartModule(ctx, signed, control.StartRequest{Replace: true, Config: p.Config,
		Limits: control.Limits{Memory: limits.Memory, Instances: limits.Instances, Timeout: control.Duration(limits.Call), Idle: control.Duration(limits.Idle)}})
}

// link puts the links of the project file.
func (d *dev) link(ctx context.Context, p *project.Project, id string) error {
	for _, l := range p.Link {
		link := lattice.Link{Source: l.Source, Target: l.Target, Contract: l.Contract, Name: l.Name, Config: l.Config}
		if link.Source == "" {
			link.Source = id
		} else {
			link.Target = id
		}
		if err := d.putLink(ctx, link); err != nil {
			return fmt.Errorf("%s: link for %s: %w", project.FileName, l.Contract, err)
		}
	}
	return nil
}

// putLink puts a link and remembers it, to be taken away in the end. A link of an actor that does not run, left behind by a
// run that was killed, gives way.
func (d *dev) putLink(ctx context.Context, link lattice.Link) error {
	stored, err := d.node.host.PutLink(ctx, link)
	if errors.Is(err, lattice.ErrConflict) {
		if err := d.dropStale(ctx, link); err != nil {
			return err
		}
		stored, err = d.node.host.PutLink(ctx, link)
	}
	if err == nil && !slices.Contains(d.links, stored.Key()) {
		d.links = append(d.links, stored.Key())
	}
	return err
}

// dropStale deletes the links from the same source whose target does not run.
func (d *dev) dropStale(ctx context.Context, link lattice.Link) error {
	inv, err := d.node.host.Inventory(ctx)
	if err != nil {
		return err
	}
	for _, l := range inv.Links {
		runs := slices.ContainsFunc(inv.Actors, func(a control.ActorInfo) bool { return a.ID == l.Target })
		if l.Source == link.Source && l.Contract == link.Contract && lattice.IsActorID(l.Target) && !runs {
			if err := d.node.host.DeleteLink(ctx, l.Key()); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlink takes the links of this run away, so that the next one may be of another actor.
func (d *dev) unlink() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var errs []error
	for _, key := range d.links {
		errs = append(errs, d.node.host.DeleteLink(ctx, key))
	}
	return errors.Join(errs...)
}

// rebuild takes a change over. What is wrong is shown, and the old one keeps serving.
func (d *dev) rebuild(ctx context.Context) {
	err := d.tryRebuild(ctx)
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(d.stderr, "%v\nthe version before keeps serving\n", err)
	}
}

func (d *dev) tryRebuild(ctx context.Context) error {
	p, err := project.Load(d.dir)
	if err != nil {
		return err
	}
	signed, err := d.build(ctx, p)
	if err != nil {
		return err
	}
	info, err := d.start(ctx, p, signed)
	if err != nil {
		return err
	}
	if err := d.link(ctx, p, info.ID); err != nil {
		return err
	}
	fmt.Fprintf(d.stdout, "%s now runs the new version\n", p.Name)
	return nil
}

// greet says what runs where and what to try.
func (d *dev) greet(p *project.Project, info control.ActorInfo) {
	fmt.Fprintf(d.stdout, "\n%s %s runs on this host\n  actor   %s\n  state   %s\n", info.Name, info.Version, info.ID, d.home.Dir)
	for _, l := range p.Link {
		if l.Source != "" {
			fmt.Fprintf(d.stdout, "  link    %s → %s  %s %s\n", l.Source, p.Name, l.Contract, configText(l.Config))
		} else {
			fmt.Fprintf(d.stdout, "  link    %s → %s  %s %s\n", p.Name, l.Target, l.Contract, configText(l.Config))
		}
	}
	for _, l := range p.Link {
		if l.Source == "httpserver" {
			fmt.Fprintf(d.stdout, "\ntry:  curl http://%s%s\n", d.node.httpAddr(), tryPath(p, l))
		}
	}
	if !d.once {
		fmt.Fprintln(d.stdout, "\nwatching for changes; Ctrl-C ends it")
	}
	fmt.Fprintln(d.stdout)
}

// tryPath is what the project file suggests, or where the link leads.
func tryPath(p *project.Project, l project.Link) string {
	switch {
	case p.Try != "":
		return p.Try
	case l.Config["path"] != "":
		return l.Config["path"]
	}
	return "/"
}
