package wasi

import (
	"errors"
	"io/fs"
	"os"

	"github.com/wattle-io/wattle/wit"
)

func openAt(c *wit.Call) func() error {
	d, o := wit.HandleOf[*descriptor](c), opening{}
	o.path = c.Args.Flags(pathFlags)
	o.name = c.Args.String()
	o.how = c.Args.Flags(openFlags)
	o.flags = c.Args.Flags(descriptorFlags)
	return func() error {
		opened, err := d.open(o)
		if err == nil {
			c.Give(opened)
		}
		return err
	}
}

// opening are the parameters of open-at.
type opening struct {
	path  uint32 // path-flags
	name  string
	how   uint32 // open-flags
	flags uint32 // descriptor-flags
}

func (d *descriptor) open(o opening) (*descriptor, error) {
	if err := d.dir(o.name); err != nil {
		return nil, err
	}
	if !d.tree.Write && (o.flags&(writeFlag|mutateFlag) != 0 || o.how&(openCreate|openTruncate) != 0) {
		return nil, fsReadOnly
	}
	if o.how&openDirectory != 0 && o.how&(openCreate|openExclusive|openTruncate) != 0 {
		return nil, fsInvalid
	}
	found, err := d.lookup(o.name, o.path)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && o.how&openCreate != 0) {
		return nil, err
	}
	if found != nil {
		if err := o.suits(found); err != nil {
			return nil, err
		}
		if found.IsDir() {
			return d.openDir(o, found)
		}
	}
	return d.openFile(o, found)
}

// suits says why what is there cannot be opened so.
func (o *opening) suits(found fs.FileInfo) error {
	switch mode := found.Mode(); {
	case o.how&openCreate != 0 && o.how&openExclusive != 0:
		return fsExist
	case mode.Type() == fs.ModeSymlink:
		return fsLoop // not to be followed
	case mode.IsDir() && (o.flags&writeFlag != 0 || o.how&(openCreate|openTruncate) != 0):
		return fsIsDirectory
	case !mode.IsDir() && o.how&openDirectory != 0:
		return fsNotDirectory
	case !mode.IsDir() && o.flags&mutateFlag != 0:
		return fsNotDirectory
	case !mode.IsDir() && !mode.IsRegular():
		return fsUnsupported
	}
	return nil
}

func (d *descriptor) openDir(o opening, found fs.FileInfo) (*descriptor, error) {
	root, err := d.root.OpenRoot(o.name)
	if err != nil {
		return nil, err
	}
	fi, err := root.Stat(".")
	if err == nil && !os.SameFile(fi, found) {
		err = fsBusy // replaced meanwhile
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return &descriptor{fs: d.fs, tree: d.tree, root: root, owned: true}, nil
}

// openFile opens a regular file. What is there was looked at before; found is nil if there was nothing. It is looked at again once
// it is open, because it can be replaced meanwhile: by a pipe, for instance, on which an open would block.
func (d *descriptor) openFile(o opening, found fs.FileInfo) (*descriptor, error) {
	f, err := d.root.OpenFile(o.name, o.osFlags()|openNonblock, 0o666)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		switch {
		case fi.IsDir():
			err = fsIsDirectory
		case !fi.Mode().IsRegular():
			err = fsUnsupported
		case found != nil && o.path&symlinkFollow == 0 && !os.SameFile(fi, found):
			err = fsLoop
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &descriptor{fs: d.fs, tree: d.tree, file: &openFile{File: f, users: 1}, flags: o.flags}, nil
}

func (o *opening) osFlags() int {
	flags := os.O_RDONLY
	if o.flags&writeFlag != 0 || o.how&openTruncate != 0 {
		flags = os.O_RDWR
		if o.flags&readFlag == 0 {
			flags = os.O_WRONLY
		}
	}
	for _, f := range []struct {
		on bool
		os int
	}{
		{o.how&openCreate != 0, os.O_CREATE}, {o.how&openCreate != 0 && o.how&openExclusive != 0, os.O_EXCL},
		{o.how&openTruncate != 0, os.O_TRUNC}, {o.flags&(fileSyncFlag|dataSyncFlag) != 0, os.O_SYNC},
	} {
		if f.on {
			flags |= f.os
		}
	}
	return flags
}
