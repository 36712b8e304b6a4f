package wasi

import (
	"context"
	"hash/maphash"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// Preopen is a directory that a guest is given. The guest reaches what is in it and nothing else: a path that leaves it, by
// "..", by a symbolic link or because it is absolute, is refused with not-permitted. It opens regular files and directories
// only, no devices, pipes or sockets.
type Preopen struct {
	// Path is the name by which the guest knows the directory, e.g. "/data" or ".".
	Path string
	// Root is the directory. Whoever made it closes it, when no guest uses the functions any more.
	Root *os.Root
	// Write lets the guest change what is in the directory; without it changes are refused with read-only.
	Write bool
	// MaxFile bounds the size to which the guest can make a file, in bytes; beyond it, it gets file-too-large. Default 1 TiB.
	MaxFile int64
}

const (
	defaultMaxFile = 1 << 40
	maxPath        = 4096 // bytes of a path
)

// filesystem is what the descriptors of one Imports share. It is used by several guests at once.
type filesystem struct {
	preopens []Preopen
	now      func() time.Time
	seeds    [2]maphash.Seed // of metadata-hash: they keep inode numbers from the guest
	buffers  sync.Pool       // of *[maxRead]byte
}

// filesystemImports are wasi:filesystem.
func filesystemImports(preopens []Preopen, now func() time.Time) wit.Imports {
	s := &filesystem{preopens: preopens, now: now, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	s.buffers.New = func() any { return new([maxRead]byte) }
	return merge(
		imports("wasi:filesystem/preopens@0.2.0", map[string]wit.HostFunc{"get-directories": plain(s.directories)}),
		imports("wasi:filesystem/types@0.2.0", map[string]wit.HostFunc{
			"[method]descriptor.read-via-stream":                  fsOp(readViaStream),
			"[method]descriptor.write-via-stream":                 fsOp(writeViaStream),
			"[method]descriptor.append-via-stream":                fsOp(appendViaStream),
			"[method]descriptor.advise":                           fsOp(advise),
			"[method]descriptor.sync-data":                        fsOp(syncFile),
			"[method]descriptor.sync":                             fsOp(syncFile),
			"[method]descriptor.get-flags":                        fsOp(getFlags),
			"[method]descriptor.get-type":                         fsOp(getType),
			"[method]descriptor.set-size":                         fsOp(setSize),
			"[method]descriptor.set-times":                        fsOp(setTimes),
			"[method]descriptor.set-times-at":                     fsOp(setTimesAt),
			"[method]descriptor.read":                             fsOp(readFile),
			"[method]descriptor.write":                            fsOp(writeFile),
			"[method]descriptor.read-directory":                   fsOp(readDirectory),
			"[method]descriptor.create-directory-at":              fsOp(createDirectoryAt),
			"[method]descriptor.stat":                             fsOp(statSelf),
			"[method]descriptor.stat-at":                          fsOp(statAt),
			"[method]descriptor.link-at":                          fsOp(linkAt),
			"[method]descriptor.open-at":                          fsOp(openAt),
			"[method]descriptor.readlink-at":                      fsOp(readlinkAt),
			"[method]descriptor.remove-directory-at":              fsOp(removeDirectoryAt),
			"[method]descriptor.rename-at":                        fsOp(renameAt),
			"[method]descriptor.symlink-at":                       fsOp(symlinkAt),
			"[method]descriptor.unlink-file-at":                   fsOp(unlinkFileAt),
			"[method]descriptor.is-same-object":                   isSameObject,
			"[method]descriptor.metadata-hash":                    fsOp(metadataHash),
			"[method]descriptor.metadata-hash-at":                 fsOp(metadataHashAt),
			"[method]directory-entry-stream.read-directory-entry": fsOp(readDirectoryEntry),
			"filesystem-error-code":                               filesystemErrorCode,
		}),
	)
}

// directories appends list<tuple<own<descriptor>, string>>.
func (s *filesystem) directories(c *wit.Call) {
	c.Result.Uint(uint64(len(s.preopens)))
	for i := range s.preopens {
		c.Give(&descriptor{fs: s, tree: &s.preopens[i], root: s.preopens[i].Root})
		c.Result.String(validText(s.preopens[i].Path))
	}
}

// fsOp makes a host function whose result is result<T, error-code>. f reads the parameters and returns what does the work when all
// of them are well formed: that appends T, or fails.
func fsOp(f func(c *wit.Call) (work func() error)) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		work := f(c)
		if err := c.Args.Close(); err != nil {
			return err
		}
		start := len(c.Result.Buf)
		c.Result.OK()
		if err := work(); err != nil {
			c.Result.Buf = c.Result.Buf[:start]
			c.Result.Err()
			c.Result.Uint(uint64(fsCodeOf(err)))
		}
		return nil
	}
}

// checkPath refuses paths that cannot be meant. What they lead to is the root's to judge.
func checkPath(path string) error {
	switch {
	case path == "":
		return fsNoEntry
	case len(path) > maxPath:
		return fsNameTooLong
	case strings.IndexByte(path, 0) >= 0:
		return fsInvalid
	case path[0] == '/':
		return fsNotPermitted
	case os.PathSeparator != '/' && strings.ContainsRune(path, os.PathSeparator):
		return fsNotPermitted
	}
	return nil
}
