package wasi

import (
	"path"
	"path/filepath"

	"github.com/wattle-io/wattle/wit"
)

// linkAt makes a hard link. It works within one descriptor; between two it is refused as between two file systems, which programs
// know how to deal with.
func linkAt(c *wit.Call) func() error {
	d, follow := wit.HandleOf[*descriptor](c), c.Args.Flags(pathFlags)
	from := c.Args.String()
	to, name := wit.HandleOf[*descriptor](c), c.Args.String()
	return func() error {
		if follow != 0 {
			return fsInvalid
		}
		if err := both(d, from, to, name); err != nil {
			return err
		}
		if d.root != to.root {
			return fsCrossDevice
		}
		return d.root.Link(from, name)
	}
}

// both checks the two sides of a change.
func both(a *descriptor, from string, b *descriptor, to string) error {
	if err := a.mutable(from); err != nil {
		return err
	}
	return b.mutable(to)
}

func renameAt(c *wit.Call) func() error {
	d, from := wit.HandleOf[*descriptor](c), c.Args.String()
	to, name := wit.HandleOf[*descriptor](c), c.Args.String()
	return func() error {
		if err := both(d, from, to, name); err != nil {
			return err
		}
		if d.root == to.root {
			return d.root.Rename(from, name)
		}
		return renameAcross(d.root, from, to.root, name)
	}
}

// symlinkAt makes a symbolic link. The guest could not follow one that leads out of the directory, but others could: it is refused.
func symlinkAt(c *wit.Call) func() error {
	d, target, name := wit.HandleOf[*descriptor](c), c.Args.String(), c.Args.String()
	return func() error {
		if err := d.mutable(name); err != nil {
			return err
		}
		if err := checkPath(target); err != nil {
			return err
		}
		if !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), target))) {
			return fsNotPermitted
		}
		return d.root.Symlink(target, name)
	}
}
