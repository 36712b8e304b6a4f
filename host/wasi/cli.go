package wasi

import (
	"context"
	"errors"
	"fmt"

	"github.com/wattle-io/wattle/wit"
)

// ExitError ends a guest that called wasi:cli/exit. Code 0 is success; the instance is gone all the same.
type ExitError struct{ Code int }

func (e *ExitError) Error() string {
	return fmt.Sprintf("wasi: the guest called exit with status %d", e.Code)
}

// Terminals says which of the standard streams are a terminal.
type Terminals struct{ Stdin, Stdout, Stderr bool }

// The resources terminal-input and terminal-output. They say that there is a terminal, and nothing more.
type (
	terminalInput  struct{}
	terminalOutput struct{}
)

// cliImports are wasi:cli.
func cliImports(cfg Config) wit.Imports {
	in, out, err := newSource(cfg.Stdin), &writerSink{w: cfg.Stdout}, &writerSink{w: cfg.Stderr}
	one := func(iface, name string, f wit.HostFunc) wit.Imports {
		return imports(iface, map[string]wit.HostFunc{name: f})
	}
	return merge(
		environmentImports(cfg.Env, cfg.Args, cfg.Dir),
		imports("wasi:cli/exit@0.2.0", map[string]wit.HostFunc{"exit": exit, "exit-with-code": exitWithCode}),
		one("wasi:cli/stdin@0.2.0", "get-stdin", plain(func(c *wit.Call) { c.Give(&inputStream{src: in}) })),
		one("wasi:cli/stdout@0.2.0", "get-stdout", plain(func(c *wit.Call) { c.Give(&outputStream{sink: out}) })),
		one("wasi:cli/stderr@0.2.0", "get-stderr", plain(func(c *wit.Call) { c.Give(&outputStream{sink: err}) })),
		one("wasi:cli/terminal-stdin@0.2.0", "get-terminal-stdin", terminal(cfg.Terminals.Stdin, terminalInput{})),
		one("wasi:cli/terminal-stdout@0.2.0", "get-terminal-stdout", terminal(cfg.Terminals.Stdout, terminalOutput{})),
		one("wasi:cli/terminal-stderr@0.2.0", "get-terminal-stderr", terminal(cfg.Terminals.Stderr, terminalOutput{})),
	)
}

// terminal gives option<own<terminal-…>>.
func terminal(there bool, resource any) wit.HostFunc {
	return plain(func(c *wit.Call) {
		c.Result.Bool(there)
		if there {
			c.Give(resource)
		}
	})
}

func environmentImports(env [][2]string, args []string, dir string) wit.Imports {
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
		"initial-cwd": plain(func(c *wit.Call) { encodeText(&c.Result, dir) }),
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

// Run calls wasi:cli/run#run of a command and gives its exit status: 0, or 1 if it failed, or what it gave to wasi:cli/exit, which is
// no error of the call. call is the engine's Func.Call of that function.
func Run(ctx context.Context, call CallFunc) (status int, err error) {
	out, err := call(ctx, nil, nil, nil)
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.Code, nil
	}
	if err != nil {
		return 0, err
	}
	d := wit.Decoder{Buf: out}
	if !d.Result() {
		status = 1
	}
	return status, d.Close()
}
