package project

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long the source must be left alone before it is built: editors write a file in several steps.
const quiet = 100 * time.Millisecond

// Watch calls changed after each change of a source file, until ctx ends. Changes during a call lead to one further call.
func (p *Project) Watch(ctx context.Context, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := addTree(w, p.Dir); err != nil {
		return err
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.Errors:
			return err
		case e := <-w.Events:
			if e.Has(fsnotify.Create) {
				_ = addTree(w, e.Name) // a file, or gone again: then there is nothing to add
			}
			if isSource(e.Name) && !e.Has(fsnotify.Chmod) {
				timer.Reset(quiet)
			}
		case <-timer.C:
			changed()
		}
	}
}

func addTree(w *fsnotify.Watcher, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if path != root && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		return w.Add(path)
	})
}

// isSource tells the files that a build may depend on from those that editors and builds leave behind.
func isSource(path string) bool {
	name := filepath.Base(path)
	return !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") && filepath.Ext(name) != ".wasm" && !strings.HasPrefix(name, "#")
}
