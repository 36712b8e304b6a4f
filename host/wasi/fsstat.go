package wasi

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"io/fs"
	"os"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// The cases of descriptor-type.
const (
	typeUnknown uint64 = iota
	typeBlockDevice
	typeCharacterDevice
	typeDirectory
	typeFIFO
	typeSymbolicLink
	typeRegularFile
	typeSocket
)

func typeOf(mode fs.FileMode) uint64 {
	switch mode.Type() {
	case 0:
		return typeRegularFile
	case fs.ModeDir:
		return typeDirectory
	case fs.ModeSymlink:
		return typeSymbolicLink
	case fs.ModeNamedPipe:
		return typeFIFO
	case fs.ModeSocket:
		return typeSocket
	case fs.ModeDevice:
		return typeBlockDevice
	case fs.ModeDevice | fs.ModeCharDevice:
		return typeCharacterDevice
	}
	return typeUnknown
}

// fileID is what package os does not tell on every system; zero where it is not known.
type fileID struct {
	device, inode, links uint64
	accessed, changed    time.Time
}

func statSelf(c *wit.Call) func() error {
	d := wit.HandleOf[*descriptor](c)
	return func() error {
		fi, err := d.info()
		if err == nil {
			encodeStat(&c.Result, fi)
		}
		return err
	}
}

func statAt(c *wit.Call) func() error {
	d, flags, path := wit.HandleOf[*descriptor](c), c.Args.Flags(pathFlags), c.Args.String()
	return func() error {
		fi, err := d.stat(path, flags)
		if err == nil {
			encodeStat(&c.Result, fi)
		}
		return err
	}
}

// stat is the metadata at a path.
func (d *descriptor) stat(path string, flags uint32) (fs.FileInfo, error) {
	if err := d.dir(path); err != nil {
		return nil, err
	}
	return d.lookup(path, flags)
}

// encodeStat appends the record descriptor-stat.
func encodeStat(e *wit.Encoder, fi fs.FileInfo) {
	id := identify(fi)
	e.Uint(typeOf(fi.Mode()))
	e.Uint(max(1, id.links))
	e.Uint(uint64(max(0, fi.Size())))
	for _, t := range []time.Time{id.accessed, fi.ModTime(), id.changed} {
		e.Bool(!t.IsZero())
		if !t.IsZero() {
			encodeTime(e, t)
		}
	}
}

// isSameObject appends a bool, without a result around it.
func isSameObject(_ context.Context, c *wit.Call) error {
	a, b := wit.HandleOf[*descriptor](c), wit.HandleOf[*descriptor](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	x, err := a.info()
	y, err2 := b.info()
	c.Result.Bool(err == nil && err2 == nil && os.SameFile(x, y))
	return nil
}

func metadataHash(c *wit.Call) func() error {
	d := wit.HandleOf[*descriptor](c)
	return func() error {
		fi, err := d.info()
		if err == nil {
			d.fs.encodeHash(&c.Result, fi)
		}
		return err
	}
}

func metadataHashAt(c *wit.Call) func() error {
	d, flags, path := wit.HandleOf[*descriptor](c), c.Args.Flags(pathFlags), c.Args.String()
	return func() error {
		fi, err := d.stat(path, flags)
		if err == nil {
			d.fs.encodeHash(&c.Result, fi)
		}
		return err
	}
}

// encodeHash appends the record metadata-hash-value: of what tells the object from others and from itself before a change.
func (s *filesystem) encodeHash(e *wit.Encoder, fi fs.FileInfo) {
	id := identify(fi)
	var b []byte
	for _, v := range []uint64{id.device, id.inode, uint64(fi.Size()), uint64(fi.ModTime().UnixNano()), uint64(fi.Mode().Type())} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, seed := range s.seeds {
		e.Uint(maphash.Bytes(seed, b))
	}
}
