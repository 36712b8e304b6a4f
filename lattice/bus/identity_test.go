package bus_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

func newIdentity(t testing.TB) *bus.Identity {
	t.Helper()
	id, err := bus.NewIdentity("test")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIdentityIsTheSameAfterSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "lattice")
	id := newIdentity(t)
	if err := id.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := bus.LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID() != id.ID() || again.Lattice() != "test" {
		t.Errorf("saved %s %s, loaded %s %s", id.Lattice(), id.ID(), again.Lattice(), again.ID())
	}
	// The hub of one must take the credentials of the other.
	hub := startHub(t, bus.HubConfig{Identity: id})
	for _, r := range bus.Roles() {
		u, err := again.User(r, "u", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		nc, err := hub.Connect(u)
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		nc.Close()
	}
}

func TestIdentityFilesAreForTheOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lattice")
	if err := newIdentity(t).Save(dir); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 9 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	checkMode(t, dir, 0o700)
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		checkMode(t, path, 0o600)
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
			chmod(t, path, mode)
			_, err := bus.LoadIdentity(dir)
			if !errors.Is(err, lattice.ErrDenied) || !strings.Contains(err.Error(), "chmod 600 "+path) {
				t.Errorf("%s of mode %o: %v", path, mode, err)
			}
		}
		chmod(t, path, 0o600)
	}
	chmod(t, dir, 0o755)
	if _, err := bus.LoadIdentity(dir); !errors.Is(err, lattice.ErrDenied) || !strings.Contains(err.Error(), "chmod 700 "+dir) {
		t.Errorf("directory of mode 755: %v", err)
	}
}

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", path, got, want)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestSaveNeverReplacesKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lattice")
	first := newIdentity(t)
	if err := first.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := newIdentity(t).Save(dir); !errors.Is(err, lattice.ErrConflict) {
		t.Errorf("second save: %v", err)
	}
	got, err := bus.LoadIdentity(dir)
	if err != nil || got.ID() != first.ID() {
		t.Errorf("the first identity is gone: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".identity-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestDamagedIdentityIsRefusedWithoutQuotingSeeds(t *testing.T) {
	for _, tc := range []struct {
		file, content string
		kind          error
	}{
		{"name", "Not A Name\n", lattice.ErrInvalid},
		{"operator.nk", "", lattice.ErrInvalid},
		{"lattice.nk", "SECRET-BUT-NO-SEED", lattice.ErrInvalid},
		{"role-admin.nk", strings.Repeat("S", 20<<10), lattice.ErrInvalid},
		{"role-host.nk", "<a user's seed>", lattice.ErrInvalid},
		{"system.nk", "<removed>", lattice.ErrNotFound},
	} {
		t.Run(tc.file, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "lattice")
			id := newIdentity(t)
			if err := id.Save(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, tc.file)
			content := tc.content
			if content == "<a user's seed>" {
				u, _ := id.User(bus.RoleView, "x", 0)
				seed, _ := u.Seed()
				content = string(seed)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if content == "<removed>" {
				os.Remove(path)
			}
			_, err := bus.LoadIdentity(dir)
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
			if len(content) > 10 && strings.Contains(err.Error(), content) {
				t.Errorf("the error quotes the secret: %v", err)
			}
		})
	}
}

func TestUserKeepsItsIDInItsFileAndWhenRenewed(t *testing.T) {
	id := newIdentity(t)
	u, err := id.User(bus.RoleHost, "kitchen", time.Minute)
	if err != nil || !lattice.IsHostID(u.ID) {
		t.Fatal(u, err)
	}
	path := filepath.Join(t.TempDir(), "host.creds")
	for range 2 { // the second replaces the first
		if err := bus.SaveUser(path, u); err != nil {
			t.Fatal(err)
		}
	}
	checkMode(t, path, 0o600)
	again, err := bus.LoadUser(path)
	if err != nil || again.ID != u.ID || again.JWT != u.JWT {
		t.Fatal(again, err)
	}
	renewed, err := id.Renew(again, bus.RoleHost, "kitchen", time.Hour)
	if err != nil || renewed.ID != u.ID || renewed.JWT == u.JWT {
		t.Fatal(renewed, err)
	}
	chmod(t, path, 0o644)
	if _, err := bus.LoadUser(path); !errors.Is(err, lattice.ErrDenied) {
		t.Errorf("readable by all: %v", err)
	}
}

func TestWrongUsersAreNotMade(t *testing.T) {
	id := newIdentity(t)
	if _, err := id.User("root", "x", 0); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("unknown role: %v", err)
	}
	if _, err := id.User(bus.RoleView, "x", -time.Second); !errors.Is(err, lattice.ErrInvalid) {
		t.Errorf("negative lifetime: %v", err)
	}
	for _, name := range []string{"", "A", "a b", strings.Repeat("a", 65), "../x"} {
		if _, err := bus.NewIdentity(name); !errors.Is(err, lattice.ErrInvalid) {
			t.Errorf("lattice %q: %v", name, err)
		}
	}
}

func FuzzParseCreds(f *testing.F) {
	id := newIdentity(f)
	u, err := id.User(bus.RoleAdmin, "a", 0)
	if err != nil {
		f.Fatal(err)
	}
	creds, err := u.Creds()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(creds)
	f.Add(creds[:len(creds)/2])
	f.Add(bytes.ReplaceAll(creds, []byte("-----"), []byte("----")))
	f.Add([]byte(u.JWT))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := bus.ParseCreds(b)
		if err != nil {
			if !errors.Is(err, lattice.ErrInvalid) {
				t.Errorf("wrong kind: %v", err)
			}
			return
		}
		if !lattice.IsHostID(u.ID) {
			t.Errorf("id %q", u.ID)
		}
		again, err := u.Creds()
		if err != nil {
			t.Fatal(err)
		}
		if v, err := bus.ParseCreds(again); err != nil || v.ID != u.ID || v.JWT != u.JWT {
			t.Errorf("not the same after a round trip: %v", err)
		}
	})
}
