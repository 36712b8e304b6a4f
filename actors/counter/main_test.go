package main

import (
	"testing"

	"github.com/wattle-io/wattle/sdk/http"
	"github.com/wattle-io/wattle/sdk/keyvalue"
	"github.com/wattle-io/wattle/sdk/sdktest"
)

func get(target string) (int, string) {
	res := http.Serve(http.NewRequest("GET", target, nil))
	return res.Status, string(res.Body)
}

func TestCountsEachNameByItself(t *testing.T) {
	sdktest.Reset(t)
	for _, step := range []struct{ target, want string }{
		{"/apples", `{"name":"apples","count":1}`},
		{"/apples", `{"name":"apples","count":2}`},
		{"/pears", `{"name":"pears","count":1}`},
		{"/apples/?x=1", `{"name":"apples","count":3}`},
		{"/", `{"name":"default","count":1}`},
		{"/a%20%22b%22", `{"name":"a \"b\"","count":1}`},
		{"/red/apples", `{"name":"red/apples","count":1}`},
	} {
		if status, body := get(step.target); status != http.StatusOK || body != step.want+"\n" {
			t.Errorf("%s: %d %s, want %s", step.target, status, body, step.want)
		}
	}
}

func TestOnlyGetCounts(t *testing.T) {
	sdktest.Reset(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "HEAD"} {
		res := http.Serve(http.NewRequest(method, "/apples", nil))
		if res.Status != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET" {
			t.Errorf("%s: %d, Allow %q", method, res.Status, res.Header.Get("Allow"))
		}
	}
	if _, body := get("/apples"); body != "{\"name\":\"apples\",\"count\":1}\n" {
		t.Errorf("the first GET answers %s", body)
	}
}

func TestAMissingLinkIsExplained(t *testing.T) {
	sdktest.Reset(t)
	sdktest.FailBucket("counts", keyvalue.ErrNoSuchStore)
	status, body := get("/apples")
	if want := "keyvalue: open counts: " + keyvalue.ErrNoSuchStore.Error() + "\n"; status != http.StatusServiceUnavailable || body != want {
		t.Errorf("got %d %q, want %q", status, body, want)
	}
}
