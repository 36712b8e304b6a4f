package wasi

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// files is a guest with a directory, and what the directory is for the host.
type files struct {
	*guest
	dir  string
	base handle
}

// newFiles gives a guest a directory that it may write to. Beside it there is a file that it must never reach.
func newFiles(t testing.TB, p Preopen) *files {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "inside")
	for _, err := range []error{os.Mkdir(dir, 0o700), os.Mkdir(filepath.Join(top, "outside"), 0o700),
		os.WriteFile(filepath.Join(top, "outside", "secret"), []byte("secret"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	p.Path, p.Root = "/data", root
	g := newGuest(t, Config{Preopens: []Preopen{p}})
	f := &files{guest: g, dir: dir}
	dirs := g.call("wasi:filesystem/preopens#get-directories").([]any)
	f.base = dirs[0].([]any)[0].(handle)
	same(t, "name", dirs[0].([]any)[1], "/data")
	return f
}

func writable(t testing.TB) *files { return newFiles(t, Preopen{Write: true}) }

func (f *files) put(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *files) text(name string) string {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

// must fails the test at the first error.
func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func method(name string) string { return "fs#[method]descriptor." + name }

// openAs opens a path, following links.
func (f *files) openAs(path string, how, flags uint32) any {
	f.t.Helper()
	return f.call(method("open-at"), f.base, int(symlinkFollow), path, int(how), int(flags))
}

func (f *files) opened(path string, how, flags uint32) handle {
	f.t.Helper()
	r, isOK := f.openAs(path, how, flags).(ok)
	if !isOK {
		f.t.Fatalf("open %q failed", path)
	}
	return r.value.(handle)
}

func code(name string) fail { return fail{variant{name: name}} }

func TestWithoutPreopensThereIsNoFile(t *testing.T) {
	same(t, "directories", newGuest(t, Config{}).call("wasi:filesystem/preopens#get-directories"), list())
}

func TestFilesAreReadAndWritten(t *testing.T) {
	f := writable(t)
	h := f.opened("a.txt", openCreate, readFlag|writeFlag)
	same(t, "write", f.call(method("write"), h, []byte("hello world"), 0), ok{11})
	same(t, "read", f.call(method("read"), h, 5, 6), ok{list([]byte("world"), false)})
	same(t, "read over the end", f.call(method("read"), h, 50, 6), ok{list([]byte("world"), true)})
	same(t, "read behind the end", f.call(method("read"), h, 5, 100), ok{list([]byte{}, true)})
	same(t, "set-size", f.call(method("set-size"), h, 5), ok{})
	same(t, "sync", f.call(method("sync"), h), ok{})
	same(t, "type", f.call(method("get-type"), h), ok{variant{name: "regular-file"}})
	same(t, "flags", f.call(method("get-flags"), h), ok{int(readFlag | writeFlag)})
	same(t, "advise", f.call(method("advise"), h, 0, 5, variant{name: "sequential"}), ok{})
	same(t, "text", f.text("a.txt"), "hello")
}

func TestAReadOfAFileIsBounded(t *testing.T) {
	f := writable(t)
	f.put("big", strings.Repeat("x", maxRead+1))
	got := f.get(method("read"), f.opened("big", 0, readFlag), -1, 0).([]any)
	same(t, "length", len(got[0].([]byte)), maxRead)
	same(t, "end", got[1], false)
}

func TestStreamsReadAndWriteFiles(t *testing.T) {
	f := writable(t)
	h := f.opened("log", openCreate, readFlag|writeFlag)
	out := f.getHandle(method("write-via-stream"), h, 3)
	end := f.getHandle(method("append-via-stream"), h)
	in := f.getHandle(method("read-via-stream"), h, 1)
	f.get(bwrite, out, []byte("abc"))
	f.get(bwrite, end, []byte("def"))
	f.get(bwrite, out, []byte("D"))
	f.mustDrop(h) // the streams go on
	f.get(bwrite, end, []byte("g"))
	same(t, "text", f.text("log"), "\x00\x00\x00abcDefg")
	same(t, "read", f.readAll(in), "\x00\x00abcDefg")
	f.mustDrop(in, out, end)
	if n := openFiles(t, f.dir); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

func TestAStreamKeepsItsFileOpen(t *testing.T) {
	f := writable(t)
	f.put("a", "text")
	for _, method := range []string{"read-via-stream", "write-via-stream", "append-via-stream"} {
		h, args := f.opened("a", 0, readFlag|writeFlag), []any{}
		if method != "append-via-stream" {
			args = append(args, 0)
		}
		s := f.getHandle("fs#[method]descriptor."+method, append([]any{h}, args...)...)
		f.mustDrop(h)
		if method == "read-via-stream" {
			same(t, "read", f.readAll(s), "text")
		} else {
			f.get(bwrite, s, []byte("tail"))
		}
		f.mustDrop(s)
	}
	same(t, "text", f.text("a"), "tailtail")
	if n := openFiles(t, f.dir); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

// openFiles counts the files of this process below dir that are open.
func openFiles(t testing.TB, dir string) (n int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(target, dir+"/") {
			n++
		}
	}
	return n
}

func TestFileErrorsOfStreamsTellTheirCode(t *testing.T) {
	f := newFiles(t, Preopen{Write: true, MaxFile: 8})
	h := f.opened("small", openCreate, writeFlag)
	same(t, "write", f.call(method("write"), h, []byte("123456789"), 0), code("file-too-large"))
	same(t, "size", f.call(method("set-size"), h, 9), code("file-too-large"))
	same(t, "size", f.call(method("set-size"), h, -1), code("file-too-large"))
	same(t, "stream", f.call(method("write-via-stream"), h, 9), code("file-too-large"))
	s := f.getHandle(method("write-via-stream"), h, 5)
	e := f.call(bwrite, s, []byte("1234")).(fail).value.(variant)
	same(t, "code", f.call("fs#filesystem-error-code", e.value), some{variant{name: "file-too-large"}})
	other := f.call(bwrite, f.output(&brittle{}), []byte("x")).(fail).value.(variant)
	same(t, "no file", f.call("fs#filesystem-error-code", other.value), nil)
}

func TestWhatAFileWasOpenedForHolds(t *testing.T) {
	f := writable(t)
	f.put("a", "text")
	r, w := f.opened("a", 0, readFlag), f.opened("a", 0, writeFlag)
	for _, v := range []any{f.call(method("write"), r, []byte("x"), 0), f.call(method("read"), w, 1, 0),
		f.call(method("read-via-stream"), w, 0), f.call(method("write-via-stream"), r, 0),
		f.call(method("append-via-stream"), r), f.call(method("set-size"), r, 0)} {
		same(t, "result", v, code("bad-descriptor"))
	}
	same(t, "a file has no paths", f.call(method("stat-at"), r, 0, "x"), code("not-directory"))
	same(t, "nor entries", f.call(method("read-directory"), r), code("not-directory"))
	same(t, "a directory has no bytes", f.call(method("read"), f.base, 1, 0), code("is-directory"))
}

func TestReadOnlyDirectoriesRefuseEveryChange(t *testing.T) {
	f := newFiles(t, Preopen{})
	f.put("a", "text")
	must(t, os.Mkdir(filepath.Join(f.dir, "sub"), 0o700))
	now := variant{name: "now"}
	for name, v := range map[string]any{
		"write":            f.openAs("a", 0, writeFlag),
		"mutate":           f.openAs("sub", 0, mutateFlag),
		"create":           f.openAs("b", openCreate, readFlag),
		"truncate":         f.openAs("a", openTruncate, readFlag),
		"mkdir":            f.call(method("create-directory-at"), f.base, "d"),
		"rmdir":            f.call(method("remove-directory-at"), f.base, "sub"),
		"unlink":           f.call(method("unlink-file-at"), f.base, "a"),
		"rename":           f.call(method("rename-at"), f.base, "a", f.base, "b"),
		"link":             f.call(method("link-at"), f.base, 0, "a", f.base, "b"),
		"symlink":          f.call(method("symlink-at"), f.base, "a", "b"),
		"times":            f.call(method("set-times-at"), f.base, 0, "a", now, now),
		"own times":        f.call(method("set-times"), f.base, now, now),
		"times of a file":  f.call(method("set-times"), f.opened("a", 0, readFlag), now, now),
		"in a sub, create": f.call(method("open-at"), f.opened("sub", openDirectory, readFlag), 0, "x", int(openCreate), int(readFlag)),
	} {
		if v != code("read-only") {
			t.Errorf("%s: %v", name, v)
		}
	}
	same(t, "text", f.text("a"), "text")
	same(t, "read", f.call(method("read"), f.opened("a", 0, readFlag), 9, 0), ok{list([]byte("text"), true)})
	same(t, "flags", f.call(method("get-flags"), f.base), ok{int(readFlag)})
}

func TestNoPathLeadsOutOfTheDirectory(t *testing.T) {
	f := writable(t)
	must(t, os.Mkdir(filepath.Join(f.dir, "sub"), 0o700), os.Mkdir(filepath.Join(f.dir, "sub", "deep"), 0o700),
		os.Symlink("../outside", filepath.Join(f.dir, "up")),
		os.Symlink("../outside/secret", filepath.Join(f.dir, "upfile")),
		os.Symlink(filepath.Dir(f.dir), filepath.Join(f.dir, "abs")),
		os.Symlink("/", filepath.Join(f.dir, "slash")),
		os.Symlink("..", filepath.Join(f.dir, "sub", "parent")),
		os.Symlink("sub/parent/..", filepath.Join(f.dir, "chain")),
		os.Symlink("upfile", filepath.Join(f.dir, "two")))
	f.put("mine", "mine")
	for _, path := range []string{"..", "../", "../outside/secret", "/", "/etc/passwd", "//etc/passwd", "sub/../../outside/secret",
		"./../outside/secret", "sub/deep/../../../outside/secret", "up/secret", "upfile", "two", "abs/outside/secret", "slash/etc/passwd",
		"sub/parent/../outside/secret", "chain/outside/secret", "chain", "up/..", "up"} {
		for _, c := range []struct {
			name string
			try  func() any
		}{
			{"open", func() any { return f.openAs(path, 0, readFlag) }},
			{"open to write", func() any { return f.openAs(path, 0, writeFlag) }},
			{"create", func() any { return f.openAs(path, openCreate, readFlag|writeFlag) }},
			{"truncate", func() any { return f.openAs(path, openTruncate, writeFlag) }},
			{"directory", func() any { return f.openAs(path, openDirectory, readFlag) }},
			{"stat", func() any { return f.call(method("stat-at"), f.base, 1, path) }},
			{"hash", func() any { return f.call(method("metadata-hash-at"), f.base, 1, path) }},
			{"times", func() any {
				return f.call(method("set-times-at"), f.base, 1, path, variant{name: "now"}, variant{name: "now"})
			}},
			{"mkdir", func() any { return f.call(method("create-directory-at"), f.base, path+"/x") }},
			{"rename there", func() any { return f.call(method("rename-at"), f.base, "mine", f.base, path+"/x") }},
			{"rename from there", func() any { return f.call(method("rename-at"), f.base, path+"/x", f.base, "y") }},
			{"link there", func() any { return f.call(method("link-at"), f.base, 0, "mine", f.base, path+"/x") }},
			{"unlink", func() any { return f.call(method("unlink-file-at"), f.base, path+"/secret") }},
			{"rmdir", func() any { return f.call(method("remove-directory-at"), f.base, path+"/outside") }},
			{"readlink", func() any { return f.call(method("readlink-at"), f.base, path+"/x") }},
			{"symlink", func() any { return f.call(method("symlink-at"), f.base, "mine", path+"/x") }},
		} {
			v, failed := c.try().(fail)
			if !failed {
				t.Errorf("%s of %q was allowed", c.name, path)
				continue
			}
			if got := v.value.(variant).name; !slices.Contains([]string{"not-permitted", "read-only", "no-entry", "not-directory"}, got) {
				t.Errorf("%s of %q: %s", c.name, path, got)
			}
		}
	}
	secret, err := os.ReadFile(filepath.Join(f.dir, "..", "outside", "secret"))
	must(t, err)
	same(t, "what lies outside", string(secret), "secret")
	outside, err := os.ReadDir(filepath.Join(f.dir, "..", "outside"))
	must(t, err)
	same(t, "files outside", len(outside), 1)
}

func TestEscapesAreNotPermitted(t *testing.T) {
	f := writable(t)
	must(t, os.Symlink("../outside/secret", filepath.Join(f.dir, "up")))
	for _, path := range []string{"..", "../outside/secret", "/etc/passwd", "up"} {
		same(t, path, f.openAs(path, 0, readFlag), code("not-permitted"))
		same(t, path, f.call(method("stat-at"), f.base, 1, path), code("not-permitted"))
	}
	sub := f.base
	f.get(method("create-directory-at"), f.base, "sub")
	sub = f.opened("sub", openDirectory, readFlag)
	f.put("mine", "mine")
	same(t, "out of a subdirectory", f.call(method("open-at"), sub, 1, "../mine", 0, int(readFlag)), code("not-permitted"))
}

func TestLinksThatWouldLeadOutAreNotMade(t *testing.T) {
	f := writable(t)
	f.get(method("create-directory-at"), f.base, "sub")
	for target, want := range map[string]any{"a": ok{}, "sub/../a": ok{}, "..": code("not-permitted"), "../outside": code("not-permitted"),
		"/etc": code("not-permitted"), "": code("no-entry"), "a\x00b": code("invalid")} {
		same(t, target, f.call(method("symlink-at"), f.base, target, "link"), want)
		os.Remove(filepath.Join(f.dir, "link"))
	}
	same(t, "up, but inside", f.call(method("symlink-at"), f.base, "../a", "sub/link"), ok{})
	same(t, "read", f.call(method("readlink-at"), f.base, "sub/link"), ok{"../a"})
}

func TestPathsThatCannotBeMeantAreRefused(t *testing.T) {
	f := writable(t)
	f.put("file", "")
	for path, want := range map[string]string{"": "no-entry", "a\x00": "invalid", strings.Repeat("a/", maxPath): "name-too-long",
		strings.Repeat("a", 300): "name-too-long", "file/": "not-directory", "file/x": "not-directory", "nothing": "no-entry"} {
		same(t, path[:min(20, len(path))], f.openAs(path, 0, readFlag), code(want))
	}
}

func TestOpenFlags(t *testing.T) {
	f := writable(t)
	f.put("file", "text")
	f.get(method("create-directory-at"), f.base, "dir")
	must(t, os.Symlink("file", filepath.Join(f.dir, "link")), os.Symlink("gone", filepath.Join(f.dir, "dangling")))
	for _, c := range []struct {
		path, name string
		how, flags uint32
		want       string // "" is ok
		noFollow   bool
	}{
		{"plain", "file", 0, readFlag, "", false},
		{"by a link", "link", 0, readFlag, "", false},
		{"a link itself", "link", 0, readFlag, "loop", true},
		{"create an existing file", "file", openCreate, readFlag, "", false},
		{"exclusive", "file", openCreate | openExclusive, readFlag, "exist", false},
		{"exclusive, a link", "dangling", openCreate | openExclusive, readFlag, "exist", true},
		{"create through a dangling link", "dangling", openCreate, writeFlag, "", false},
		{"directory", "dir", openDirectory, readFlag, "", false},
		{"directory, to change it", "dir", openDirectory, readFlag | mutateFlag, "", false},
		{"a file as a directory", "file", openDirectory, readFlag, "not-directory", false},
		{"a file with mutate-directory", "file", 0, readFlag | mutateFlag, "not-directory", false},
		{"directory to write", "dir", 0, readFlag | writeFlag, "is-directory", false},
		{"directory to truncate", "dir", openTruncate, readFlag, "is-directory", false},
		{"create a directory", "new", openDirectory | openCreate, readFlag, "invalid", false},
		{"synchronous", "file", 0, writeFlag | fileSyncFlag, "", false},
		{"truncate", "file", openTruncate, readFlag, "", false},
	} {
		follow := int(symlinkFollow)
		if c.noFollow {
			follow = 0
		}
		v := f.call(method("open-at"), f.base, follow, c.name, int(c.how), int(c.flags))
		if _, isOK := v.(ok); isOK && c.want == "" {
			continue
		}
		same(t, c.path, v, code(c.want))
	}
	same(t, "truncated", f.text("file"), "")
	same(t, "created", f.text("gone"), "")
}

func TestDirectoriesAreListed(t *testing.T) {
	f := writable(t)
	want := []string{"link symbolic-link", "sub directory"}
	f.get(method("create-directory-at"), f.base, "sub")
	must(t, os.Symlink("sub", filepath.Join(f.dir, "link")))
	for i := range 150 {
		name := strings.Repeat("f", i+1)
		f.put(name, "")
		want = append(want, name+" regular-file")
	}
	s := f.getHandle(method("read-directory"), f.base)
	var got []string
	for {
		v := f.get("fs#[method]directory-entry-stream.read-directory-entry", s)
		if v == nil {
			break
		}
		e := v.(some).value.([]any)
		got = append(got, e[1].(string)+" "+e[0].(variant).name)
	}
	same(t, "at the end", f.call("fs#[method]directory-entry-stream.read-directory-entry", s), ok{nil})
	slices.Sort(got)
	slices.Sort(want)
	same(t, "entries", got, want)
	f.mustDrop(s)
}

func TestNamesThatAreNotTextAreTold(t *testing.T) {
	f := writable(t)
	if err := os.WriteFile(filepath.Join(f.dir, "\xff"), nil, 0o600); err != nil {
		t.Skip(err)
	}
	s := f.getHandle(method("read-directory"), f.base)
	same(t, "entry", f.call("fs#[method]directory-entry-stream.read-directory-entry", s), code("illegal-byte-sequence"))
	same(t, "end", f.call("fs#[method]directory-entry-stream.read-directory-entry", s), ok{nil})
}

func TestRemoving(t *testing.T) {
	f := writable(t)
	f.put("file", "")
	f.get(method("create-directory-at"), f.base, "dir/")
	f.get(method("create-directory-at"), f.base, "dir/sub")
	same(t, "again", f.call(method("create-directory-at"), f.base, "dir"), code("exist"))
	same(t, "rmdir of a file", f.call(method("remove-directory-at"), f.base, "file"), code("not-directory"))
	same(t, "unlink of a directory", f.call(method("unlink-file-at"), f.base, "dir"), code("is-directory"))
	same(t, "not empty", f.call(method("remove-directory-at"), f.base, "dir"), code("not-empty"))
	same(t, "itself", f.call(method("remove-directory-at"), f.base, "."), code("invalid"))
	same(t, "rmdir", f.call(method("remove-directory-at"), f.base, "dir/sub"), ok{})
	same(t, "rmdir", f.call(method("remove-directory-at"), f.base, "dir"), ok{})
	same(t, "unlink", f.call(method("unlink-file-at"), f.base, "file"), ok{})
	same(t, "unlink", f.call(method("unlink-file-at"), f.base, "file"), code("no-entry"))
}

func TestRenamingAndLinking(t *testing.T) {
	f := writable(t)
	f.put("a", "text")
	f.get(method("create-directory-at"), f.base, "sub")
	sub := f.opened("sub", openDirectory, readFlag)
	same(t, "rename", f.call(method("rename-at"), f.base, "a", f.base, "sub/b"), ok{})
	same(t, "link", f.call(method("link-at"), sub, 0, "b", sub, "c"), ok{})
	same(t, "link that follows", f.call(method("link-at"), sub, 1, "b", sub, "d"), code("invalid"))
	same(t, "link to elsewhere", f.call(method("link-at"), sub, 0, "b", f.base, "d"), code("cross-device"))
	if runtime.GOOS == "linux" {
		same(t, "rename to elsewhere", f.call(method("rename-at"), sub, "b", f.base, "d"), ok{})
		for _, name := range []string{"..", ".", "x/..", "../x", "/x", ""} {
			if _, failed := f.call(method("rename-at"), f.base, "d", sub, name).(fail); !failed {
				t.Errorf("renamed to %q", name)
			}
		}
		same(t, "text", f.text("d"), "text")
	}
	same(t, "text", f.text("sub/c"), "text")
}

func TestStat(t *testing.T) {
	f := writable(t)
	f.put("a", "12345")
	must(t, os.Symlink("a", filepath.Join(f.dir, "link")), os.Chtimes(filepath.Join(f.dir, "a"), time.Time{}, time.Unix(1000, 500)))
	a := f.get(method("stat-at"), f.base, 1, "link").([]any)
	same(t, "stat", a[:3], list(variant{name: "regular-file"}, 1, 5))
	same(t, "changed", a[4], some{list(1000, 500)})
	link := f.get(method("stat-at"), f.base, 0, "link").([]any)
	same(t, "link", link[:3], list(variant{name: "symbolic-link"}, 1, 1))
	self := f.get(method("stat"), f.base).([]any)
	same(t, "directory", self[0], variant{name: "directory"})
	h := f.opened("a", 0, readFlag)
	same(t, "file", f.get(method("stat"), h).([]any)[2], 5)
}

func TestTimesAreSet(t *testing.T) {
	f := writable(t)
	f.put("a", "")
	must(t, os.Symlink("a", filepath.Join(f.dir, "link")))
	at := func(s, ns int) variant { return variant{"timestamp", list(s, ns)} }
	keep := variant{name: "no-change"}
	same(t, "by path", f.call(method("set-times-at"), f.base, 1, "link", keep, at(5, 6)), ok{})
	same(t, "time", f.get(method("stat-at"), f.base, 0, "a").([]any)[4], some{list(5, 6)})
	if runtime.GOOS == "linux" {
		same(t, "by file", f.call(method("set-times"), f.opened("a", 0, readFlag), at(7, 8), keep), ok{})
		same(t, "times", f.get(method("stat-at"), f.base, 0, "a").([]any)[3:5], list(some{list(7, 8)}, some{list(5, 6)}))
	}
	same(t, "of a link", f.call(method("set-times-at"), f.base, 0, "link", keep, keep), code("unsupported"))
	same(t, "nanoseconds", f.call(method("set-times"), f.base, keep, at(1, 1e9)), code("invalid"))
	same(t, "seconds", f.call(method("set-times"), f.base, at(-1, 0), keep), code("overflow"))
	same(t, "now", f.call(method("set-times"), f.base, variant{name: "now"}, keep), ok{})
}

func TestIdentityOfObjects(t *testing.T) {
	f := writable(t)
	f.put("a", "1")
	f.put("b", "1")
	a, again, b := f.opened("a", 0, readFlag), f.opened("a", 0, readFlag|writeFlag), f.opened("b", 0, readFlag)
	same(t, "same", f.call(method("is-same-object"), a, again), true)
	same(t, "other", f.call(method("is-same-object"), a, b), false)
	hash := func() any { return f.get(method("metadata-hash"), a) }
	first := hash()
	same(t, "by path", f.get(method("metadata-hash-at"), f.base, 0, "a"), first)
	f.get(method("write"), again, []byte("22"), 0)
	if slices.Equal(first.([]any), hash().([]any)) {
		t.Error("the hash stays the same after a write")
	}
	if first.([]any)[0] == f.get(method("metadata-hash"), b).([]any)[0] {
		t.Error("two files have the same hash")
	}
}
