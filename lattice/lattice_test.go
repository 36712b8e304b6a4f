package lattice_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/lattice"
)

func TestAKindSurvivesTheWire(t *testing.T) {
	for _, kind := range []error{lattice.ErrDenied, lattice.ErrNoLink, lattice.ErrNotFound, lattice.ErrInvalid, lattice.ErrConflict, lattice.ErrBusy,
		lattice.ErrDeadline, lattice.ErrTrap, lattice.ErrLimit, lattice.ErrUnavailable, lattice.ErrUnsupported, lattice.ErrInternal} {
		sent := lattice.KindOf(fmt.Errorf("call: %w", &lattice.Error{Kind: kind, Msg: "m"}))
		if got := lattice.ParseKind(sent.Error()); !errors.Is(got, kind) {
			t.Errorf("%v comes back as %v", kind, got)
		}
	}
	if got := lattice.ParseKind("no such kind"); got != lattice.ErrInternal {
		t.Errorf("an unknown kind is %v", got)
	}
}

func TestKindOfOtherErrors(t *testing.T) {
	if got := lattice.KindOf(fmt.Errorf("x: %w", context.DeadlineExceeded)); got != lattice.ErrDeadline {
		t.Errorf("an exceeded deadline is %v", got)
	}
	if got := lattice.KindOf(errors.New("x")); got != lattice.ErrInternal {
		t.Errorf("any other error is %v", got)
	}
}

func TestAnErrorKeepsItsCauseAndSaysWhatToDo(t *testing.T) {
	cause := errors.New("cause")
	err := &lattice.Error{Kind: lattice.ErrDenied, Msg: "no", Hint: "ask", Err: cause}
	if !errors.Is(err, cause) || !errors.Is(err, lattice.ErrDenied) || err.Error() != "denied: no; ask" {
		t.Errorf("%v", err)
	}
}

func TestIDs(t *testing.T) {
	tail := strings.Repeat("A2", 27) + "A"
	for s, want := range map[string]bool{"M" + tail: true, "U" + tail: false, "M" + tail + "A": false, "M" + tail[1:]: false,
		"M" + strings.ToLower(tail): false, "M" + tail[1:] + "1": false, "": false} {
		if lattice.IsActorID(s) != want {
			t.Errorf("IsActorID(%q) is %v", s, !want)
		}
	}
	if !lattice.IsHostID("U"+tail) || lattice.IsHostID("M"+tail) {
		t.Error("host ids begin with U")
	}
}

func TestNames(t *testing.T) {
	for s, want := range map[string]bool{"a": true, "a-1": true, "9": true, "": false, "-a": false, "A": false, "a.b": false, "a b": false, "ä": false,
		"a*": false, "a>": false, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false} {
		if lattice.ValidName(s) != want {
			t.Errorf("ValidName(%q) is %v", s, !want)
		}
	}
}

func TestContractOf(t *testing.T) {
	for s, want := range map[string]string{"wasi:keyvalue/store@0.2.0-draft2": "wasi:keyvalue", "a:b": "a:b", "a:b@1.0.0": "a:b", "a:b/c": "a:b", "": ""} {
		if got := lattice.ContractOf(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}
