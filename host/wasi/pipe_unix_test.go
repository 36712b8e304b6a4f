//go:build unix

package wasi

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestPipesAndDevicesAreNotOpened(t *testing.T) {
	f := writable(t)
	if err := syscall.Mkfifo(filepath.Join(f.dir, "pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	same(t, "read", f.openAs("pipe", 0, readFlag), code("unsupported"))
	same(t, "write", f.openAs("pipe", 0, writeFlag), code("unsupported"))
	stat := f.get(method("stat-at"), f.base, 0, "pipe").([]any)
	same(t, "type", stat[0], variant{name: "fifo"})
}

func TestAFileThatBecomesAPipeMeanwhileDoesNotBlock(t *testing.T) {
	f := writable(t)
	if err := syscall.Mkfifo(filepath.Join(f.dir, "pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	d := f.objects[f.base].(*descriptor)
	_, err := d.openFile(opening{path: symlinkFollow, name: "pipe", flags: readFlag}, nil)
	same(t, "error", err, error(fsUnsupported))
}
