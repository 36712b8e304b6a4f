package links

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/wattle-io/wattle/lattice"
)

// journal is a file with what a table has applied, a line each: the key, a space, the envelope in base64, a line feed. It is only appended to while
// the table runs, and written anew when it is opened. What it has is verified like everything else; half a line at its end is
// what a process that was killed leaves behind.
type journal struct {
	file *os.File
	path string
	size int64 // bytes appended since it was written anew
}

const (
	maxLine    = 256 + 1 + maxRecord/3*4 + 8 // bytes
	maxAppends = 16 << 20                    // bytes, then it is written anew
)

// remember opens the journal and takes over what it has.
func (t *Table) remember() error {
	path := t.store.cfg.Journal
	if path == "" {
		return nil
	}
	kept, err := t.read(path)
	if err == nil {
		t.journal, err = rewrite(path, kept)
	}
	if err != nil {
		return journalError(path, err)
	}
	var updates []Update
	for _, k := range kept {
		updates = append(updates, k.update)
	}
	t.take(updates)
	return nil
}

// kept is what the journal has of one link.
type kept struct {
	update Update
	line   []byte
}

// read gives the newest of each link.
func (t *Table) read(path string) (map[lattice.LinkKey]kept, error) {
	newest := make(map[lattice.LinkKey]kept)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newest, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		u, err := t.parseLine(lines.Bytes())
		if err != nil {
			t.store.log.Warn("links: leaving out a line of the journal", "file", path, "err", err)
			continue
		}
		if key := u.Link.Key(); u.Link.Revision > newest[key].update.Link.Revision {
			newest[key] = kept{u, bytes.Clone(lines.Bytes())}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return newest, nil // damaged from there on; the hub has what is missing
	}
	return newest, lines.Err()
}

func (t *Table) parseLine(line []byte) (Update, error) {
	key, text, _ := bytes.Cut(line, []byte{' '})
	value, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return Update{}, invalid("it is damaged")
	}
	return decode(t.store.verifier, string(key), value)
}

// rewrite replaces the file by one that has only what is given, and opens it to append.
func rewrite(path string, all map[lattice.LinkKey]kept) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(f)
	for _, k := range all {
		_, _ = w.Write(append(k.line, '\n')) // Flush has its error
	}
	if err := errors.Join(w.Flush(), f.Sync(), os.Rename(tmp, path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &journal{file: f, path: path}, nil
}

// compact writes a journal that has grown anew. It is called by the goroutine that appends.
func (t *Table) compact() error {
	old := t.journal
	if old == nil || old.size < maxAppends {
		return nil
	}
	kept, err := t.read(old.path)
	if err != nil {
		return err
	}
	next, err := rewrite(old.path, kept)
	if err != nil {
		return err
	}
	t.journal = next
	return old.file.Close()
}

// append adds a record. Without a journal it does nothing.
func (j *journal) append(key string, value []byte) error {
	if j == nil {
		return nil
	}
	n, err := j.file.WriteString(key + " " + base64.StdEncoding.EncodeToString(value) + "\n")
	j.size += int64(n)
	return err
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return errors.Join(j.file.Sync(), j.file.Close())
}

func journalError(path string, err error) error {
	return &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("the journal of links %s cannot be used: %v", path, err), Err: err}
}
