package host

import (
	"context"
	"path/filepath"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/links"
)

// openStores opens what this host knows of links, modules and placements: the hub's host in the hub, one that has joined in its own
// directory, behind which the hub stands when it can be reached.
func (h *Host) openStores(ctx context.Context) (err error) {
	if h.cfg.Joined {
		return h.openOwn(ctx)
	}
	store, err := links.Open(ctx, h.cfg.NATS, links.Config{Trust: h.cfg.Lattice, Signer: h.cfg.Signer, Log: h.log})
	if err != nil {
		return err
	}
	if h.links, err = store.Table(ctx, nil); err != nil {
		return err
	}
	if h.modules, err = control.OpenModules(ctx, h.cfg.NATS); err != nil {
		return err
	}
	h.places, err = control.OpenPlaces(ctx, h.cfg.NATS, h.log)
	return err
}

func (h *Host) openOwn(ctx context.Context) error {
	store, err := links.Use(h.cfg.NATS, links.Config{Trust: h.cfg.Lattice, Log: h.log, Journal: filepath.Join(h.cfg.Dir, "links"), Alone: true})
	if err != nil {
		return err
	}
	if h.links, err = store.Table(ctx, h.follow); err != nil {
		return err
	}
	h.modules = control.NewModuleCache(h.cfg.NATS, filepath.Join(h.cfg.Dir, "modules"))
	h.places, err = control.OpenPlaceFiles(filepath.Join(h.cfg.Dir, "places"), h.log)
	return err
}

// follow tells the provider at a link's end of a change that the hub has stored. Its answer is only logged: the link is stored. Links that are
// there when the host starts are told by applyLinks.
func (h *Host) follow(u links.Update) {
	h.linked.Lock()
	defer h.linked.Unlock()
	key := u.Link.Key()
	if before, was := h.told[key]; was && (u.Deleted || h.sideName(before) != h.sideName(u.Link)) {
		delete(h.told, key)
		h.unlink(context.Background(), before)
	}
	if h.told != nil && !u.Deleted {
		h.tell(context.Background(), u.Link)
	}
}

// tell tells the provider at either end of a stored link, if it is here. h.linked is held.
func (h *Host) tell(ctx context.Context, l lattice.Link) {
	p := h.providerSide(l)
	if p == nil {
		return
	}
	if err := p.Link(ctx, l); err != nil {
		h.log.Error("a stored link is refused", "source", l.Source, "target", l.Target, "contract", l.Contract, "err", err)
		return
	}
	h.told[l.Key()] = l
}

var _ control.LinkWaiter = (*Host)(nil)

// AwaitLink returns when this host has a link of that revision, or a later one, or its end.
func (h *Host) AwaitLink(ctx context.Context, key lattice.LinkKey, revision uint64) error {
	return h.links.Await(ctx, key, revision)
}
