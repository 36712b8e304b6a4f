package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// A saved identity is a directory of its own, mode 0700, with files of mode 0600:
//
//	name          name of the lattice
//	operator.nk   seed SO…
//	system.nk     seed SA…, the account of the server's own events
//	lattice.nk    seed SA…, the lattice account
//	role-R.nk     seed SA…, the signing key of role R
//	role-R.old.nk seed SA…, the one before, while credentials that it signed still count
type keyFile struct {
	name   string
	prefix nkeys.PrefixByte
}

func keyFiles() []keyFile {
	files := []keyFile{{"operator", nkeys.PrefixByteOperator}, {"system", nkeys.PrefixByteAccount}, {"lattice", nkeys.PrefixByteAccount}}
	for _, r := range Roles() {
		files = append(files, keyFile{roleFile(r), nkeys.PrefixByteAccount})
	}
	return files
}

func roleFile(r Role) string     { return "role-" + string(r) }
func retiringFile(r Role) string { return roleFile(r) + ".old" }

func (id *Identity) key(file string) nkeys.KeyPair {
	switch file {
	case "operator":
		return id.operator
	case "system":
		return id.system
	case "lattice":
		return id.account
	}
	return id.roles[Role(strings.TrimPrefix(file, "role-"))]
}

// Save writes the identity to dir, all of it or nothing. Dir must not exist, or be empty: ErrConflict otherwise.
func (id *Identity) Save(dir string) error {
	tmp, err := os.MkdirTemp(mkParent(dir), ".identity-")
	if err != nil {
		return fileError("write", dir, err)
	}
	defer os.RemoveAll(tmp)
	if err := id.writeTo(tmp); err != nil {
		return fileError("write", dir, err)
	}
	err = os.Rename(tmp, dir)
	if errors.Is(err, fs.ErrExist) || isNotEmpty(dir) && err != nil {
		return &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("%s has files already; they may be another lattice's keys", dir),
			Hint: "choose another directory", Err: err}
	}
	if err != nil {
		return fileError("write", dir, err)
	}
	return nil
}

func mkParent(dir string) string {
	parent := filepath.Dir(filepath.Clean(dir))
	_ = os.MkdirAll(parent, 0o700) // if this fails, so does what comes next, with a better error
	return parent
}

func isNotEmpty(dir string) bool {
	list, err := os.ReadDir(dir)
	return err == nil && len(list) > 0
}

func (id *Identity) writeTo(dir string) error {
	for _, f := range keyFiles() {
		seed, err := id.key(f.name).Seed()
		if err != nil {
			return err
		}
		if err := writeSecret(filepath.Join(dir, f.name+".nk"), append(seed, '\n')); err != nil {
			return err
		}
	}
	return writeSecret(filepath.Join(dir, "name"), []byte(id.name+"\n"))
}

// LoadIdentity reads what Save wrote. A directory of a version before RoleEnroll gets a key for it. Errors: ErrNotFound if there
// is none, ErrDenied if others may read it, ErrInvalid if it is damaged.
func LoadIdentity(dir string) (*Identity, error) {
	if err := checkMode(dir); err != nil {
		return nil, err
	}
	name, err := readSecret(filepath.Join(dir, "name"))
	if err != nil {
		return nil, err
	}
	lat := strings.TrimSpace(string(name))
	if !lattice.ValidName(lat) {
		return nil, damaged(filepath.Join(dir, "name"), "it is no name of a lattice")
	}
	if err := addKey(filepath.Join(dir, roleFile(RoleEnroll)+".nk")); err != nil {
		return nil, err
	}
	keys := make(map[string]nkeys.KeyPair)
	for _, f := range keyFiles() {
		if keys[f.name], err = readKey(filepath.Join(dir, f.name+".nk"), f.prefix); err != nil {
			return nil, err
		}
	}
	for _, r := range Roles() {
		old, err := readKey(filepath.Join(dir, retiringFile(r)+".nk"), nkeys.PrefixByteAccount)
		if err != nil && !errors.Is(err, lattice.ErrNotFound) {
			return nil, err
		}
		keys[retiringFile(r)] = old
	}
	return assemble(lat, keys)
}

// addKey makes an account key if the file is not there.
func addKey(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	kp, err := nkeys.CreateAccount()
	if err != nil {
		return fmt.Errorf("bus: make key: %w", err)
	}
	return writeKey(path, kp)
}

func writeKey(path string, kp nkeys.KeyPair) error {
	seed, err := kp.Seed()
	if err != nil {
		return fmt.Errorf("bus: %s: %w", path, err)
	}
	return replaceSecret(path, append(seed, '\n'))
}

func readKey(path string, prefix nkeys.PrefixByte) (nkeys.KeyPair, error) {
	b, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	b = []byte(strings.TrimSpace(string(b)))
	if got, _, err := nkeys.DecodeSeed(b); err != nil || got != prefix {
		return nil, damaged(path, "it is no "+prefix.String()+" seed") // never with the library's error: it may quote the seed
	}
	return nkeys.FromSeed(b)
}

// SaveUser writes the user's credential to a file of mode 0600, replacing one that is there.
func SaveUser(path string, u *User) error {
	creds, err := u.Creds()
	if err != nil {
		return err
	}
	return replaceSecret(path, creds)
}

// replaceSecret writes a file of mode 0600, all of it or nothing.
func replaceSecret(path string, b []byte) error {
	tmp := filepath.Join(mkParent(path), ".tmp-"+filepath.Base(path))
	defer os.Remove(tmp)
	_ = os.Remove(tmp) // left by a process that was killed
	if err := writeSecret(tmp, b); err != nil {
		return fileError("write", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fileError("write", path, err)
	}
	return nil
}

// LoadUser reads what SaveUser wrote. Errors as LoadIdentity.
func LoadUser(path string) (*User, error) {
	b, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	u, err := ParseCreds(b)
	if err != nil {
		return nil, fmt.Errorf("bus: %s: %w", path, err)
	}
	return u, nil
}

func writeSecret(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func readSecret(path string) ([]byte, error) { return readSecretUpTo(path, maxCreds) }

func readSecretUpTo(path string, limit int64) ([]byte, error) {
	if err := checkMode(path); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err == nil && info.Size() > limit {
		return nil, damaged(path, fmt.Sprintf("it has more than %d KiB", limit>>10))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	return b, nil
}

// checkMode refuses files and directories that others than the owner may use. Windows has no such modes.
func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fileError("read", path, err)
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	want := "600"
	if info.IsDir() {
		want = "700"
	}
	return &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("%s holds secrets and has mode %04o: others may use it", path, info.Mode().Perm()),
		Hint: "chmod " + want + " " + path}
}

func damaged(path, why string) error {
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%s is damaged: %s", path, why),
		Hint: "restore it from a backup"}
}

// fileError says what a file operation's error means to a person.
func fileError(verb, path string, err error) error {
	e := &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("cannot %s %s: %v", verb, path, err), Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Kind = lattice.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Hint = lattice.ErrDenied, "give this user the right to "+verb+" it, or choose another directory"
	case isDiskFull(err):
		e.Kind, e.Hint = lattice.ErrLimit, "free some disk space"
	}
	return e
}
