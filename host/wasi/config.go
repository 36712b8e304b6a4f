package wasi

import (
	"context"

	"github.com/wattle-io/wattle/wit"
)

// configImports are wasi:config/store. Both drafts in use have the same shape: result<option<string>, error> and
// result<list<tuple<string, string>>, error>; the error never happens here.
func configImports(get func(string) (string, bool), all func() []KV) wit.Imports {
	funcs := map[string]wit.HostFunc{
		"get":     configGet(get),
		"get-all": configGetAll(all),
	}
	return merge(imports("wasi:config/store@0.2.0-rc.1", funcs), imports("wasi:config/store@0.2.0-draft", funcs))
}

func configGet(get func(string) (string, bool)) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		key := c.Args.String()
		if err := c.Args.Close(); err != nil {
			return err
		}
		c.Result.OK()
		if value, ok := get(key); ok {
			c.Result.Some()
			c.Result.String(validText(value))
		} else {
			c.Result.None()
		}
		return nil
	}
}

func configGetAll(all func() []KV) wit.HostFunc {
	return func(_ context.Context, c *wit.Call) error {
		if err := c.Args.Close(); err != nil {
			return err
		}
		kvs := all()
		c.Result.OK()
		c.Result.Uint(uint64(len(kvs)))
		for _, kv := range kvs {
			c.Result.String(validText(kv.Key))
			c.Result.String(validText(kv.Value))
		}
		return nil
	}
}
