package wit

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

// The contracts, one file a package, in a directory for each namespace. To add one, add its file.
//
//go:embed wasi/*.wit
var contractFiles embed.FS

var contracts = sync.OnceValue(func() *Set {
	s, err := parseFS(contractFiles)
	if err != nil {
		panic(fmt.Sprintf("wit: contracts: %v", err)) // a test parses them
	}
	return s
})

// Contracts are the interfaces that Wattle offers to actors. They are parsed once; the Set is shared.
func Contracts() *Set { return contracts() }

// parseFS parses all .wit files of a file system.
func parseFS(fsys fs.FS) (*Set, error) {
	files := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".wit") {
			return err
		}
		b, err := fs.ReadFile(fsys, path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		return nil, err
	}
	return Parse(files)
}
