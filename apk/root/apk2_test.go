//go:build unix

package root_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// realApk is apk 2.14.4, from the mirror's packages. It needs root: it makes devices, and
// mounts proc in the root that it works on.
func realApk(t *testing.T) (command []string) {
	t.Helper()
	main := apktest.Shared(t, "alpine-mirror/v3.20/main")
	if runtime.GOARCH != "amd64" || os.Getuid() != 0 {
		t.Skip("running the mirror's apk-tools needs root on amd64")
	}
	r, at := openRepo(t, main, "x86_64"), t.TempDir()
	for name := range r.packages {
		if !slices.ContainsFunc([]string{"musl-1", "apk-tools-", "libcrypto3-", "libssl3-", "zlib-1"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", filepath.Join(r.dir, name+".apk"), "-C", at).CombinedOutput(); err != nil {
			t.Fatalf("unpacking %s: %v: %s", name, err, out)
		}
	}
	command = []string{at + "/lib/ld-musl-x86_64.so.1", "--library-path", at + "/lib:" + at + "/usr/lib", at + "/sbin/apk"}
	if out, err := exec.CommandContext(t.Context(), command[0], append(command[1:], "--version")...).CombinedOutput(); err != nil {
		t.Fatalf("running apk: %v: %s", err, out)
	}
	return command
}

// Edge cases, each given to apk itself and to Install.
func TestInstallAgreesWithRunningApk2(t *testing.T) {
	command := realApk(t)
	app := func(path string) fixture.File {
		return fixture.File{Path: path, Uname: "app", Gname: "app", UID: 7, GID: 8}
	}
	owned := func(path string, mode int64, uid, gid int) fixture.File {
		return fixture.File{Path: path, Dir: true, Mode: mode, UID: uid, Uname: "n", GID: gid, Gname: "n"}
	}
	hard := func(path, to string, mode int64) fixture.File {
		return fixture.File{Path: path, Hardlink: to, Mode: mode}
	}
	moded := func(path string, mode int64) fixture.File {
		return fixture.File{Path: path, Body: []byte("1"), Mode: mode}
	}
	xattrs := map[string]string{"SCHILY.xattr.user.foo": "bar", "SCHILY.xattr.user.a": "b"}
	noSums := func(p fixture.Package) fixture.Package { p.ForgetChecksums = true; return p }
	noSize := func(p fixture.Package) fixture.Package {
		p.InstalledSize, p.Triggers, p.Replaces = new(int64), []string{"/x"}, []string{"b"}
		p.Scripts = map[string]string{"post-install": "#!/bin/sh\n"}
		return p
	}
	scripted := pkg(strings.Repeat("long-name-", 8)+"x", file("x/y", "1"))
	scripted.Scripts = map[string]string{"post-install": "#!/bin/sh\n", "pre-deinstall": "x", "trigger": "t"}
	scripted.Triggers = []string{"/x", "/y/*"}
	rich := pkg("a", file("x/y", "1"))
	rich.Provides, rich.ProviderPriority = []string{"foo=1", "cmd:bar=2"}, 7
	rich.Depends, rich.Replaces, rich.ReplacesPriority = []string{"b>=1", "!c", "b<5", "b~1"}, []string{"q<3", "r"}, 5
	conditional := pkg("b", file("x/z", "1"))
	conditional.InstallIf = []string{"a", "b"}

	type packages = []fixture.Package
	for _, tt := range []struct {
		name     string
		world    string
		packages packages
	}{
		{"no checksums", "a", packages{noSums(pkg("a", file("x/y", "1")))}},
		{"symlink without checksum", "a", packages{noSums(pkg("a", link("x/l", "y")))}},
		{"hard link at the root", "a", packages{verbatim("a", file("x", "1"), hard("y", "x", 0))}},
		{"names before accounts", "a b c", packages{pkg("a", app("p/x")),
			pkg("b", file("etc/passwd", "app:x:11:1::/:/bin/sh\n"), file("etc/group", "app:x:22:\n")), pkg("c", app("q/x"))}},
		{"broken accounts", "a b", packages{pkg("a", file("etc/passwd", "app:x:11\napp:x:z:1:a:/:/\napp:x:55:1:a:/:/\napp:x:66:1:a:/:/\n")), pkg("b", app("x"))}},
		{"listed twice", "a", packages{verbatim("a", dir("x", 0), file("x/y", "1"), file("x/y", "2"))}},
		{"directory twice", "a", packages{verbatim("a", dir("x", 0o700), file("x/y", "1"), dir("x", 0o755))}},
		{"no parent", "a", packages{verbatim("a", dir("x/y", 0), file("x/y/z", "1"))}},
		{"no parent, empty", "a", packages{verbatim("a", dir("x/y", 0))}},
		{"another's parent", "a b", packages{pkg("a", dir("x", 0o700)), verbatim("b", dir("x/y", 0), file("x/y/z", "1"))}},
		{"parent comes with another", "a b", packages{verbatim("a", dir("x/y", 0)), pkg("b", file("x/y/f", ""))}},
		{"no directory entry", "a", packages{verbatim("a", file("x/y", "1"))}},
		{"below a symlink", "a b", packages{pkg("a", dir("run", 0), link("var/run", "../run")), pkg("b", file("var/run/x/y", "1"))}},
		{"mode of a symlink's target", "a b", packages{pkg("a", dir("run", 0), link("var/run", "../run")), pkg("b", dir("var/run", 0o700))}},
		{"symlink over a directory", "a b", packages{pkg("a", file("q/x", "1")), verbatim("b", link("q", "run"))}},
		{"file over a directory", "a b", packages{pkg("a", dir("q", 0)), verbatim("b", file("q", ""))}},
		{"directory over a file", "a b", packages{verbatim("a", file("q", "1")), verbatim("b", dir("q", 0))}},
		{"file below a file", "a b", packages{verbatim("a", file("q", "1")), pkg("b", file("q/x", "1"))}},
		{"dangling directory", "a b", packages{verbatim("a", link("q", "nowhere")), verbatim("b", dir("q", 0))}},
		{"below a dangling directory", "a b", packages{verbatim("a", link("q", "nowhere")), pkg("b", file("q/x", "1"))}},
		{"link clears setuid", "a", packages{verbatim("a", dir("x", 0), moded("x/a", 0o4755), hard("x/b", "x/a", 0o755))}},
		{"link keeps setgid", "a", packages{verbatim("a", dir("x", 0), moded("x/a", 0o2745), hard("x/b", "x/a", 0o644))}},
		{"link sets setuid", "a", packages{verbatim("a", dir("x", 0), moded("x/a", 0o600), hard("x/b", "x/a", 0o4755))}},
		{"link to a symlink", "a", packages{verbatim("a", dir("x", 0), file("x/t", "1"), link("x/a", "nowhere"), hard("x/b", "x/a", 0))}},
		{"link to a link", "a", packages{verbatim("a", dir("x", 0), file("x/t", "1"), hard("x/a", "x/t", 0), hard("x/b", "x/a", 0))}},
		{"keep files", "a", packages{verbatim("a", dir("x", 0), file("x/.keep_", ""), file("x/.keep_a", ""), file(".keep_a", ""))}},
		{"dot slash", "a", packages{verbatim("a", dir("./", 0o700), dir("x", 0), file("./x/y", "1"))}},
		{"up", "a", packages{verbatim("a", dir("x", 0), file("x/../y", "1"))}},
		{"ends in up", "a", packages{verbatim("a", dir("x", 0), file("x/..", "1"))}},
		{"empty part", "a", packages{verbatim("a", dir("x", 0), file("x//y", "1"))}},
		{"absolute", "a", packages{verbatim("a", file("/y", "1"))}},
		{"line break", "a", packages{verbatim("a", file("y\nR:z", "1"))}},
		{"hidden directories", "a", packages{verbatim("a", dir(".x", 0), file(".x/y", "1"), dir("x", 0), dir("x/.x", 0), file("x/.x/y", "1"))}},
		{"odd type", "a", packages{verbatim("a", dir("x", 0), fixture.File{Path: "x/n", Type: 'V'}, file("x/m", "1"))}},
		{"fifo and device", "a", packages{verbatim("a", dir("x", 0), fixture.File{Path: "x/n", Type: tar.TypeFifo},
			fixture.File{Path: "x/c", Type: tar.TypeChar, Major: 1, Minor: 3})}},
		{"xattrs", "a", packages{verbatim("a", dir("x", 0), fixture.File{Path: "x/n", PAX: xattrs}, fixture.File{Path: "x/d", Dir: true, PAX: xattrs})}},
		{"no size", "a b", packages{noSize(pkg("a", file("x/y", "1"))), pkg("b", file("x/y", "2"))}},
		{"setgid directory", "a", packages{pkg("a", dir("x", 0o2775), file("x/y/z", "1"))}},
		{"initial directories", "a", packages{pkg("a", dir("etc", 0o700), dir("tmp", 0o755), dir("var/cache", 0o700), dir("lib/apk", 0o700), dir("var/log", 0o700))}},
		{"world and arch", "a", packages{pkg("a", file("etc/apk/world", "z\n"), file("etc/apk/arch", "z\n"), file("etc/apk/other", "z\n"))}},
		{"database", "a", packages{pkg("a", file("lib/apk/db/installed", "1"), file("lib/apk/db/x", "1"))}},
		{"one place, two names", "a b", packages{pkg("a", file("run/x", "1"), link("v", "run")), verbatim("b", dir("v", 0), file("v/x", "2"))}},
		{"the same in etc", "a b", packages{pkg("a", file("run/x", "1"), link("etc/v", "../run")), pkg("b", dir("etc/v", 0), file("etc/v/x", "2"))}},
		{"equal content in etc", "a b", packages{pkg("a", file("run/x", "1"), link("etc/v", "../run")), pkg("b", dir("etc/v", 0), file("etc/v/x", "1"))}},
		{"replaced in etc", "a b", packages{pkg("a", file("etc/x", "1")), replacing(pkg("b", file("etc/x", "2")), 0, "a")}},
		{"long script names", scripted.Name, packages{scripted}},
		{"all fields", "!zz a !yy b>=1", packages{rich, conditional}},
		{"symlink replaced", "a b", packages{pkg("a", file("x/t", "1"), link("x/s", "t")), replacing(pkg("b", file("x/s", "2")), 0, "a")}},
		{"link target replaced", "a b", packages{pkg("a", file("x/t", "1"), hard("x/u", "x/t", 0)), replacing(pkg("b", file("x/t", "2")), 0, "a")}},
		{"link target lost", "a b", packages{replacing(pkg("a", file("x/t", "1")), 0, "b"), pkg("b", file("x/t", "2"), hard("x/u", "x/t", 0))}},
		{"same origin", "a b", packages{replacing(from("o", pkg("a", file("x/t", "1"))), 0, "b"), from("o", pkg("b", file("x/t", "2")))}},
		{"replaces another version", "a b", packages{pkg("a", file("x/t", "1")), replacing(pkg("b", file("x/t", "2")), 0, "a<1")}},
		{"replaces this version", "a b", packages{pkg("a", file("x/t", "1")), replacing(pkg("b", file("x/t", "2")), 0, "a<2")}},
		{"replaces not", "a b", packages{pkg("a", file("x/t", "1")), replacing(pkg("b", file("x/t", "2")), 0, "!a")}},
		{"owners of a directory", "a b c", packages{pkg("a", owned("x", 0o755, 5, 3)), pkg("b", owned("x", 0o777, 5, 2)), pkg("c", owned("x", 0o1705, 5, 2))}},
		{"root by name", "a", packages{pkg("a", fixture.File{Path: "x/y", Uname: "root", Gname: "root", UID: 5, GID: 6})}},
		{"equal files", "a b", packages{pkg("a", file("x/t", "1")), pkg("b", file("x/t", "1"))}},
		{"many members", "a", packages{func() fixture.Package { p := pkg("a", file("x/y", "1")); p.SplitData = 3; return p }()}},
		{"order of names", "B a A a_b aB", packages{pkg("B"), pkg("a"), pkg("A"), pkg("a_b"), pkg("aB")}},
		{"world says it twice", "a b a>0 b=1-r0", packages{pkg("a"), pkg("b")}},
	} {
		t.Run(tt.name, func(t *testing.T) { compareWithRunningApk(t, command, tt.world, tt.packages) })
	}
}

func compareWithRunningApk(t *testing.T, command []string, world string, packages []fixture.Package) {
	t.Helper()
	at := t.TempDir()
	publish(t, at, packages)
	root := filepath.Join(at, "root")
	args := append(slices.Clone(command[1:]), "add", "--root", root, "--initdb", "--no-scripts", "--no-cache",
		"--arch", "x86_64", "--keys-dir", at, "--repositories-file", "/dev/null", "--repository", at)
	out, applyErr := exec.CommandContext(t.Context(), command[0], append(args, strings.Fields(world)...)...).CombinedOutput()

	key := fixture.TestKey()
	r := repo{dir: filepath.Join(at, "x86_64"), keyring: apktest.Ring(t, key), packages: make(map[string]*apk.Package)}
	index, err := apk.ReadIndex(strings.NewReader(string(readFile(t, r.dir+"/APKINDEX.tar.gz"))), apk.IndexOptions{Keyring: r.keyring})
	if err != nil {
		t.Fatal(err)
	}
	for p := range index.Packages() {
		r.packages[p.String()] = p
	}
	want := answer{Log: strings.Split(string(out), "\n")}
	if applyErr != nil {
		wantNoRoot(t, r, want.Log, out)
		return
	}
	want.Tree = walk(t, root)
	want.DB.Installed = string(readFile(t, root+"/lib/apk/db/installed"))
	want.DB.Triggers = string(readFile(t, root+"/lib/apk/db/triggers"))
	want.DB.World = string(readFile(t, root+"/etc/apk/world"))
	compareWithApk(t, r, parseWorld(t, world), apk.Dialect2, "x86_64", want, readFile(t, root+"/lib/apk/db/scripts.tar"))
}

// publish writes a signed repository and its key.
func publish(t *testing.T, at string, packages []fixture.Package) {
	t.Helper()
	key, mirror, index := fixture.TestKey(), fixture.NewMirror(), fixture.Index{Arch: "x86_64"}
	for _, p := range packages {
		index.Archives = append(index.Archives, apktest.Build(t, p))
	}
	if err := mirror.Publish("", index); err != nil {
		t.Fatal(err)
	}
	mirror.Put(key.Name, key.PublicPEM())
	for _, dir := range []string{"x86_64", "root"} {
		if err := os.Mkdir(filepath.Join(at, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range mirror.Names() {
		if err := os.WriteFile(filepath.Join(at, name), mirror.File(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func wantNoRoot(t *testing.T, r repo, log []string, out []byte) {
	t.Helper()
	var packages []root.Installed
	for _, name := range installLines(log) {
		packages = append(packages, r.open(t, name, make(contents)))
	}
	if len(packages) == 0 {
		t.Fatalf("apk installed nothing: %s", out)
	}
	if _, err := root.Install(packages, root.Options{Dialect: apk.Dialect2}); err == nil {
		t.Errorf("Install succeeded, but apk said %s", out)
	}
}

// walk lists a folder as an oracle does.
func walk(t *testing.T, root string) []entry {
	t.Helper()
	var list []entry
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		e := entry{Path: strings.TrimPrefix(path, root+"/"), Type: "file", Mode: fmt.Sprintf("%04o", stat.Mode&0o7777),
			UID: int(stat.Uid), GID: int(stat.Gid), MTime: info.ModTime().Unix()}
		switch info.Mode().Type() {
		case fs.ModeDir:
			e.Type = "dir"
		case fs.ModeSymlink:
			e.Type = "link"
			e.Linkname, err = os.Readlink(path)
		case 0:
			sum := sha256.Sum256(readFile(t, path))
			e.SHA256 = hex.EncodeToString(sum[:])
		case fs.ModeDevice | fs.ModeCharDevice, fs.ModeDevice:
			return nil // Root.Files leaves them out
		}
		list = append(list, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
