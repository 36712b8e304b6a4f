package actors_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// toolchains says which tools made the committed actors: another version may make other bytes of the same source.
var toolchains = map[string]struct{ ask, answer string }{
	"as":   {"node_modules/.bin/asc --version", "Version 0.28.20"},
	"c":    {"clang-19 --version", "clang version 19.1.7"},
	"rust": {"rustc --version", "rustc 1.63.0"},
}

func TestCommittedActorsAreWhatTheirSourceMakes(t *testing.T) {
	for _, lang := range committed {
		t.Run(lang, func(t *testing.T) {
			dir := "hello-" + lang
			ask := strings.Fields(toolchains[lang].ask)
			if out, err := commandIn(dir, ask).CombinedOutput(); err != nil || !strings.Contains(string(out), toolchains[lang].answer) {
				t.Skipf("%s is not here", toolchains[lang].answer)
			}
			want := language(t, lang)
			if got := rebuild(t, dir); !bytes.Equal(got, want) {
				t.Errorf("the source makes %d bytes, %d are committed; build it as its README says and commit what comes out", len(got), len(want))
			}
		})
	}
}

// rebuild runs the build command of an actor's project file on a copy of its source.
func rebuild(t *testing.T, dir string) []byte {
	t.Helper()
	var project struct {
		Build struct {
			Command []string
			Output  string
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "wattle.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := toml.Unmarshal(text, &project); err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(copied, project.Build.Output)
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	if out, err := commandIn(copied, project.Build.Command).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func commandIn(dir string, args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	return cmd
}
