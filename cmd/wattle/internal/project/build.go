package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/wit"
)

// BuildError is a build that the actor's own source made fail.
type BuildError struct {
	Command string
	Output  string // what the compiler printed
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("the build failed: %s\n%s", e.Command, strings.TrimRight(e.Output, "\n"))
}

// Build compiles the actor and returns the module, unsigned. A Go actor needs the Go toolchain and nothing else; another
// language says its command in the project file. The interfaces in the project's wit directory go into the module.
func (p *Project) Build(ctx context.Context) ([]byte, error) {
	wasm, err := p.compile(ctx)
	if err != nil {
		return nil, err
	}
	return p.embedWIT(wasm)
}

func (p *Project) compile(ctx context.Context) ([]byte, error) {
	if len(p.Recipe.Command) > 0 {
		return p.runCommand(ctx)
	}
	tmp, err := os.MkdirTemp("", "wattle-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	out := filepath.Join(tmp, "actor.wasm")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-trimpath", "-o", out, ".")
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if err := run(cmd); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

func (p *Project) runCommand(ctx context.Context) ([]byte, error) {
	if p.Recipe.Output == "" {
		return nil, fmt.Errorf("%s: build.output is missing: the .wasm file that build.command makes", FileName)
	}
	cmd := exec.CommandContext(ctx, p.Recipe.Command[0], p.Recipe.Command[1:]...)
	cmd.Dir = p.Dir
	if err := run(cmd); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(p.Dir, p.Recipe.Output))
}

func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("cannot build: %q is not installed or not in PATH", cmd.Args[0])
	}
	if err != nil {
		if len(bytes.TrimSpace(out)) == 0 {
			out = []byte(err.Error())
		}
		return &BuildError{strings.Join(cmd.Args, " "), string(out)}
	}
	return nil
}

// embedWIT adds the world in the project's wit directory, if there is one, as the custom section in which
// toolchains carry it.
func (p *Project) embedWIT(wasm []byte) ([]byte, error) {
	files, err := p.witFiles()
	if err != nil || len(files) == 0 {
		return wasm, err
	}
	set, err := wit.ParseWith(wit.Contracts(), files)
	if err != nil {
		return nil, err
	}
	world, err := ownWorld(set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(p.Dir, "wit"), err)
	}
	return appendCustom(wasm, worldSection, component.EncodeWorld(world)), nil
}

func (p *Project) witFiles() (map[string]string, error) {
	files := map[string]string{}
	root := filepath.Join(p.Dir, "wit")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wit" {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return files, err
}
