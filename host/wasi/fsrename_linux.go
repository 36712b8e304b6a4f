package wasi

import (
	"os"
	"path"
	"strings"
	"syscall"
)

// renameAcross moves a file between two roots. The directories on both sides are opened within their roots; the names that the system
// then gets have no further parts that could lead out of them.
func renameAcross(a *os.Root, from string, b *os.Root, to string) error {
	fromDir, fromName, err := parent(a, from)
	if err != nil {
		return err
	}
	defer fromDir.Close()
	toDir, toName, err := parent(b, to)
	if err != nil {
		return err
	}
	defer toDir.Close()
	return syscall.Renameat(int(fromDir.Fd()), fromName, int(toDir.Fd()), toName)
}

// parent opens the directory of a path and gives the last part.
func parent(r *os.Root, name string) (*os.File, string, error) {
	dir, last := path.Split(strings.TrimRight(name, "/"))
	if last == "" || last == "." || last == ".." {
		return nil, "", fsInvalid
	}
	if dir == "" {
		dir = "."
	}
	f, err := r.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	return f, last, err
}
