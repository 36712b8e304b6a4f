package wasi

import (
	"io"
	"io/fs"
	"os"
	"unicode/utf8"

	"github.com/wattle-io/wattle/wit"
)

// entryStream is the resource directory-entry-stream. It reads some entries ahead.
type entryStream struct {
	dir  *os.File
	next []fs.DirEntry
	err  error // what ended it
}

// entriesAhead is how many entries are read at a time.
const entriesAhead = 64

// Drop implements wit.Dropper.
func (s *entryStream) Drop() { s.dir.Close() }

func readDirectory(c *wit.Call) func() error {
	d := wit.HandleOf[*descriptor](c)
	return func() error {
		if d.root == nil {
			return fsNotDirectory
		}
		dir, err := d.root.Open(".")
		if err == nil {
			c.Give(&entryStream{dir: dir})
		}
		return err
	}
}

// readDirectoryEntry appends option<directory-entry>.
func readDirectoryEntry(c *wit.Call) func() error {
	s := wit.HandleOf[*entryStream](c)
	return func() error {
		if len(s.next) == 0 && s.err == nil {
			s.next, s.err = s.dir.ReadDir(entriesAhead)
		}
		if len(s.next) == 0 {
			c.Result.None()
			if s.err == io.EOF {
				return nil
			}
			return s.err
		}
		e := s.next[0]
		s.next = s.next[1:]
		c.Result.Some()
		c.Result.Uint(typeOf(e.Type()))
		return giveName(c, e.Name())
	}
}

// giveName appends a name, which must be UTF-8 for the guest to get it.
func giveName(c *wit.Call, name string) error {
	if !utf8.ValidString(name) {
		return fsIllegalByteSequence
	}
	c.Result.String(name)
	return nil
}

// syncDir makes the entries of a directory durable.
func syncDir(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
