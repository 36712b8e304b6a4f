package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattle-io/wattle/lattice"
	contract "github.com/wattle-io/wattle/providers/http"
)

// sayTarget answers with the actor that was chosen.
func sayTarget(_ context.Context, _ contract.RequestHead, inv lattice.Invocation) error {
	return reply(inv.Stream, 200, inv.Target)
}

func TestTheLongestPathOfTheHostWins(t *testing.T) {
	s, url := start(t, sayTarget, nil)
	for i, c := range []map[string]string{
		{"path": "/"}, {"path": "/api"}, {"path": "/api/v2/"}, {"host": "Example.org"}, {"host": "example.org", "path": "/api"}, {"host": "other.org", "path": "/only"},
	} {
		fatal(t, s.Link(t.Context(), link(fmt.Sprint("M", i), fmt.Sprint("l", i), c)))
	}
	for _, c := range []struct{ host, path, want string }{
		{"a", "/", "M0"}, {"a", "/apix", "M0"}, {"a", "/api", "M1"}, {"a", "/api?x", "M1"}, {"a", "/api/", "M1"}, {"a", "/api/v1", "M1"}, {"a", "/api/v2", "M2"},
		{"a", "/api/v2/x", "M2"}, {"a", "/api/v20", "M1"}, {"a", "/%61pi", "M1"}, {"example.org", "/", "M3"}, {"EXAMPLE.org:8080", "/x", "M3"},
		{"example.org", "/api/v2", "M4"}, {"other.org", "/only/x", "M5"}, {"other.org", "/", "M0"}, {"[::1]:80", "/", "M0"},
	} {
		req, _ := http.NewRequest("GET", url+c.path, nil)
		req.Host = c.host
		if _, body := do(t, client(t), req); body != c.want {
			t.Errorf("%s%s went to %q, want %s", c.host, c.path, body, c.want)
		}
	}
}

func TestWithoutARouteNothingIsDisclosed(t *testing.T) {
	s, url := start(t, sayTarget, map[string]string{"path": "/hidden"})
	for range 2 {
		resp, body := get(t, url+"/x")
		if resp.StatusCode != 404 || strings.Contains(body, "hidden") || strings.Contains(body, "Mactor") {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
		fatal(t, s.Unlink(t.Context(), link("Mactor", "default", nil)))
	}
	if resp, _ := get(t, url+"/hidden"); resp.StatusCode != 404 {
		t.Errorf("after the unlink: %d", resp.StatusCode)
	}
}

func TestTwoActorsCannotHaveOneRoute(t *testing.T) {
	s, url := start(t, sayTarget, map[string]string{"path": "/a", "host": "x.org"})
	err := s.Link(t.Context(), link("Mother", "other", map[string]string{"path": "/a/", "host": "X.ORG"}))
	if !errors.Is(err, lattice.ErrConflict) || !strings.Contains(err.Error(), "Mactor") || !strings.Contains(err.Error(), "x.org/a") {
		t.Errorf("error %v", err)
	}
	fatal(t, s.Link(t.Context(), link("Mactor", "again", map[string]string{"path": "/a", "host": "x.org"})))
	fatal(t, s.Link(t.Context(), link("Mother", "other", map[string]string{"path": "/b", "host": "x.org"})))
	// The link that is replaced gives its route up.
	fatal(t, s.Link(t.Context(), link("Mother", "other", map[string]string{"path": "/c"})))
	fatal(t, s.Link(t.Context(), link("Mthird", "third", map[string]string{"path": "/b", "host": "x.org"})))
	if _, body := get(t, url+"/c"); body != "Mother" {
		t.Errorf("/c went to %q", body)
	}
}

func TestConfigThatCannotBeUsedIsRefused(t *testing.T) {
	s, url := start(t, sayTarget, nil)
	for _, config := range []map[string]string{{"paht": "/"}, {"path": "a"}, {"path": ""}, {"path": "/a?b"}, {"host": "a:80"}, {"host": "http://a"}, {"timeout": "5"}, {"timeout": "1ns"},
		{"timeout": "25h"}, {"max-body": "-1"}, {"max-body": "1TB"}, {"max-body": "9223372036854775807KiB"}, {"max-body": ""}} {
		err := s.Link(t.Context(), link("Mactor", "default", config))
		for key := range config {
			if !errors.Is(err, lattice.ErrInvalid) || !strings.Contains(err.Error(), key) {
				t.Errorf("%v: error %v", config, err)
			}
		}
	}
	if err := s.Link(t.Context(), link("M", "default", map[string]string{"paht": "/"})); !strings.Contains(err.Error(), `"path"?`) {
		t.Errorf("error %v does not name the nearest key", err)
	}
	if resp, _ := get(t, url); resp.StatusCode != 404 {
		t.Errorf("a refused link serves: %d", resp.StatusCode)
	}
	fatal(t, s.Link(t.Context(), link("Mactor", "default", map[string]string{"max-body": "9223372036854775807", "timeout": "24h"})))
	req, _ := http.NewRequest("POST", url, strings.NewReader("x"))
	if resp, _ := do(t, client(t), req); resp.StatusCode != 200 {
		t.Errorf("with the largest body allowed: %d", resp.StatusCode)
	}
}

func TestRelinkingDropsNoRequest(t *testing.T) {
	s, url := start(t, sayTarget, map[string]string{})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c := client(t)
			for {
				select {
				case <-done:
					return
				default:
				}
				req, _ := http.NewRequest("GET", url, nil)
				if resp, body := do(t, c, req); resp.StatusCode != 200 || body != "M1" && body != "M2" && body != "Mactor" {
					t.Errorf("%d %q", resp.StatusCode, body)
					return
				}
			}
		})
	}
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		for _, target := range []string{"M1", "M2"} {
			fatal(t, s.Link(t.Context(), link(target, "default", map[string]string{})))
		}
	}
	close(done)
	wg.Wait()
}

func BenchmarkFind(b *testing.B) {
	s, _ := start(b, sayTarget, nil)
	for i := range 20 {
		fatal(b, s.Link(b.Context(), link(fmt.Sprint("M", i), fmt.Sprint("l", i), map[string]string{"path": fmt.Sprint("/service/", i)})))
	}
	b.ReportAllocs()
	for b.Loop() {
		if s.routes.Load().find("example.org:8080", "/service/7/items") == nil {
			b.Fatal("not found")
		}
	}
}
