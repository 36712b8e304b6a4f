package main

import (
	"testing"

	"github.com/wattle-io/wattle/sdk/http"
)

func TestGreetsWhoIsNamedInThePath(t *testing.T) {
	for target, want := range map[string]string{
		"/": "Hello, world!\n", "/Ada": "Hello, Ada!\n", "/Ren%C3%A9e%20B?x=1": "Hello, Renée B!\n",
	} {
		res := http.Serve(http.NewRequest("GET", target, nil))
		if res.Status != http.StatusOK || string(res.Body) != want {
			t.Errorf("%s: %d %q, want %q", target, res.Status, res.Body, want)
		}
	}
}

func TestRefusesOtherPathsAndMethods(t *testing.T) {
	if res := http.Serve(http.NewRequest("GET", "/a/b", nil)); res.Status != http.StatusNotFound {
		t.Errorf("a path of two segments gets %d", res.Status)
	}
	if res := http.Serve(http.NewRequest("POST", "/Ada", nil)); res.Status != http.StatusMethodNotAllowed {
		t.Errorf("POST gets %d", res.Status)
	}
}

func TestAddWrapsAround(t *testing.T) {
	if n := add(1<<31-1, 1); n != -1<<31 {
		t.Errorf("the largest s32 plus 1 is %d", n)
	}
}

func TestGreetsAStranger(t *testing.T) {
	if s := greeting(""); s != "Hello, stranger!" {
		t.Errorf("got %q", s)
	}
}
