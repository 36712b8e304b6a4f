package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/wattle-io/wattle/lattice"
)

// PlaceFiles keeps the placements of one host in its own directory, a file each: so it starts its actors again from its own disk, hub or no
// hub. Its methods must not be called at the same time for the same actor.
type PlaceFiles struct {
	dir string
	log *slog.Logger
}

// OpenPlaceFiles makes the directory if it is not there.
func OpenPlaceFiles(dir string, log *slog.Logger) (*PlaceFiles, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("control: places: %w", err)
	}
	return &PlaceFiles{dir, log}, nil
}

func (p *PlaceFiles) path(actor string) string { return filepath.Join(p.dir, actor+".json") }

// Put keeps a placement, whole or not at all.
func (p *PlaceFiles) Put(_ context.Context, pl Placement) (Placement, error) {
	if err := pl.check(); err != nil {
		return Placement{}, err
	}
	value, err := json.Marshal(pl)
	if err != nil {
		return Placement{}, fmt.Errorf("control: places: %w", err)
	}
	if len(value) > maxPlacement {
		return Placement{}, &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("a placement of %d bytes; %d are allowed", len(value), maxPlacement)}
	}
	f, err := os.CreateTemp(p.dir, ".new-*")
	if err != nil {
		return Placement{}, fmt.Errorf("control: places: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(value)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), p.path(pl.Actor))
	}
	if err != nil {
		return Placement{}, fmt.Errorf("control: places: %w", err)
	}
	return pl, nil
}

// Delete ends a placement. It is no error if there is none.
func (p *PlaceFiles) Delete(_ context.Context, host, actor string) error {
	if err := (Placement{Host: host, Actor: actor}).check(); err != nil {
		return err
	}
	if err := os.Remove(p.path(actor)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("control: places: %w", err)
	}
	return nil
}

// List reads the placements of the host. Damaged ones are left out and logged.
func (p *PlaceFiles) List(_ context.Context, host string) ([]Placement, error) {
	files, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, fmt.Errorf("control: places: %w", err)
	}
	var list []Placement
	for _, f := range files {
		actor, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok {
			continue
		}
		pl, err := p.read(host, actor)
		if err != nil {
			p.log.Warn("control: leaving out a damaged placement", "file", f.Name(), "err", err)
			continue
		}
		list = append(list, pl)
	}
	return list, nil
}

func (p *PlaceFiles) read(host, actor string) (Placement, error) {
	info, err := os.Stat(p.path(actor))
	if err != nil {
		return Placement{}, err
	}
	if info.Size() > maxPlacement {
		return Placement{}, &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("a placement of %d bytes", info.Size())}
	}
	value, err := os.ReadFile(p.path(actor))
	if err != nil {
		return Placement{}, err
	}
	return decodePlacement(host+"."+actor, value, 0)
}
