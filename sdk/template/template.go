// Package template makes the files of a new actor project: a handler with its test, the project file, and the SDK
// vendored, so that the project builds without a network. `wattle new` writes them; what they do is the project's README.
package template

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strings"
	"text/template"

	"github.com/wattle-io/wattle/sdk"
)

// ErrName is the error of a name that is not one of 1 to 64 lower-case letters, digits and hyphens, beginning with a letter and not ending
// with a hyphen.
var ErrName = errors.New("an actor's name is 1 to 64 lower-case letters, digits and hyphens; it begins with a letter and does not end with a hyphen")

const (
	module = "github.com/wattle-io/wattle"
	vendor = "vendor/" + module + "/sdk/"
)

//go:embed files/*.tmpl files/.gitignore.tmpl
var files embed.FS

// Files are the files of a project of that name, by slash-separated path relative to the project's directory.
func Files(name string) (map[string][]byte, error) {
	if !regexp.MustCompile(`^[a-z]([a-z0-9-]{0,62}[a-z0-9])?$`).MatchString(name) {
		return nil, fmt.Errorf("template: name %q: %w", name, ErrName)
	}
	out := map[string][]byte{}
	packages, err := source(out)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	data := struct {
		Name, Module string
		Packages     []string
	}{name, module, packages}
	all, err := template.ParseFS(files, "files/*.tmpl", "files/.gitignore.tmpl")
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	for _, t := range all.Templates() {
		var b bytes.Buffer
		if err := t.Execute(&b, data); err != nil {
			return nil, fmt.Errorf("template: %w", err)
		}
		out[place(t.Name())] = b.Bytes()
	}
	return out, nil
}

// place is where the file of a template goes.
func place(tmpl string) string {
	if name := strings.TrimSuffix(tmpl, ".tmpl"); name != "modules.txt" {
		return name
	}
	return "vendor/modules.txt"
}

// source adds the SDK without its tests, and gives the import paths of its packages in order.
func source(out map[string][]byte) (packages []string, err error) {
	seen := map[string]bool{}
	err = fs.WalkDir(sdk.Source, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(file, "_test.go") {
			return err
		}
		if p := module + "/sdk/" + path.Dir(file); !seen[p] {
			seen[p] = true
			packages = append(packages, p)
		}
		out[vendor+file], err = sdk.Source.ReadFile(file)
		return err
	})
	sort.Strings(packages)
	return packages, err
}
