package control

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
)

// MaxModule is the most bytes that an uploaded module may have.
const MaxModule = 64 << 20

const (
	modulesBucket  = "modules"
	moduleChunk    = 64 << 10 // bytes; small, so that other traffic on a thin link is not held up
	moduleTimeout  = 2 * time.Minute
	moduleHashText = 2 * sha256.Size
)

// Modules is the store of uploaded modules, by hash. It is a JetStream object store; what it gives out is checked, so it need not be trusted.
type Modules struct{ store jetstream.ObjectStore }

// ModuleHash is the name of a module: the SHA-256 of all its bytes, signatures included, in lower-case hex.
func ModuleHash(wasm []byte) string {
	sum := sha256.Sum256(wasm)
	return hex.EncodeToString(sum[:])
}

// OpenModules makes the store if there is none. It needs the rights of bus.RoleService.
func OpenModules(ctx context.Context, nc *nats.Conn) (*Modules, error) {
	js, err := jetstream.NewWithDomain(nc, bus.Domain)
	if err != nil {
		return nil, fmt.Errorf("control: modules: %w", err)
	}
	store, err := js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: modulesBucket, Storage: jetstream.FileStorage})
	if err != nil {
		return nil, moduleError("open the store", err)
	}
	return &Modules{store}, nil
}

// Upload stores a module and returns its hash. One that is there already is not sent again. Progress, if not nil, is told how many bytes
// have been sent. ErrLimit if the module has more than MaxModule bytes.
func (c *Client) Upload(ctx context.Context, wasm []byte, progress func(done, total int)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, moduleTimeout)
	defer cancel()
	// JetStream would not tell a refusal from a hub that does not answer, so ask for something first that only tells whether one may.
	probe := &nats.Msg{Subject: "$JS.API.STREAM.INFO.OBJ_" + modulesBucket, Reply: newReply(c.nc)}
	if err := c.send(ctx, probe); err != nil {
		return "", c.fail("upload", err)
	}
	js, err := jetstream.NewWithDomain(c.nc, bus.Domain)
	if err != nil {
		return "", fmt.Errorf("control: upload: %w", err)
	}
	store, err := js.ObjectStore(ctx, modulesBucket)
	if err != nil {
		return "", moduleError("upload", err)
	}
	return (&Modules{store}).Put(ctx, wasm, progress)
}

// Put is Client.Upload for one who has the store.
func (m *Modules) Put(ctx context.Context, wasm []byte, progress func(done, total int)) (string, error) {
	if len(wasm) > MaxModule {
		return "", &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("a module of %d bytes; %d are allowed", len(wasm), MaxModule),
			Hint: "build it without debug information"}
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	hash := ModuleHash(wasm)
	if m.has(ctx, hash, wasm) {
		progress(len(wasm), len(wasm))
		return hash, nil
	}
	meta := jetstream.ObjectMeta{Name: hash, Opts: &jetstream.ObjectMetaOptions{ChunkSize: moduleChunk}}
	if _, err := m.store.Put(ctx, meta, &progressReader{bytes.NewReader(wasm), progress}); err != nil {
		return "", moduleError("upload", err)
	}
	return hash, nil
}

// has reports whether the module is stored, by what the store says of it: Fetch does not rely on that.
func (m *Modules) has(ctx context.Context, hash string, wasm []byte) bool {
	info, err := m.store.GetInfo(ctx, hash)
	if err != nil {
		return false
	}
	h := sha256.New()
	h.Write(wasm)
	return info.Size == uint64(len(wasm)) && info.Digest == jetstream.GetObjectDigestValue(h)
}

// Fetch reads a module and checks that it has that hash. ErrNotFound if it was not uploaded, ErrInvalid if what is stored under the hash
// has another, ErrLimit if it is too large.
func (m *Modules) Fetch(ctx context.Context, hash string) ([]byte, error) {
	if b, err := hex.DecodeString(hash); err != nil || len(hash) != moduleHashText || hex.EncodeToString(b) != hash {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("%.80q is no hash of a module", hash), Hint: "use what the upload returned"}
	}
	ctx, cancel := context.WithTimeout(ctx, moduleTimeout)
	defer cancel()
	wasm, err := m.read(ctx, hash)
	if err != nil {
		return nil, err
	}
	if got := ModuleHash(wasm); got != hash {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("what is stored as module %s is %s", hash, got), Hint: "upload the module again"}
	}
	return wasm, nil
}

func (m *Modules) read(ctx context.Context, hash string) ([]byte, error) {
	info, err := m.store.GetInfo(ctx, hash)
	if err != nil {
		return nil, moduleError("fetch "+hash, err)
	}
	if info.Size > MaxModule || info.Opts != nil && info.Opts.Link != nil {
		return nil, &lattice.Error{Kind: lattice.ErrLimit, Msg: fmt.Sprintf("module %s claims %d bytes; %d are allowed", hash, info.Size, MaxModule)}
	}
	object, err := m.store.Get(ctx, hash)
	if err != nil {
		return nil, moduleError("fetch "+hash, err)
	}
	defer object.Close()
	wasm := bytes.NewBuffer(make([]byte, 0, info.Size+bytes.MinRead))
	if _, err := io.Copy(wasm, io.LimitReader(object, MaxModule+1)); err != nil {
		return nil, moduleError("fetch "+hash, err)
	}
	return wasm.Bytes(), nil
}

// Delete forgets a module. It is no error if there is none.
func (m *Modules) Delete(ctx context.Context, hash string) error {
	err := m.store.Delete(ctx, hash)
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return moduleError("delete "+hash, err)
	}
	return nil
}

func moduleError(what string, err error) error {
	e := &lattice.Error{Kind: lattice.ErrUnavailable, Msg: fmt.Sprintf("modules: %s: %v", what, err), Err: err}
	switch {
	case errors.Is(err, jetstream.ErrObjectNotFound):
		e.Kind, e.Msg, e.Hint = lattice.ErrNotFound, "modules: "+what+": it was not uploaded", "upload it first"
	case errors.Is(err, jetstream.ErrDigestMismatch):
		e.Kind, e.Hint = lattice.ErrInvalid, "upload the module again"
	case errors.Is(err, context.Canceled):
		e.Kind = lattice.ErrDeadline
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind, e.Hint = lattice.ErrDeadline, "the hub's disk may be full, or this user have no right to it"
	}
	return e
}

// progressReader tells what was read of a module.
type progressReader struct {
	*bytes.Reader
	progress func(done, total int)
}

func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.progress(int(r.Size())-r.Len(), int(r.Size()))
	}
	return n, err
}
