package wasi

import (
	"io/fs"
	"time"

	"github.com/wattle-io/wattle/wit"
)

// newTime is the variant new-timestamp.
type newTime struct {
	kind        int // 0 no change, 1 now, 2 a time
	seconds     uint64
	nanoseconds uint32
}

func decodeNewTime(d *wit.Decoder) newTime {
	t := newTime{kind: d.Case(3)}
	if t.kind == 2 {
		t.seconds, t.nanoseconds = d.Uint(64), d.U32()
	}
	return t
}

// at is the time; zero leaves it as it is.
func (t newTime) at(now time.Time) (time.Time, error) {
	const farthest = 1 << 38 // seconds; about the year 10000
	switch {
	case t.kind == 0:
		return time.Time{}, nil
	case t.kind == 1:
		return now, nil
	case t.nanoseconds >= 1e9:
		return time.Time{}, fsInvalid
	case t.seconds > farthest:
		return time.Time{}, fsOverflow
	}
	return time.Unix(int64(t.seconds), int64(t.nanoseconds)), nil
}

func setTimes(c *wit.Call) func() error {
	d, access, change := wit.HandleOf[*descriptor](c), decodeNewTime(&c.Args), decodeNewTime(&c.Args)
	return func() error {
		return d.changeTimes(access, change, func(a, m time.Time) error {
			if d.file != nil {
				return fileTimes(d.file.File, a, m)
			}
			return d.root.Chtimes(".", a, m)
		})
	}
}

func setTimesAt(c *wit.Call) func() error {
	d, flags, path := wit.HandleOf[*descriptor](c), c.Args.Flags(pathFlags), c.Args.String()
	access, change := decodeNewTime(&c.Args), decodeNewTime(&c.Args)
	return func() error {
		fi, err := d.stat(path, flags)
		if err != nil {
			return err
		}
		if fi.Mode().Type() == fs.ModeSymlink {
			return fsUnsupported // the times of a link itself
		}
		return d.changeTimes(access, change, func(a, m time.Time) error { return d.root.Chtimes(path, a, m) })
	}
}

func (d *descriptor) changeTimes(access, change newTime, set func(a, m time.Time) error) error {
	if !d.tree.Write {
		return fsReadOnly
	}
	now := d.fs.now()
	a, err := access.at(now)
	if err != nil {
		return err
	}
	m, err := change.at(now)
	if err != nil || access.kind+change.kind == 0 {
		return err
	}
	return set(a, m)
}
