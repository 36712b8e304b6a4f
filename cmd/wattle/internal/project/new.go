package project

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/wattle-io/wattle"
	"github.com/wattle-io/wattle/lattice"
)

//go:embed template
var template embed.FS

const modulePath = "github.com/wattle-io/wattle"

// New makes a directory with a project that builds at once: the SDK's source is put beside it as a vendored module.
func New(dir string) error {
	name := filepath.Base(dir)
	if !lattice.ValidName(name) {
		return fmt.Errorf("%q cannot name an actor: use 1 to 64 of a-z, 0-9 and -", name)
	}
	if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; choose another name", dir)
	} else if err != nil {
		return err
	}
	files, err := newFiles(name)
	if err != nil {
		return err
	}
	for path, text := range files {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// newFiles gives the texts of a new project by their paths.
func newFiles(name string) (map[string]string, error) {
	files := map[string]string{
		"go.mod": fmt.Sprintf("module %s\n\ngo 1.26\n\nrequire %s v%s\n", name, modulePath, wattle.Version),
	}
	for from, to := range map[string]string{"main.go.txt": "main.go", "main_test.go.txt": "main_test.go", "wattle.toml.txt": FileName,
		"README.md.txt": "README.md", "gitignore.txt": ".gitignore"} {
		b, err := template.ReadFile("template/" + from)
		if err != nil {
			return nil, err
		}
		files[to] = strings.ReplaceAll(string(b), "NAME", name)
	}
	return files, vendorSDK(files)
}

// vendorSDK adds the SDK as `go mod vendor` would lay it out.
func vendorSDK(files map[string]string) error {
	packages := map[string]bool{}
	err := fs.WalkDir(wattle.SDK, "sdk", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := wattle.SDK.ReadFile(path)
		files["vendor/"+modulePath+"/"+path] = string(b)
		packages[modulePath+"/"+path[:strings.LastIndexByte(path, '/')]] = true
		return err
	})
	list := make([]string, 0, len(packages))
	for p := range packages {
		list = append(list, p)
	}
	sort.Strings(list)
	files["vendor/modules.txt"] = fmt.Sprintf("# %s v%s\n## explicit; go 1.26\n%s\n", modulePath, wattle.Version, strings.Join(list, "\n"))
	return err
}
