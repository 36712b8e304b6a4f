package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/wattle-io/wattle/lattice"
)

// ModuleCache is the modules on a host that is not the hub's: on its own disk, else from the hub. What it gives out has the hash that was
// asked for, so neither disk nor hub need be trusted.
type ModuleCache struct {
	nc  *nats.Conn
	dir string
}

const (
	inFlight   = 2 // pieces; more would hold up the calls on a thin link
	pieceTime  = 20 * time.Second
	pieceTries = 3
	cacheBytes = 1 << 30 // of all modules on disk
)

// NewModuleCache keeps modules in dir, which it makes on demand. nc needs the rights of bus.RoleHost.
func NewModuleCache(nc *nats.Conn, dir string) *ModuleCache { return &ModuleCache{nc, dir} }

// Fetch gives a module. Errors: ErrInvalid (no hash; or what the hub sends is another module), ErrNotFound (the hub does not have it), ErrLimit (too
// large), ErrUnavailable (it is not here, and the hub is away), ErrDeadline.
func (c *ModuleCache) Fetch(ctx context.Context, hash string) ([]byte, error) {
	if !isModuleHash(hash) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no hash of a module", hash), Hint: "use what the upload returned"}
	}
	if wasm, err := c.read(hash); err == nil {
		return wasm, nil
	}
	ctx, cancel := context.WithTimeout(ctx, MaxTimeout)
	defer cancel()
	wasm, err := c.download(ctx, hash)
	if err != nil {
		return nil, err
	}
	if got := ModuleHash(wasm); got != hash {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("the hub sent %s as module %s", got, hash), Hint: "upload the module again"}
	}
	return wasm, c.write(hash, wasm)
}

func (c *ModuleCache) path(hash string) string { return filepath.Join(c.dir, hash+".wasm") }

// read takes a module from disk. One that is damaged is taken away.
func (c *ModuleCache) read(hash string) ([]byte, error) {
	info, err := os.Stat(c.path(hash))
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxModule {
		return nil, errors.Join(fs.ErrInvalid, os.Remove(c.path(hash)))
	}
	wasm, err := os.ReadFile(c.path(hash))
	if err == nil && ModuleHash(wasm) != hash {
		err = errors.Join(fs.ErrInvalid, os.Remove(c.path(hash)))
	}
	if err == nil {
		now := time.Now()
		_ = os.Chtimes(c.path(hash), now, now) // only for which to drop first
	}
	return wasm, err
}

// write puts a module on disk, whole or not at all.
func (c *ModuleCache) write(hash string, wasm []byte) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("control: modules: %w", err)
	}
	c.trim(int64(len(wasm)))
	f, err := os.CreateTemp(c.dir, ".new-*")
	if err != nil {
		return fmt.Errorf("control: modules: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(wasm)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path(hash))
	}
	if err != nil {
		return fmt.Errorf("control: modules: %w", err)
	}
	return nil
}

// trim makes room by dropping what was not used for longest. What cannot be dropped stays.
func (c *ModuleCache) trim(room int64) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".wasm") {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, f := range files {
		if room += f.Size(); room > cacheBytes {
			_ = os.Remove(filepath.Join(c.dir, f.Name()))
		}
	}
}

// download asks for all pieces, a few at a time.
func (c *ModuleCache) download(ctx context.Context, hash string) ([]byte, error) {
	first, size, err := c.piece(ctx, hash, 0)
	if err != nil {
		return nil, err
	}
	wasm := make([]byte, size)
	copy(wasm, first)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	offsets := make(chan int)
	for range inFlight {
		wg.Go(func() {
			for offset := range offsets {
				if err := c.fill(ctx, wasm, hash, offset); err != nil {
					cancel(err)
				}
			}
		})
	}
	for offset := len(first); offset < size && ctx.Err() == nil; offset += moduleChunk {
		offsets <- offset
	}
	close(offsets)
	wg.Wait()
	return wasm, context.Cause(ctx)
}

// fill gets one piece into its place. It does not ask when another one has failed.
func (c *ModuleCache) fill(ctx context.Context, wasm []byte, hash string, offset int) error {
	if ctx.Err() != nil {
		return nil
	}
	piece, size, err := c.piece(ctx, hash, offset)
	if err != nil {
		return err
	}
	if size != len(wasm) || len(piece) != min(moduleChunk, size-offset) {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("the hub sent a piece of another module than %s", hash)}
	}
	copy(wasm[offset:], piece)
	return nil
}

// piece asks for one piece, again if the answer is lost.
func (c *ModuleCache) piece(ctx context.Context, hash string, offset int) ([]byte, int, error) {
	subject := fmt.Sprintf("%s%s.%d.%d", blobPrefix, hash, offset, moduleChunk)
	var err error
	for range pieceTries {
		try, cancel := context.WithTimeout(ctx, pieceTime)
		var m *nats.Msg
		m, err = c.nc.RequestWithContext(try, subject, nil)
		cancel()
		if err == nil {
			return readPiece(hash, m)
		}
		if ctx.Err() != nil || errors.Is(err, nats.ErrNoResponders) {
			break
		}
	}
	e := &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("module %s is not on this host, and the hub does not send it: %v", hash, err),
		Hint: "start it again when the hub can be reached", Err: err}
	if ctx.Err() != nil {
		e.Kind = lattice.ErrDeadline
	}
	return nil, 0, e
}

// readPiece reads the hub's answer.
func readPiece(hash string, m *nats.Msg) ([]byte, int, error) {
	if text := m.Header.Get(errorHeader); text != "" {
		kind, msg, _ := strings.Cut(text, ": ")
		return nil, 0, &lattice.Error{Kind: lattice.ParseKind(kind), Msg: cut(msg), Hint: "upload the module again"}
	}
	size, err := strconv.Atoi(m.Header.Get(sizeHeader))
	switch {
	case err != nil || size < 0 || len(m.Data) > moduleChunk:
		return nil, 0, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "the hub's answer is no piece of module " + hash}
	case size > MaxModule:
		return nil, 0, &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("module %s claims %d bytes; %d are allowed", hash, size, MaxModule)}
	case len(m.Data) > size:
		return nil, 0, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "the hub's answer is no piece of module " + hash}
	}
	return m.Data, size, nil
}
