package config_test

import (
	"reflect"
	"testing"

	"github.com/wattle-io/wattle/sdk/config"
	"github.com/wattle-io/wattle/sdk/sdktest"
)

func TestValuesComeFromOutside(t *testing.T) {
	sdktest.Reset(t)
	sdktest.SetConfig("color", "green")
	sdktest.SetConfig("empty", "")
	if v, ok, err := config.Get("color"); v != "green" || !ok || err != nil {
		t.Errorf("color is %q, %v, %v", v, ok, err)
	}
	if v, ok, err := config.Get("empty"); v != "" || !ok || err != nil {
		t.Errorf("empty is %q, %v, %v", v, ok, err)
	}
	if _, ok, err := config.Get("size"); ok || err != nil {
		t.Errorf("a name that is not set: %v, %v", ok, err)
	}
	if v := config.GetOr("size", "large"); v != "large" {
		t.Errorf("the fallback is %q", v)
	}
	all, err := config.All()
	if want := map[string]string{"color": "green", "empty": ""}; err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("all are %v, %v", all, err)
	}
}
