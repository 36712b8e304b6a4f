package wit

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// maxSource bounds the .wit text that is parsed at once, in bytes.
const maxSource = 8 << 20

// Set is a set of resolved packages: their interfaces and worlds, by full name. A Set does not change once it is built.
type Set struct {
	ifaces map[string]*Interface
	scopes map[string]*scope // names that a "use" can take from an interface, by the interface's full name
	worlds map[string]*World
}

// scope is the names of types and resources that stand in an interface or world, own and used ones.
type scope struct{ names map[string]entity }

// entity is a type or a resource.
type entity struct {
	typ *Type
	res *Resource
}

// Parse reads .wit files, by name, and resolves them. Names serve the messages of errors and say which files form a package: a file that
// names no package belongs to that of the other files in its directory. Errors are *ParseError.
func Parse(files map[string]string) (*Set, error) { return ParseWith(nil, files) }

// ParseWith is Parse for files that may use the packages of base. The result holds both. An interface or world that base has is taken
// from there, even if the files have one of the same name and version.
func ParseWith(base *Set, files map[string]string) (*Set, error) {
	pkgs, err := parsePackages(files)
	if err != nil {
		return nil, err
	}
	r := newResolver(base, pkgs)
	if err := r.run(); err != nil {
		return nil, err
	}
	return r.set, nil
}

// Merge gives the union of both sets. It is an error if both have an interface or world of the same name: their
// types would be different ones.
func (s *Set) Merge(other *Set) (*Set, error) {
	out := &Set{maps.Clone(s.ifaces), maps.Clone(s.scopes), maps.Clone(s.worlds)}
	for n := range other.ifaces {
		if out.ifaces[n] != nil && out.ifaces[n] != other.ifaces[n] {
			return nil, fmt.Errorf("wit: interface %s is in both sets", n)
		}
	}
	for n := range other.worlds {
		if out.worlds[n] != nil && out.worlds[n] != other.worlds[n] {
			return nil, fmt.Errorf("wit: world %s is in both sets", n)
		}
	}
	maps.Copy(out.ifaces, other.ifaces)
	maps.Copy(out.scopes, other.scopes)
	maps.Copy(out.worlds, other.worlds)
	return out, nil
}

// parsePackages parses files and groups them into packages, in a fixed order.
func parsePackages(files map[string]string) ([]*packageAST, error) {
	var size int
	var parsedFiles []*parsed
	names := slices.Sorted(maps.Keys(files))
	dirs := map[string]packageID{}
	for _, name := range names {
		if size += len(files[name]); size > maxSource {
			return nil, &ParseError{name, 1, 1, fmt.Sprintf("more than %d bytes of text", maxSource)}
		}
		f, err := parseFile(name, files[name])
		if err != nil {
			return nil, err
		}
		if f.pkg.ns != "" {
			dirs[path.Dir(name)] = f.pkg
		}
		parsedFiles = append(parsedFiles, f)
	}
	var out []*packageAST
	for i, f := range parsedFiles {
		if f.pkg.ns == "" && f.main.empty() {
			out = addPackages(out, f.nested)
			continue
		}
		if f.pkg.ns == "" {
			f.pkg = dirs[path.Dir(names[i])]
		}
		if f.pkg.ns == "" {
			return nil, &ParseError{names[i], 1, 1, `expected "package ns:name;" here or in another file of the directory`}
		}
		out = addPackages(out, append(f.nested, &packageAST{id: f.pkg, files: []*fileAST{f.main}}))
	}
	return out, nil
}

func (f *fileAST) empty() bool { return len(f.uses)+len(f.ifaces)+len(f.worlds) == 0 }

// addPackages adds packages, joining those of the same id.
func addPackages(to, add []*packageAST) []*packageAST {
	for _, p := range add {
		i := slices.IndexFunc(to, func(q *packageAST) bool { return q.id == p.id })
		if i < 0 {
			to = append(to, p)
		} else {
			to[i].files = append(to[i].files, p.files...)
		}
	}
	return to
}

// Interfaces lists the interfaces of all packages by name. Those that are written inside a world are not among them.
func (s *Set) Interfaces() []*Interface { return sortedValues(s.ifaces) }

// Worlds lists the worlds of all packages by name.
func (s *Set) Worlds() []*World { return sortedValues(s.worlds) }

func sortedValues[T any](m map[string]T) []T {
	out := make([]T, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// Interface finds an interface by its full name. Without that very version it finds the newest compatible one, in either direction: asked for
// "wasi:io/poll@0.2.1" it gives 0.2.0 if that is there (see CompatibleName). A name without version gives the newest there is,
// releases before pre-releases.
func (s *Set) Interface(name string) (*Interface, bool) { return find(s.ifaces, name) }

// World finds a world by its full name, as Interface does. A name without a package ("counter") is enough if only one
// package has a world of that name.
func (s *Set) World(name string) (*World, bool) {
	if strings.Contains(name, "/") {
		return find(s.worlds, name)
	}
	var found *World
	for n, w := range s.worlds {
		if _, after, _ := strings.Cut(n, "/"); after == name || strings.HasPrefix(after, name+"@") {
			if found != nil {
				return nil, false
			}
			found = w
		}
	}
	return found, found != nil
}

func find[T any](m map[string]T, name string) (best T, ok bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	n := bestMatch(maps.Keys(m), name)
	return m[n], n != ""
}

// bestMatch is the newest of the names that fits the wanted one, or "".
func bestMatch(names func(yield func(string) bool), want string) (best string) {
	base, _, versioned := strings.Cut(want, "@")
	key := CompatibleName(want)
	var bestV version
	names(func(n string) bool {
		b, ver, _ := strings.Cut(n, "@")
		if b != base || versioned && CompatibleName(n) != key {
			return true
		}
		v, _ := parseVersion(ver)
		if best == "" || newer(v, bestV) {
			best, bestV = n, v
		}
		return true
	})
	return best
}

// newer reports whether v is to be preferred over w: a release over a pre-release, else the higher version. Versions that are
// the same but for build metadata are ordered by it, so that the choice does not depend on chance.
func newer(v, w version) bool {
	if (v.pre == "") != (w.pre == "") {
		return v.pre == ""
	}
	return cmp.Or(v.compare(w), cmp.Compare(v.build, w.build)) > 0
}
