package host

import (
	"context"
	"fmt"
	"strings"

	"github.com/wattle-io/wattle/host/component"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/claims"
	"github.com/wattle-io/wattle/wit"
)

// ambient are the contracts that give no authority over anything outside the actor: streams and clocks, randomness, its own log,
// its own configuration. They need neither a grant nor a link.
var ambient = map[string]bool{"wasi:io": true, "wasi:clocks": true, "wasi:random": true, "wasi:cli": true, "wasi:logging": true, "wasi:config": true}

// narrowed refuses claims whose grants are for some operations or a scope only: this version would grant them all.
func narrowed(c *claims.Claims) error {
	for _, g := range c.Grants {
		if len(g.Ops) > 0 || len(g.Scope) > 0 {
			return &lattice.Error{Kind: lattice.ErrUnsupported,
				Msg:  fmt.Sprintf("the claims of %s narrow the grant of %s to certain operations or a scope, which this host cannot enforce yet", c.Name, g.Cap),
				Hint: "sign it with a plain grant, and narrow what the link gives, for example to a bucket of its own"}
		}
	}
	return nil
}

// checkGrants refuses a module that imports what its claims do not grant.
func checkGrants(c *claims.Claims, imports []component.Import) error {
	for _, im := range imports {
		contract := lattice.ContractOf(im.Interface)
		if ambient[contract] || c.Allows(contract) {
			continue
		}
		return &lattice.Error{Kind: lattice.ErrDenied, Msg: fmt.Sprintf("%s imports %s, which its claims do not grant", c.Name, im.Interface),
			Hint: fmt.Sprintf("its issuer can sign it with --cap %s", contract)}
	}
	return nil
}

// bind makes the host functions of one actor: WASI's own, those of the contracts, and plain forwarding for every other
// interface that it imports.
func (h *Host) bind(id string, imports []component.Import, own wit.Imports) (wit.Imports, error) {
	all := wit.Imports{}
	for name, f := range own {
		all[name] = f
	}
	for _, c := range h.cfg.Contracts {
		for name, f := range c.Imports(&caller{h, id, c.Name}) {
			all[name] = f
		}
	}
	for _, im := range imports {
		name := wit.CanonicalName(im.Interface, im.Name)
		if all.Find(im.Interface, im.Name) != nil {
			continue
		}
		contract := lattice.ContractOf(im.Interface)
		if contract == "" || strings.HasPrefix(contract, "wasi:") {
			return nil, unknownContract(im)
		}
		if hasHandles(im.Type) {
			return nil, &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("%s passes resources, which do not leave their host", name)}
		}
		all[name] = forward(&caller{h, id, contract}, name, im.Type)
	}
	return all, nil
}

func unknownContract(im component.Import) error {
	return &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("this host does not know %s#%s", im.Interface, im.Name),
		Hint: "`wattle get providers` lists the contracts that it offers"}
}

// forward sends an import's encoded parameters along the link and hands the encoded result back.
func forward(c *caller, op string, t *wit.FuncType) wit.HostFunc {
	return func(ctx context.Context, call *wit.Call) error {
		out, err := c.Call(ctx, "", op, call.Args.Rest(), call.Result.Buf[:0])
		if err != nil {
			return err
		}
		call.Result.Buf = out
		return nil
	}
}

func hasHandles(t *wit.FuncType) bool {
	for _, p := range t.Params {
		if p.Type.HasHandles() {
			return true
		}
	}
	return t.Result.HasHandles()
}
