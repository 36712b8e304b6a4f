package wattle_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wattle-io/wattle"

// rule says what the packages below a path may import of this module and of others; the standard library is always allowed.
// The first rule that fits a package counts.
type rule struct {
	path string
	may  []string // paths below this module, or of third parties; "*" allows everything
}

// The table "Who may import whom" of the design.
var rules = []rule{
	{"cmd", []string{"*"}},
	{"", nil}, // the root package
	{"wit", nil},
	{"sdk", []string{"sdk"}},
	{"actors", []string{"sdk"}},
	{"host/wasmmod", []string{"wit"}},
	{"host/abi", []string{"wit", "host/wasmmod"}},
	{"host/component", []string{"wit", "host/wasmmod", "host/abi"}},
	{"host/engine", []string{"wit", "host/wasmmod", "host/abi", "host/component", "github.com/tetratelabs/wazero", "golang.org/x/sys"}},
	{"host/wasi", []string{"wit", "host/wasmmod", "host/abi", "host/component", "github.com/tetratelabs/wazero"}},
	{"host", []string{"wit", "lattice", "host", "providers", "providers/http", "providers/keyvalue", "github.com/nats-io/nats.go"}},
	{"lattice/bus", []string{"lattice", "github.com/nats-io", "golang.org/x", "github.com/gofrs/flock", "rsc.io/qr"}},
	{"lattice", []string{"lattice", "github.com/nats-io/nats.go", "github.com/nats-io/nkeys", "github.com/nats-io/jwt/v2"}},
	{"providers/standard", []string{"*"}},
	{"providers", []string{"lattice", "wit", "providers", "github.com/nats-io/nats.go"}},
}

// Third-party libraries that only some packages may import.
var confined = map[string][]string{
	"github.com/tetratelabs/wazero":     {"host/engine", "host/wasi"},
	"github.com/nats-io/nats-server/v2": {"lattice/bus"},
	"periph.io":                         {"providers"},
}

func TestPackagesImportOnlyWhatTheDesignAllows(t *testing.T) {
	for _, line := range goList(t) {
		pkg, imports, _ := strings.Cut(line, ":")
		for _, imp := range strings.Fields(imports) {
			if msg := forbidden(pkg, imp); msg != "" {
				t.Errorf("%s imports %s: %s", pkg, imp, msg)
			}
		}
	}
}

func TestLatticeVocabularyStandsOnTheStandardLibraryAlone(t *testing.T) {
	for _, pkg := range []string{"lattice", "wit"} {
		out, err := exec.Command("go", "list", "-f", `{{join .Imports " "}}`, "./"+pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range strings.Fields(string(out)) {
			if strings.Contains(strings.Split(imp, "/")[0], ".") {
				t.Errorf("%s imports %s", pkg, imp)
			}
		}
	}
}

func TestTheRulesCanFail(t *testing.T) {
	for _, c := range [][2]string{{"wit", module + "/host"}, {"providers/keyvalue", "github.com/tetratelabs/wazero"}, {"lattice/links", module + "/host"},
		{"host", "github.com/nats-io/nats-server/v2/server"}, {"sdk/http", "github.com/nats-io/nats.go"}, {"host", module + "/providers/keyvalue/natskv"}} {
		if forbidden(module+"/"+c[0], c[1]) == "" {
			t.Errorf("%s may import %s", c[0], c[1])
		}
	}
}

func goList(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// forbidden says why pkg may not import imp, or "".
func forbidden(pkg, imp string) string {
	own, ours := strings.CutPrefix(imp, module+"/")
	if !ours && !strings.Contains(strings.Split(imp, "/")[0], ".") {
		return ""
	}
	pkg = strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
	for lib, where := range confined {
		if below(imp, lib) && !slices.ContainsFunc(where, func(w string) bool { return below(pkg, w) }) {
			return lib + " belongs to " + strings.Join(where, ", ")
		}
	}
	r := ruleFor(pkg)
	if slices.Contains(r.may, "*") {
		return ""
	}
	for _, m := range r.may {
		// A host is given its drivers: it may import contracts, never what is below them.
		exact := r.path == "host" && strings.HasPrefix(m, "providers")
		if target := own; ours && (target == m || !exact && below(target, m)) || !ours && below(imp, m) {
			return ""
		}
	}
	return "the rule for " + r.path + " does not allow it"
}

func ruleFor(pkg string) rule {
	for _, r := range rules {
		if pkg == r.path || r.path != "" && below(pkg, r.path) {
			return r
		}
	}
	return rule{path: pkg}
}

func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
