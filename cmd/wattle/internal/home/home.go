// Package home is the directory in which a lattice lives on this machine: its lock, its keys, the credentials and the address by
// which other commands find it.
//
//	lock            held by the process that serves the lattice
//	identity/       keys of the lattice itself (package bus)
//	issuers/        NAME.nk, the seed of an issuer; NAME.pub, its public key: who has a .pub here is trusted here
//	host.nk         seed of the host's identity
//	admin.creds     credentials with which the other commands come in
//	running.json    where the lattice listens, while it runs
//	membership.json how a host that has joined takes part; with it links, trust.json, modules/ and places/
//	jetstream/      the lattice's state        cache/   compiled modules        providers/   files of providers
//
// Secret files have mode 0600 and directories 0700; what others can read is refused. It is not the lattice: it starts nothing.
package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Home is an opened state directory.
type Home struct{ Dir string }

// Default is the state directory of the lattice with that name: $XDG_STATE_HOME/wattle/NAME, or the like below the
// user's home directory.
func Default(lattice string) (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no home directory: %w; say where to keep the lattice with --dir", err)
		}
		base = filepath.Join(user, ".local", "state")
	}
	return filepath.Join(base, "wattle", lattice), nil
}

// Open makes the directory if it is not there.
func Open(dir string) (*Home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state directory: %w; choose another with --dir", err)
	}
	return &Home{dir}, nil
}

// Path is a path below the directory.
func (h *Home) Path(elem ...string) string {
	return filepath.Join(append([]string{h.Dir}, elem...)...)
}

// ErrLocked is the error of Lock when another process serves a lattice from this directory.
var ErrLocked = errors.New("another process serves a lattice from this directory")

// Lock makes this process the one that serves the lattice. The returned function ends that.
func (h *Home) Lock() (release func(), err error) {
	l := flock.New(h.Path("lock"), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cannot write in the state directory %s: %w; choose another with --dir", h.Dir, err)
	}
	if !ok {
		return nil, h.lockedError()
	}
	return func() { l.Close() }, nil
}

func (h *Home) lockedError() error {
	pid := ""
	if r, err := h.Running(); err == nil {
		pid = fmt.Sprintf(" (pid %d)", r.PID)
	}
	return fmt.Errorf("%w: %s%s; stop it, or give this one its own directory with --dir", ErrLocked, h.Dir, pid)
}

// Running says where a lattice that runs can be reached.
type Running struct {
	PID  int    `json:"pid"`
	URL  string `json:"url"`  // of its NATS port
	Host string `json:"host"` // id of the host in that process
	HTTP string `json:"http"` // address of its HTTP server
	// Leaves is where hosts join, best first; none if the hub does not listen for them.
	Leaves []string `json:"leaves,omitempty"`
}

// ErrNotRunning is the error of Running when nothing serves the lattice.
var ErrNotRunning = errors.New("no lattice is running")

// Running reads where the lattice listens.
func (h *Home) Running() (Running, error) {
	var r Running
	b, err := os.ReadFile(h.Path("running.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%w in %s; start one with `wattle up`, or name its directory with --dir", ErrNotRunning, h.Dir)
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s: %w", h.Path("running.json"), err)
	}
	return r, nil
}

// SetRunning writes where the lattice listens; the returned function removes that again.
func (h *Home) SetRunning(r Running) (remove func(), err error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if err := writeSecret(h.Path("running.json"), b); err != nil {
		return nil, err
	}
	return func() { os.Remove(h.Path("running.json")) }, nil
}

// AdminCreds is the file with the credentials of the lattice's administrator.
func (h *Home) AdminCreds() string { return h.Path("admin.creds") }

// writeSecret replaces a file whole, so that a reader sees the old or the new one, never a part.
func writeSecret(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readSecret reads a file that only its owner may read.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if m := info.Mode().Perm(); m&0o077 != 0 && hasModes {
		return nil, fmt.Errorf("%s can be read by others (mode %04o); run: chmod 600 %s", path, m, path)
	}
	return os.ReadFile(path)
}
