package wasi

import (
	"io/fs"
	"os"
	"sync"

	"github.com/wattle-io/wattle/wit"
)

// The flags of wasi:filesystem/types.
const (
	readFlag uint32 = 1 << iota
	writeFlag
	fileSyncFlag
	dataSyncFlag
	readSyncFlag
	mutateFlag
	descriptorFlags = 6

	symlinkFollow uint32 = 1
	pathFlags            = 1

	openCreate    uint32 = 1
	openDirectory uint32 = 2
	openExclusive uint32 = 4
	openTruncate  uint32 = 8
	openFlags            = 4
)

// descriptor is the wasi:filesystem/types resource: a directory (root) or a regular file (file).
type descriptor struct {
	fs    *filesystem
	tree  *Preopen // where it comes from
	root  *os.Root // nil for a file
	owned bool     // root is closed with the descriptor; that of a preopen is not
	file  *openFile
	flags uint32 // of a file
}

// openFile is a file that descriptors and streams share; the last one that lets go closes it.
type openFile struct {
	*os.File
	mu    sync.Mutex // guards users
	users int
}

func (f *openFile) hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users++
}

func (f *openFile) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users--; f.users == 0 {
		f.Close()
	}
}

// Drop implements wit.Dropper.
func (d *descriptor) Drop() {
	if d.file != nil {
		d.file.release()
	} else if d.owned {
		d.root.Close()
	}
}

// dir is what every function with a path begins with.
func (d *descriptor) dir(path string) error {
	if d.root == nil {
		return fsNotDirectory
	}
	return checkPath(path)
}

// mutable is dir for functions that change something.
func (d *descriptor) mutable(path string) error {
	if err := d.dir(path); err != nil {
		return err
	}
	if !d.tree.Write {
		return fsReadOnly
	}
	return nil
}

// opened checks that the descriptor is a file that was opened for something.
func (d *descriptor) opened(flag uint32) error {
	switch {
	case d.file == nil:
		return fsIsDirectory
	case d.flags&flag == 0:
		return fsBadDescriptor
	}
	return nil
}

// fits checks that n bytes may stand at an offset of a file.
func (d *descriptor) fits(offset, n uint64) error {
	limit := uint64(d.tree.MaxFile)
	if limit == 0 {
		limit = defaultMaxFile
	}
	if offset > limit || n > limit-offset {
		return fsFileTooLarge
	}
	return nil
}

// info is the descriptor's own metadata.
func (d *descriptor) info() (fs.FileInfo, error) {
	if d.file != nil {
		return d.file.Stat()
	}
	return d.root.Stat(".")
}

// lookup is the metadata of what a path leads to.
func (d *descriptor) lookup(path string, flags uint32) (fs.FileInfo, error) {
	if flags&symlinkFollow != 0 {
		return d.root.Stat(path)
	}
	return d.root.Lstat(path)
}

func getFlags(c *wit.Call) func() error {
	d := wit.HandleOf[*descriptor](c)
	return func() error {
		flags := d.flags
		if d.root != nil {
			flags = readFlag
			if d.tree.Write {
				flags |= mutateFlag
			}
		}
		c.Result.Flags(flags, descriptorFlags)
		return nil
	}
}

func getType(c *wit.Call) func() error {
	d := wit.HandleOf[*descriptor](c)
	return func() error {
		if d.root != nil {
			c.Result.Uint(typeDirectory)
		} else {
			c.Result.Uint(typeRegularFile)
		}
		return nil
	}
}

func createDirectoryAt(c *wit.Call) func() error {
	d, path := wit.HandleOf[*descriptor](c), c.Args.String()
	return func() error {
		if err := d.mutable(path); err != nil {
			return err
		}
		return d.root.Mkdir(path, 0o777)
	}
}

func readlinkAt(c *wit.Call) func() error {
	d, path := wit.HandleOf[*descriptor](c), c.Args.String()
	return func() error {
		if err := d.dir(path); err != nil {
			return err
		}
		target, err := d.root.Readlink(path)
		if err != nil {
			return err
		}
		return giveName(c, target)
	}
}

// removeDirectoryAt removes an empty directory. Between the check and the removal someone else can put a file in its place, which is then
// removed: no more than the guest may do anyway.
func removeDirectoryAt(c *wit.Call) func() error {
	d, path := wit.HandleOf[*descriptor](c), c.Args.String()
	return func() error { return d.remove(path, true) }
}

func unlinkFileAt(c *wit.Call) func() error {
	d, path := wit.HandleOf[*descriptor](c), c.Args.String()
	return func() error { return d.remove(path, false) }
}

func (d *descriptor) remove(path string, directory bool) error {
	if err := d.mutable(path); err != nil {
		return err
	}
	fi, err := d.root.Lstat(path)
	switch {
	case err != nil:
		return err
	case directory && !fi.IsDir():
		return fsNotDirectory
	case !directory && fi.IsDir():
		return fsIsDirectory
	}
	return d.root.Remove(path)
}
