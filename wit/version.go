package wit

import (
	"cmp"
	"strconv"
	"strings"
)

// version is a semantic version (semver.org 2.0.0).
type version struct {
	num        [3]uint64
	pre, build string
}

// parseVersion reads "1.2.3", "0.2.0-draft2", "1.0.0+b1".
func parseVersion(s string) (v version, ok bool) {
	s, v.build, _ = strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(s, "-")
	if hasPre && pre == "" {
		return v, false
	}
	v.pre = pre
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 64)
		if err != nil || strconv.FormatUint(n, 10) != p {
			return v, false
		}
		v.num[i] = n
	}
	return v, true
}

// compare orders versions as semver does; build metadata does not count.
func (v version) compare(w version) int {
	for i := range v.num {
		if c := cmp.Compare(v.num[i], w.num[i]); c != 0 {
			return c
		}
	}
	switch {
	case v.pre == w.pre:
		return 0
	case v.pre == "":
		return 1
	case w.pre == "":
		return -1
	}
	return comparePre(strings.Split(v.pre, "."), strings.Split(w.pre, "."))
}

// comparePre compares pre-release identifiers: numbers by value and below words, a prefix below its extension.
func comparePre(a, b []string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		x, errX := strconv.ParseUint(a[i], 10, 64)
		y, errY := strconv.ParseUint(b[i], 10, 64)
		c := cmp.Compare(a[i], b[i])
		switch {
		case errX == nil && errY == nil:
			c = cmp.Compare(x, y)
		case errX == nil:
			c = -1
		case errY == nil:
			c = 1
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// compatible is the part of the version that a compatible one shares (BuildTargets.md, "canonversion"): "1" for 1.2.3,
// "0.2" for 0.2.3, "0.0.3" for 0.0.3. A pre-release is compatible with itself only.
func (v version) compatible() string {
	n := func(i int) string { return strconv.FormatUint(v.num[i], 10) }
	switch {
	case v.pre != "":
		return n(0) + "." + n(1) + "." + n(2) + "-" + v.pre
	case v.num[0] != 0:
		return n(0)
	case v.num[1] != 0:
		return "0." + n(1)
	}
	return "0.0." + n(2)
}

// CompatibleName reduces the version in the name of an interface to the part that compatible versions share. It is how the cm32p2
// names of core modules are formed and how versions are matched:
//
//	wasi:http/types@0.2.3            wasi:http/types@0.2
//	a:b/c@1.4.0                      a:b/c@1
//	a:b/c@0.0.7                      a:b/c@0.0.7
//	wasi:keyvalue/store@0.2.0-draft2 wasi:keyvalue/store@0.2.0-draft2
//
// A name without a version, or with one that is none, is returned as it is.
func CompatibleName(iface string) string {
	base, ver, ok := strings.Cut(iface, "@")
	if !ok {
		return iface
	}
	v, ok := parseVersion(ver)
	if !ok {
		return iface
	}
	return base + "@" + v.compatible()
}
