package wasi

import (
	"context"
	"fmt"

	"github.com/wattle-io/wattle/wit"
)

// ExitError ends a guest that called wasi:cli/exit. Code 0 is success; the instance is gone all the same.
type ExitError struct{ Code int }

func (e *ExitError) Error() string {
	return fmt.Sprintf("wasi: the guest called exit with status %d", e.Code)
}

// cliImports are wasi:cli. No stream is a terminal and there is no working directory.
func cliImports(cfg Config) wit.Imports {
	none := plain(func(c *wit.Call) { c.Result.None() })
	in, out, err := newSource(cfg.Stdin), &writerSink{w: cfg.Stdout}, &writerSink{w: cfg.Stderr}
	one := func(iface, name string, f wit.HostFunc) wit.Imports {
		return imports(iface, map[string]wit.HostFunc{name: f})
	}
	return merge(
		environmentImports(cfg.Env, cfg.Args),
		imports("wasi:cli/exit@0.2.0", map[string]wit.HostFunc{"exit": exit, "exit-with-code": exitWithCode}),
		one("wasi:cli/stdin@0.2.0", "get-stdin", plain(func(c *wit.Call) { c.Give(&inputStream{src: in}) })),
		one("wasi:cli/stdout@0.2.0", "get-stdout", plain(func(c *wit.Call) { c.Give(&outputStream{sink: out}) })),
		one("wasi:cli/stderr@0.2.0", "get-stderr", plain(func(c *wit.Call) { c.Give(&outputStream{sink: err}) })),
		one("wasi:cli/terminal-stdin@0.2.0", "get-terminal-stdin", none),
		one("wasi:cli/terminal-stdout@0.2.0", "get-terminal-stdout", none),
		one("wasi:cli/terminal-stderr@0.2.0", "get-terminal-stderr", none),
	)
}

func environmentImports(env [][2]string, args []string) wit.Imports {
	return imports("wasi:cli/environment@0.2.0", map[string]wit.HostFunc{
		"get-environment": plain(func(c *wit.Call) {
			c.Result.Uint(uint64(len(env)))
			for _, e := range env {
				c.Result.String(validText(e[0]))
				c.Result.String(validText(e[1]))
			}
		}),
		"get-arguments": plain(func(c *wit.Call) {
			c.Result.Uint(uint64(len(args)))
			for _, a := range args {
				c.Result.String(validText(a))
			}
		}),
		"initial-cwd": plain(func(c *wit.Call) { c.Result.None() }),
	})
}

func exit(_ context.Context, c *wit.Call) error {
	ok := c.Args.Result()
	if err := c.Args.Close(); err != nil {
		return err
	}
	if ok {
		return &ExitError{}
	}
	return &ExitError{Code: 1}
}

func exitWithCode(_ context.Context, c *wit.Call) error {
	code := c.Args.Byte()
	if err := c.Args.Close(); err != nil {
		return err
	}
	return &ExitError{Code: int(code)}
}
