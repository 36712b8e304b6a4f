package host

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
)

// The contracts that the host itself serves stand in the inventory as providers. They answer without a link; a link to them only
// carries settings.
const (
	configContract  = "wasi:config"
	loggingContract = "wasi:logging"
	anyKey          = "*" // in Driver.Config: every key is a setting
)

func builtins() []providers.Driver {
	return []providers.Driver{
		{Name: "config", Doc: "gives an actor the config of its link, and what it was started with", Contracts: []string{configContract},
			Config: []string{anyKey}, New: newBuiltin(func(lattice.Link) error { return nil })},
		{Name: "logging", Doc: "takes what actors log; level drops what is less important (trace, debug, info, warn, error, critical)", Contracts: []string{loggingContract},
			Config: []string{"level"}, New: newBuiltin(checkLevel)},
	}
}

// builtin is the provider side of such a contract: it only judges links.
type builtin struct{ check func(lattice.Link) error }

func newBuiltin(check func(lattice.Link) error) func(providers.Env) (providers.Provider, error) {
	return func(providers.Env) (providers.Provider, error) { return builtin{check}, nil }
}

func (b builtin) Link(_ context.Context, l lattice.Link) error { return b.check(l) }
func (b builtin) Unlink(context.Context, lattice.Link) error   { return nil }
func (b builtin) Close() error                                 { return nil }
func (b builtin) Invoke(_ context.Context, inv lattice.Invocation) (lattice.Reply, error) {
	return lattice.Reply{}, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("%s is served beside the actor", inv.Contract)}
}

var levels = []wasi.Level{wasi.LevelTrace, wasi.LevelDebug, wasi.LevelInfo, wasi.LevelWarn, wasi.LevelError, wasi.LevelCritical}

func parseLevel(s string) (wasi.Level, bool) {
	for _, l := range levels {
		if l.String() == s {
			return l, true
		}
	}
	return 0, false
}

func checkLevel(l lattice.Link) error {
	s, given := l.Config["level"]
	if _, ok := parseLevel(s); given && !ok {
		names := make([]string, len(levels))
		for i, l := range levels {
			names[i] = l.String()
		}
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("level is %q", s), Hint: "it can be " + strings.Join(names, ", ")}
	}
	return nil
}

// settings is what wasi:config gives an actor: what it was started with, and over it the config of its link.
func (h *Host) settings(a *actor) map[string]string {
	link, ok := h.links.Lookup(a.id(), configContract, lattice.DefaultLink)
	if !ok {
		return a.request.Config
	}
	all := map[string]string{}
	maps.Copy(all, a.request.Config)
	maps.Copy(all, link.Config)
	return all
}

// log takes a record of the actor, unless its link to logging wants only more important ones.
func (h *Host) logOf(a *actor) func(wasi.Level, string, string) {
	return func(level wasi.Level, context, message string) {
		if link, ok := h.links.Lookup(a.id(), loggingContract, lattice.DefaultLink); ok {
			if least, ok := parseLevel(link.Config["level"]); ok && level < least {
				return
			}
		}
		a.logs.Log(level, context, message)
	}
}
