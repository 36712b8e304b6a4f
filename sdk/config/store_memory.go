//go:build !wasip1

package config

import "github.com/wattle-io/wattle/sdk/internal/fake"

func get(name string) (string, bool, error) {
	v, ok := fake.Config()[name]
	return v, ok, nil
}

func all() (map[string]string, error) { return fake.Config(), nil }
