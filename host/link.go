package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/wattle-io/wattle/host/wasi"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
)

// PutLink checks a link, tells the provider at its end, and stores it. It holds for the next call. Names of actors become their ids.
func (h *Host) PutLink(ctx context.Context, l lattice.Link) (lattice.Link, error) {
	if h.cfg.Joined {
		return l, onlyHub("put links")
	}
	l, err := h.resolve(ctx, l)
	if err != nil {
		return l, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before, had := h.links.Lookup(l.Source, l.Contract, l.Name)
	if p := h.providerSide(l); p != nil {
		if err := p.Link(ctx, l); err != nil {
			return l, linkRefused(l, err)
		}
	}
	stored, err := h.links.Put(ctx, l)
	if err != nil {
		h.undoLink(ctx, l, before, had)
		return l, err
	}
	if had && h.sideName(before) != h.sideName(l) {
		h.unlink(ctx, before)
	}
	h.event("link.put", l.Source, map[string]string{"target": l.Target, "contract": l.Contract, "name": l.Name})
	return stored, nil
}

// undoLink takes a link that could not be stored back from its provider.
func (h *Host) undoLink(ctx context.Context, l, before lattice.Link, had bool) {
	p := h.providerSide(l)
	if p == nil {
		return
	}
	err := p.Unlink(ctx, l)
	if had && h.sideName(before) == h.sideName(l) {
		err = p.Link(ctx, before)
	}
	if err != nil {
		h.log.Error("a link that could not be stored stays with its provider", "source", l.Source, "target", l.Target, "err", err)
	}
}

// unlink takes a link from the provider that it no longer leads to. No call gets there any more.
func (h *Host) unlink(ctx context.Context, l lattice.Link) {
	if p := h.providerSide(l); p != nil {
		if err := p.Unlink(ctx, l); err != nil {
			h.log.Error("a provider keeps a link that leads elsewhere now", "source", l.Source, "target", l.Target, "err", err)
		}
	}
}

// DeleteLink ends a link. The next call over it is refused.
func (h *Host) DeleteLink(ctx context.Context, key lattice.LinkKey) error {
	if h.cfg.Joined {
		return onlyHub("delete links")
	}
	l, err := h.findLink(ctx, key)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.links.Delete(ctx, l.Key()); err != nil {
		return err
	}
	if p := h.providerSide(l); p != nil {
		err = p.Unlink(ctx, l)
	}
	h.event("link.deleted", l.Source, map[string]string{"target": l.Target, "contract": l.Contract, "name": l.Name})
	return err
}

// findLink finds the link that a person means: the source by name or id; without a name the only one, or the default.
func (h *Host) findLink(ctx context.Context, key lattice.LinkKey) (lattice.Link, error) {
	if id, err := h.entity(ctx, key.Source, h.driver(key.Source)); err == nil {
		key.Source = id
	}
	var found []lattice.Link
	for _, l := range h.links.List() {
		if l.Source == key.Source && l.Contract == key.Contract && (key.Name == "" || l.Name == key.Name) {
			found = append(found, l)
		}
	}
	switch {
	case len(found) == 0:
		return lattice.Link{}, &lattice.Error{Kind: lattice.ErrNotFound, Msg: fmt.Sprintf("%s has no such link for %s", key.Source, key.Contract), Hint: "`wattle link list` shows them"}
	case len(found) > 1:
		return lattice.Link{}, &lattice.Error{Kind: lattice.ErrConflict, Msg: fmt.Sprintf("%s has several links for %s", key.Source, key.Contract), Hint: "say which with --name"}
	}
	return found[0], nil
}

// resolve turns names into ids, fills in the name, and refuses a link that cannot work.
func (h *Host) resolve(ctx context.Context, l lattice.Link) (_ lattice.Link, err error) {
	sourceDriver, targetDriver := h.driver(l.Source), h.driver(l.Target)
	if l.Name == "" && sourceDriver != nil {
		l.Name = h.nameOf(l.Target)
	}
	if l.Name == "" {
		l.Name = lattice.DefaultLink
	}
	if l.Source, err = h.entity(ctx, l.Source, sourceDriver); err != nil {
		return l, err
	}
	if l.Target, err = h.entity(ctx, l.Target, targetDriver); err != nil {
		return l, err
	}
	if err := checkEnds(l, sourceDriver, targetDriver); err != nil {
		return l, err
	}
	return l, checkConfig(l, sourceDriver, targetDriver)
}

// entity is the id of one end of a link.
func (h *Host) entity(ctx context.Context, ref string, d *providers.Driver) (string, error) {
	if d != nil || lattice.IsActorID(ref) {
		return ref, nil
	}
	a, err := h.find(ref)
	if errors.Is(err, lattice.ErrNotFound) {
		id := h.entityAway(ref)
		if id == "" {
			await(ctx, nameTime, func() bool { id = h.entityAway(ref); return id != "" })
		}
		if id != "" {
			return id, nil
		}
	}
	if err != nil {
		return "", &lattice.Error{Kind: lattice.ErrNotFound, Msg: fmt.Sprintf("%q is neither a running actor nor a provider", ref),
			Hint: "start the actor first, or give its id (`wattle inspect` shows it)"}
	}
	return a.id(), nil
}

func checkEnds(l lattice.Link, source, target *providers.Driver) error {
	switch {
	case source != nil && !slices.Contains(source.Calls, l.Contract):
		return &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("provider %s does not call %s", source.Name, l.Contract), Hint: swapHint(l, source, target)}
	case target != nil && slices.Contains(target.Calls, l.Contract) && !slices.Contains(target.Contracts, l.Contract):
		return &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("provider %s calls actors for %s", target.Name, l.Contract),
			Hint: fmt.Sprintf("it is the source of the link: `wattle link put %s ACTOR %s`", target.Name, l.Contract)}
	case target != nil && !slices.Contains(target.Contracts, l.Contract):
		return &lattice.Error{Kind: lattice.ErrUnsupported, Msg: fmt.Sprintf("provider %s does not offer %s", target.Name, l.Contract),
			Hint: "`wattle get providers` lists what each offers"}
	}
	return nil
}

