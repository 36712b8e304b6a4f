package template

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestANewProjectBuildsAndPassesItsTestsWithoutANetwork(t *testing.T) {
	files, err := Files("fmt") // a name that is also a package of the standard library
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, files)
	run := func(env []string, args ...string) {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off"), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run(nil, "vet", "./...")
	run(nil, "test", "./...")
	run([]string{"GOOS=wasip1", "GOARCH=wasm"}, "build", "-buildmode=c-shared", "-o", "actor.wasm", ".")
}

func TestEveryPackageOfTheSDKIsVendored(t *testing.T) {
	files, err := Files("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"../*/*.go", "../internal/*/*.go"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			rel := filepath.ToSlash(strings.TrimPrefix(name, ".."+string(filepath.Separator)))
			if strings.HasPrefix(rel, "template/") || strings.HasSuffix(rel, "_test.go") {
				continue
			}
			if files[vendor+rel] == nil {
				t.Errorf("%s is not vendored", rel)
			}
		}
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", "A", "a b", "../x", "1a", "a-", "-a", "a.b", "ä", strings.Repeat("a", 65), "a\n"} {
		if _, err := Files(name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"a", "a-1", strings.Repeat("a", 64)} {
		if _, err := Files(name); err != nil {
			t.Error(err)
		}
	}
}
