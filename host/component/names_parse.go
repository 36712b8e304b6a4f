package component

import (
	"strconv"
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// parseName takes a name apart; ok is false if it is none.
func parseName(s string, attr nameAttributes) (n parsedName, ok bool) {
	if attr.implements != nil && (strings.Contains(s, ":") || !validInterface(*attr.implements)) {
		return n, false
	}
	if rest, found := strings.CutPrefix(s, "[implements=<"); found {
		iface, label, found := strings.Cut(rest, ">]")
		return parsedName{kind: implements, label: label, unique: fold(label)}, found && validInterface(iface) && wit.ValidLabel(label)
	}
	if strings.Contains(s, ":") {
		return parsedName{kind: interfaceName, unique: s}, validVersioned(s, attr.versionSuffix)
	}
	if attr.versionSuffix != nil {
		return n, false
	}
	for prefix, kind := range map[string]nameKind{"[constructor]": constructor, "[method]": method, "[static]": static} {
		if rest, found := strings.CutPrefix(s, prefix); found {
			return annotatedName(rest, kind)
		}
	}
	return parsedName{kind: plainLabel, label: s, unique: fold(s)}, wit.ValidLabel(s)
}

func annotatedName(s string, kind nameKind) (n parsedName, ok bool) {
	if kind == constructor {
		return parsedName{kind: kind, resource: s, label: s, unique: "[constructor]" + fold(s)}, wit.ValidLabel(s)
	}
	r, label, found := strings.Cut(s, ".")
	n = parsedName{kind: kind, resource: r, label: label, unique: fold(r) + "." + fold(label)}
	if fold(r) == fold(label) { // a member named like its resource would get the name of the constructor
		n.unique = fold(r)
	}
	return n, found && wit.ValidLabel(r) && wit.ValidLabel(label)
}

// fold is what two names must differ in.
func fold(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }

// validInterface reports whether s is namespace:package/interface, with or without @version.
func validInterface(s string) bool {
	if !strings.Contains(s, ":") {
		return false
	}
	return validVersioned(s, nil)
}

func validVersioned(s string, suffix *string) bool {
	base, version, versioned := strings.Cut(s, "@")
	ns, rest, ok := strings.Cut(base, ":")
	pkg, iface, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || !lowerLabel(ns) || !lowerLabel(pkg) || !wit.ValidLabel(iface) {
		return false
	}
	switch {
	case suffix == nil:
		return !versioned || validSemver(version)
	case *suffix == "":
		return versioned && canonVersion(version) && validSemver(version)
	}
	return versioned && canonVersion(version) && validSemver(version+*suffix)
}

func lowerLabel(s string) bool { return wit.ValidLabel(s) && s == strings.ToLower(s) }

// canonVersion reports whether s is the part of a version that compatible ones share: "1", "0.2", "0.0.3".
func canonVersion(s string) bool {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if !validNumber(p) {
			return false
		}
	}
	switch len(parts) {
	case 1:
		return parts[0] != "0"
	case 2:
		return parts[0] == "0" && parts[1] != "0"
	case 3:
		return parts[0] == "0" && parts[1] == "0"
	}
	return false
}

// validSemver reports whether s is a semantic version (semver.org 2.0.0).
func validSemver(s string) bool {
	s, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(s, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 || hasBuild && !validIdentifiers(build, false) || hasPre && !validIdentifiers(pre, true) {
		return false
	}
	return validNumber(parts[0]) && validNumber(parts[1]) && validNumber(parts[2])
}

func validNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// validIdentifiers reports whether s is identifiers joined by dots; numbers of a pre-release have no leading zeros.
func validIdentifiers(s string, pre bool) bool {
	for _, id := range strings.Split(s, ".") {
		if id == "" || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return false
		}
		if pre && strings.Trim(id, "0123456789") == "" && len(id) > 1 && id[0] == '0' {
			return false
		}
	}
	return true
}

// fullName is a name with the rest of its version.
func fullName(name string, attr nameAttributes) string {
	if attr.versionSuffix == nil {
		return name
	}
	return name + *attr.versionSuffix
}
