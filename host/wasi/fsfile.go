package wasi

import (
	"io"
	"math"

	"github.com/wattle-io/wattle/wit"
)

// readFile appends tuple<list<u8>, bool>. It reads at most 64 KiB.
func readFile(c *wit.Call) func() error {
	d, length, offset := wit.HandleOf[*descriptor](c), c.Args.Uint(64), c.Args.Uint(64)
	return func() error {
		if err := d.opened(readFlag); err != nil {
			return err
		}
		if offset > math.MaxInt64-maxRead {
			return fsInvalid
		}
		buf := d.fs.buffers.Get().(*[maxRead]byte)
		defer d.fs.buffers.Put(buf)
		n, err := d.file.ReadAt(buf[:min(length, maxRead)], int64(offset))
		if err != nil && err != io.EOF {
			return err
		}
		c.Result.Bytes(buf[:n])
		c.Result.Bool(err == io.EOF)
		return nil
	}
}

func writeFile(c *wit.Call) func() error {
	d, data, offset := wit.HandleOf[*descriptor](c), c.Args.Bytes(), c.Args.Uint(64)
	return func() error {
		if err := d.opened(writeFlag); err != nil {
			return err
		}
		if err := d.fits(offset, uint64(len(data))); err != nil {
			return err
		}
		n, err := d.file.WriteAt(data, int64(offset))
		if n == 0 && err != nil {
			return err
		}
		c.Result.Uint(uint64(n)) // the guest meets the error when it writes the rest
		return nil
	}
}

func setSize(c *wit.Call) func() error {
	d, size := wit.HandleOf[*descriptor](c), c.Args.Uint(64)
	return func() error {
		if err := d.opened(writeFlag); err != nil {
			return err
		}
		if err := d.fits(size, 0); err != nil {
			return err
		}
		return d.file.Truncate(int64(size))
	}
}

// advise takes note of nothing.
func advise(c *wit.Call) func() error {
	d := wit.HandleOf[*descriptor](c)
	c.Args.Uint(64)
	c.Args.Uint(64)
	c.Args.Case(6)
	return func() error {
		if d.file == nil {
			return fsBadDescriptor
		}
		return nil
	}
}

// syncFile is sync and sync-data. Without the right to write there is nothing to sync.
func syncFile(c *wit.Call) func() error {
	d := wit.HandleOf[*descriptor](c)
	return func() error {
		switch {
		case d.root != nil && d.tree.Write:
			return syncDir(d.root)
		case d.root != nil || d.flags&writeFlag == 0:
			return nil
		}
		return d.file.Sync()
	}
}

func readViaStream(c *wit.Call) func() error {
	d, offset := wit.HandleOf[*descriptor](c), c.Args.Uint(64)
	return func() error {
		if err := d.opened(readFlag); err != nil {
			return err
		}
		if offset > math.MaxInt64-maxRead {
			return fsInvalid
		}
		src := newSource(&fileReader{file: d.file, at: int64(offset)})
		src.instant = true // a file does not keep its reader waiting for someone else
		d.file.hold()
		c.Give(&inputStream{src: src, release: d.file.release})
		return nil
	}
}

// fileReader reads a file from a place of its own on. It does not end at the file's end for good: a source asks no more after it.
type fileReader struct {
	file *openFile
	at   int64
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.file.ReadAt(p, r.at)
	r.at += int64(n)
	if n > 0 {
		return n, nil
	}
	if err != nil && err != io.EOF {
		err = &fileError{err}
	}
	return n, err
}

func writeViaStream(c *wit.Call) func() error {
	d, offset := wit.HandleOf[*descriptor](c), c.Args.Uint(64)
	return func() error { return d.giveSink(c, &fileSink{d: *d, at: offset}) }
}

func appendViaStream(c *wit.Call) func() error {
	d := wit.HandleOf[*descriptor](c)
	return func() error { return d.giveSink(c, &fileSink{d: *d, end: true}) }
}

func (d *descriptor) giveSink(c *wit.Call, s *fileSink) error {
	if err := d.opened(writeFlag); err != nil {
		return err
	}
	if err := d.fits(s.at, 0); err != nil {
		return err
	}
	d.file.hold()
	c.Give(&outputStream{sink: s, release: d.file.release})
	return nil
}