func swapHint(l lattice.Link, source, target *providers.Driver) string {
	if target == nil && slices.Contains(source.Contracts, l.Contract) {
		return fmt.Sprintf("it offers it: `wattle link put ACTOR %s %s`", source.Name, l.Contract)
	}
	return "`wattle get providers` lists what each calls"
}

// checkConfig refuses settings that the provider at the link's end does not know.
func checkConfig(l lattice.Link, source, target *providers.Driver) error {
	d := target
	if d == nil {
		d = source
	}
	if d == nil {
		return nil
	}
	for key := range l.Config {
		if !slices.Contains(d.Config, key) && !slices.Contains(d.Config, anyKey) {
			return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("links of %s have no setting %q", d.Name, key),
				Hint: fmt.Sprintf("they have %v", d.Config)}
		}
	}
	return nil
}

func linkRefused(l lattice.Link, err error) error {
	if lattice.KindOf(err) != lattice.ErrInternal {
		return err
	}
	return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("the link for %s is refused: %v", l.Contract, err), Err: err}
}

// driver is the driver of that provider, or nil.
func (h *Host) driver(name string) *providers.Driver {
	for i := range h.drivers {
		if h.drivers[i].Name == name {
			return &h.drivers[i]
		}
	}
	return nil
}

// providerSide is the provider at either end of a link, or nil if both ends are actors.
func (h *Host) providerSide(l lattice.Link) providers.Provider { return h.providers[h.sideName(l)] }

// sideName is the name of that provider, or "".
func (h *Host) sideName(l lattice.Link) string {
	for _, end := range []string{l.Target, l.Source} {
		if h.providers[end] != nil {
			return end
		}
	}
	return ""
}

func sorted(m map[string]string) []wasi.KV {
	list := make([]wasi.KV, 0, len(m))
	for k, v := range m {
		list = append(list, wasi.KV{Key: k, Value: v})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Key < list[j].Key })
	return list
}

// missingLinks says, as commands to run, which links a freshly started actor lacks.
func (h *Host) missingLinks(a *actor) []string {
	var hints []string
	add := func(s string) {
		if !slices.Contains(hints, s) {
			hints = append(hints, s)
		}
	}
	for _, im := range a.program.Imports() {
		contract := lattice.ContractOf(im.Interface)
		if ambient[contract] || contract == httpContract {
			continue
		}
		if _, ok := h.links.Lookup(a.id(), contract, lattice.DefaultLink); !ok {
			target := h.providerOf(contract)
			if target == "" {
				target = "TARGET"
			}
			add(fmt.Sprintf("wattle link put %s %s %s", a.claims.Name, target, contract))
		}
	}
	for _, d := range h.drivers {
		for _, contract := range d.Calls {
			if a.exports(contract) && !h.linkedFrom(d.Name, a.id(), contract) {
				add(fmt.Sprintf("wattle link put %s %s %s", d.Name, a.claims.Name, contract))
			}
		}
	}
	return hints
}

func (h *Host) linkedFrom(source, target, contract string) bool {
	return slices.ContainsFunc(h.links.List(), func(l lattice.Link) bool {
		return l.Source == source && l.Target == target && l.Contract == contract
	})
}

// exports reports whether the actor exports an interface of the contract.
func (a *actor) exports(contract string) bool {
	for _, i := range a.program.World().Exports {
		if lattice.ContractOf(i.Name) == contract {
			return true
		}
	}
	return false
}
