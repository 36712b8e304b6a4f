package control_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/lattice/bus"
	"github.com/wattle-io/wattle/lattice/control"
	"github.com/wattle-io/wattle/lattice/latticetest"
)

func openModules(t testing.TB, l *latticetest.Lattice) *control.Modules {
	t.Helper()
	m, err := control.OpenModules(latticetest.Context(t), l.Conn(bus.RoleService))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func module(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestUploadedModuleIsFetchedByItsHash(t *testing.T) {
	l := latticetest.Hub(t)
	m, ctx := openModules(t, l), latticetest.Context(t)
	c := control.NewClient(l.TCP(bus.RoleAdmin), nil, "")
	for _, n := range []int{0, 1, 64 << 10, 1_000_003} {
		wasm := module(n)
		var steps []int
		hash, err := c.Upload(ctx, wasm, func(done, total int) {
			if total != n {
				t.Errorf("progress of %d bytes says %d", n, total)
			}
			steps = append(steps, done)
		})
		if err != nil || hash != control.ModuleHash(wasm) {
			t.Fatal(n, hash, err)
		}
		if n > 0 && (steps[len(steps)-1] != n || len(steps) != (n+65535)/65536) {
			t.Errorf("progress of %d bytes: %v", n, steps)
		}
		got, err := m.Fetch(ctx, hash)
		if err != nil || !bytes.Equal(got, wasm) {
			t.Errorf("%d bytes: fetched %d, %v", n, len(got), err)
		}
		steps = nil
		if again, err := c.Upload(ctx, wasm, func(done, _ int) { steps = append(steps, done) }); err != nil || again != hash || len(steps) != 1 {
			t.Errorf("%d bytes again: %v %v", n, steps, err)
		}
	}
}

func TestStoredModulesOutliveTheHub(t *testing.T) {
	l := latticetest.Hub(t)
	wasm := module(200_000)
	hash, err := openModules(t, l).Put(latticetest.Context(t), wasm, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Restart()
	got, err := openModules(t, l).Fetch(latticetest.Context(t), hash)
	if err != nil || !bytes.Equal(got, wasm) {
		t.Error(len(got), err)
	}
}

func TestWrongModulesAreRefused(t *testing.T) {
	l := latticetest.Hub(t)
	m, ctx := openModules(t, l), latticetest.Context(t)
	admin := l.TCP(bus.RoleAdmin)
	js, err := jetstream.NewWithDomain(admin, bus.Domain)
	if err != nil {
		t.Fatal(err)
	}
	store, err := js.ObjectStore(ctx, "modules")
	if err != nil {
		t.Fatal(err)
	}
	hash := control.ModuleHash([]byte("good"))
	if _, err := store.PutBytes(ctx, hash, []byte("evil")); err != nil { // an admin may write there, so the content must be checked
		t.Fatal(err)
	}
	_, err = m.Fetch(ctx, hash)
	wantError(t, err, lattice.ErrInvalid, hash, control.ModuleHash([]byte("evil")))
	if _, err := control.NewClient(admin, nil, "").Upload(ctx, []byte("good"), nil); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Fetch(ctx, hash); err != nil || string(got) != "good" {
		t.Errorf("after a proper upload: %q %v", got, err)
	}
	_, err = m.Fetch(ctx, control.ModuleHash([]byte("never")))
	wantError(t, err, lattice.ErrNotFound, "upload it first")
	for _, hash := range []string{"", "x", strings.ToUpper(hash), hash + "0", strings.Repeat(".", 64), strings.Repeat("g", 64)} {
		_, err := m.Fetch(ctx, hash)
		wantError(t, err, lattice.ErrInvalid)
	}
	_, err = control.NewClient(admin, nil, "").Upload(ctx, make([]byte, control.MaxModule+1), nil)
	wantError(t, err, lattice.ErrLimit)
	if err := m.Delete(ctx, hash); err != nil {
		t.Error(err)
	}
	if err := m.Delete(ctx, hash); err != nil {
		t.Errorf("second delete: %v", err)
	}
	_, err = m.Fetch(ctx, hash)
	wantError(t, err, lattice.ErrNotFound)
}

// What an admin writes by hand may claim any size.
func TestModuleThatClaimsTooMuchIsNotRead(t *testing.T) {
	l := latticetest.Hub(t)
	m, ctx := openModules(t, l), latticetest.Context(t)
	hash := control.ModuleHash([]byte("x"))
	js, err := jetstream.NewWithDomain(l.Conn(bus.RoleService), bus.Domain)
	if err != nil {
		t.Fatal(err)
	}
	store, err := js.ObjectStore(ctx, "modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutBytes(ctx, hash, []byte("x")); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(ctx, "OBJ_modules")
	if err != nil {
		t.Fatal(err)
	}
	last, err := stream.GetLastMsgForSubject(ctx, "$O.modules.M.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range []string{`"size":99999999999999`, `"size":18446744073709551615`} {
		forged := strings.Replace(string(last.Data), `"size":1`, edit, 1)
		if _, err := js.Publish(ctx, last.Subject, []byte(forged)); err != nil {
			t.Fatal(err)
		}
		_, err = m.Fetch(ctx, hash)
		wantError(t, err, lattice.ErrLimit)
	}
}

func BenchmarkUpload(b *testing.B) {
	l := latticetest.Hub(b)
	openModules(b, l)
	c := control.NewClient(l.TCP(bus.RoleAdmin), nil, "")
	wasm := module(3 << 20)
	b.SetBytes(int64(len(wasm)))
	for i := 0; b.Loop(); i++ {
		wasm[0], wasm[1], wasm[2] = byte(i), byte(i>>8), byte(i>>16)
		if _, err := c.Upload(b.Context(), wasm, nil); err != nil {
			b.Fatal(err)
		}
	}
}
