package home

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func open(t *testing.T) *Home {
	t.Helper()
	h, err := Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestDefaultFollowsTheEnvironment(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/x")
	if dir, err := Default("shop"); err != nil || dir != filepath.FromSlash("/x/wattle/shop") {
		t.Errorf("%q, %v", dir, err)
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/home/ada")
	if dir, err := Default("shop"); err != nil || dir != filepath.FromSlash("/home/ada/.local/state/wattle/shop") {
		t.Errorf("%q, %v", dir, err)
	}
}

func TestOnlyOneProcessServesADirectory(t *testing.T) {
	h := open(t)
	release, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Lock(); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("second lock: %v", err)
	}
	release()
	if release, err = h.Lock(); err != nil {
		t.Fatalf("lock after release: %v", err)
	}
	release()
}

func TestRunningIsFoundWhileItRuns(t *testing.T) {
	h := open(t)
	if _, err := h.Running(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before: %v", err)
	}
	want := Running{PID: 1, URL: "nats://127.0.0.1:1", Host: "U", HTTP: "127.0.0.1:2"}
	remove, err := h.SetRunning(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Running(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	remove()
	if _, err := h.Running(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after: %v", err)
	}
}

func TestIssuersAreTrustedWhereTheyAreMade(t *testing.T) {
	h, other := open(t), open(t)
	made, err := h.GenIssuer("acme")
	if err != nil {
		t.Fatal(err)
	}
	if !h.Trust().SignerOf(made.ID, made.ID) {
		t.Error("not trusted where it was made")
	}
	if other.Trust().SignerOf(made.ID, made.ID) {
		t.Error("trusted elsewhere")
	}
	if _, err := other.TrustIssuer("acme", made.ID); err != nil || !other.Trust().SignerOf(made.ID, made.ID) {
		t.Errorf("trusting its public key: %v", err)
	}
	stranger, _ := open(t).GenIssuer("stranger")
	if h.Trust().SignerOf(made.ID, stranger.ID) || h.Trust().SignerOf(stranger.ID, stranger.ID) {
		t.Error("a stranger is trusted")
	}
	if _, err := other.IssuerKey("acme"); err == nil {
		t.Error("a public key gives a secret one")
	}
	key, err := h.IssuerKey("acme")
	if err != nil || public(key) != made.ID {
		t.Errorf("key of the issuer: %v", err)
	}
}

func TestAnIssuerIsNeverOverwritten(t *testing.T) {
	h := open(t)
	made, err := h.GenIssuer("acme")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.GenIssuer("acme"); err == nil {
		t.Error("made again")
	}
	if _, err := h.TrustIssuer("acme", made.ID); err == nil {
		t.Error("name taken over")
	}
	for _, name := range []string{"", "../acme", "Acme", "a/b", strings.Repeat("a", 65)} {
		if _, err := h.GenIssuer(name); err == nil {
			t.Errorf("made an issuer %q", name)
		}
		if _, err := h.IssuerKey(name); err == nil {
			t.Errorf("read an issuer %q", name)
		}
	}
}

func TestSecretsThatOthersCanReadAreRefused(t *testing.T) {
	if !hasModes {
		t.Skip("files have no modes on this system")
	}
	h := open(t)
	if _, err := h.GenIssuer("acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.HostKey(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{h.Path("issuers", "acme.nk"), h.Path("host.nk")} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.IssuerKey("acme"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("issuer key: %v", err)
	}
	if _, err := h.HostKey(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("host key: %v", err)
	}
}

func TestTheHostStaysTheSame(t *testing.T) {
	h := open(t)
	first, err := h.HostKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.HostKey()
	if err != nil || public(first) != public(again) || public(first)[0] != 'U' {
		t.Errorf("%s, %s, %v", public(first), public(again), err)
	}
}
