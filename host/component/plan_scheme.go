package component

import "strings"

// scheme is a way of naming core imports and exports.
type scheme struct {
	memory, realloc, initialize string
	standard                    bool
}

var (
	legacy   = scheme{memory: "memory", realloc: "cabi_realloc", initialize: "_initialize"}
	standard = scheme{memory: "cm32p2_memory", realloc: "cm32p2_realloc", initialize: "cm32p2_initialize", standard: true}
)

// coreName is what the name of a core import or export means.
type coreName struct {
	iface string // "" for the world itself
	name  string // function or resource
	role  role
}

// role is what a core function is for.
type role uint8

const (
	function   role = iota
	resNew          // [export] only
	resRep          // [export] only
	resDrop         // of an imported resource
	resDropOwn      // of a resource that the module defines
	destructor      // exports only
	postReturn      // exports only
)

// importName reads the two-level name of a core import. Both schemes are read, whichever the module's exports use.
func importName(module, name string) coreName {
	iface, isStandard := strings.CutPrefix(module, "cm32p2")
	if isStandard {
		return standardImport(strings.TrimPrefix(iface, "|"), name)
	}
	if module == "$root" {
		module = ""
	}
	iface, own := strings.CutPrefix(module, "[export]")
	for _, p := range []struct {
		prefix string
		role   role
	}{{"[resource-new]", resNew}, {"[resource-rep]", resRep}, {"[resource-drop]", resDrop}} {
		if r, ok := strings.CutPrefix(name, p.prefix); ok {
			return coreName{iface, r, ownRole(p.role, own)}
		}
	}
	return coreName{iface, name, function}
}

func standardImport(iface, name string) coreName {
	iface, own := strings.CutPrefix(iface, "_ex_")
	suffixes := map[string]role{"_drop": resDrop}
	if own {
		suffixes = map[string]role{"_drop": resDropOwn, "_new": resNew, "_rep": resRep}
	}
	for suffix, role := range suffixes {
		if r, ok := strings.CutSuffix(name, suffix); ok {
			return coreName{iface, r, role}
		}
	}
	return coreName{iface, name, function}
}

func ownRole(r role, own bool) role {
	if r == resDrop && own {
		return resDropOwn
	}
	return r
}

// export reads the name of an exported core function. It is false for names that no interface is in, "memory" or
// "cabi_realloc" for instance; functions of the world itself are not told from those.
func (s scheme) export(name string) (coreName, bool) {
	if s.standard {
		return standardExport(name)
	}
	if rest, ok := strings.CutPrefix(name, "cabi_post_"); ok {
		iface, fn, _ := strings.Cut(rest, "#")
		return coreName{iface, fn, postReturn}, true
	}
	iface, fn, ok := strings.Cut(name, "#")
	if !ok {
		return coreName{}, false
	}
	if r, ok := strings.CutPrefix(fn, "[dtor]"); ok {
		return coreName{iface, r, destructor}, true
	}
	return coreName{iface, fn, function}, true
}

func standardExport(name string) (coreName, bool) {
	rest, ok := strings.CutPrefix(name, "cm32p2|")
	if !ok {
		return coreName{}, false
	}
	iface, fn, ok := strings.Cut(rest, "|")
	if r, post := strings.CutSuffix(fn, "_post"); post {
		return coreName{iface, r, postReturn}, ok
	}
	if r, dtor := strings.CutSuffix(fn, "_dtor"); dtor {
		return coreName{iface, r, destructor}, ok
	}
	return coreName{iface, fn, function}, ok
}

// postReturn is the name of the post-return function of an exported core function.
func (s scheme) postReturn(export string) string {
	if s.standard {
		return export + "_post"
	}
	return "cabi_post_" + export
}

// root is the core name of a function of the world itself.
func (s scheme) root(fn string) string {
	if s.standard {
		return "cm32p2||" + fn
	}
	return fn
}
