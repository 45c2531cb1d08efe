package root_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

func file(path, body string) fixture.File { return fixture.File{Path: path, Body: []byte(body)} }
func link(path, to string) fixture.File   { return fixture.File{Path: path, Link: to} }
func dir(path string, mode int64) fixture.File {
	return fixture.File{Path: path, Dir: true, Mode: mode}
}

// pkg is a package with these files and the directories that they need.
func pkg(name string, files ...fixture.File) fixture.Package {
	return fixture.Package{Name: name, Version: "1-r0", Arch: "x86_64", Files: files}
}

// verbatim is a package with just these members, in this order.
func verbatim(name string, files ...fixture.File) fixture.Package {
	p := pkg(name, files...)
	p.Verbatim = true
	return p
}

func replacing(p fixture.Package, priority int, names ...string) fixture.Package {
	p.Replaces, p.ReplacesPriority = names, priority
	return p
}

func from(origin string, p fixture.Package) fixture.Package {
	p.Origin = origin
	return p
}

func install(t testing.TB, dialect apk.Dialect, packages ...fixture.Package) (*root.Root, error) {
	t.Helper()
	installed := make([]root.Installed, len(packages))
	for i, p := range packages {
		installed[i] = built(t, p)
	}
	return root.Install(installed, root.Options{Dialect: dialect, Arch: "x86_64"})
}

// built is a package as an installer gets it.
func built(t testing.TB, p fixture.Package) root.Installed {
	t.Helper()
	a := apktest.Build(t, p)
	control, err := apk.ParseControl(a.Control)
	if err != nil {
		t.Fatal(err)
	}
	return root.Installed{Package: apktest.Listed(t, a), Control: control, Members: members(a.Data, p.Name, make(contents))}
}

func mustInstall(t testing.TB, dialect apk.Dialect, packages ...fixture.Package) *root.Root {
	t.Helper()
	root, err := install(t, dialect, packages...)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func bothDialects(t *testing.T, test func(*testing.T, apk.Dialect)) {
	t.Helper()
	for _, d := range []apk.Dialect{apk.Dialect2, apk.Dialect3} {
		t.Run(fmt.Sprint(d), func(t *testing.T) { test(t, d) })
	}
}

// describe lists a root's files and those directories that packages own.
func describe(root *root.Root) string {
	var b strings.Builder
	for d := range root.Dirs() {
		if len(d.Packages) > 0 {
			fmt.Fprintf(&b, "%s/ %o %d:%d %v\n", d.Path, d.Mode, d.UID, d.GID, d.Packages)
		}
	}
	for f := range root.Files() {
		fmt.Fprintf(&b, "%s %d %s %o %d:%d %s\n", f.Path, f.Package, f.Member, f.Header().Mode, f.Header().Uid, f.Header().Gid, f.Header().Linkname)
	}
	return b.String()
}

func wantRoot(t *testing.T, root *root.Root, want ...string) {
	t.Helper()
	if got, want := describe(root), strings.Join(want, "\n")+"\n"; got != want {
		t.Errorf("the root is\n%s, want\n%s", got, want)
	}
}

func TestInstallRefusesMembers(t *testing.T) {
	t.Parallel()
	noSums := pkg("a", file("x/y", "1"))
	noSums.ForgetChecksums = true
	tests := []struct {
		name string
		p    fixture.Package
		want string
	}{
		{"parent directory", verbatim("a", dir("x", 0), file("x/../y", "1")), "not plain"},
		{"ends in ..", verbatim("a", dir("x", 0), file("x/..", "1")), "not plain"},
		{"empty part", verbatim("a", dir("x", 0), file("x//y", "1")), "not plain"},
		{"absolute", verbatim("a", file("/y", "1")), "absolute"},
		{"line break", verbatim("a", file("y\nR:z", "1")), "control character"},
		{"no directory entry", verbatim("a", file("x/y", "1")), "no directory entry"},
		{"twice", verbatim("a", file("y", "1"), file("y", "2")), "listed twice"},
		{"link to nothing", verbatim("a", fixture.File{Path: "y", Hardlink: "z/z"}), "the target of this hard link"},
		{"link out of the archive", verbatim("a", fixture.File{Path: "y", Hardlink: "../../etc/passwd"}), "the target of this hard link"},
		{"link to a symlink", verbatim("a", dir("x", 0), link("x/s", "t"), fixture.File{Path: "x/y", Hardlink: "x/s"}), "not a regular file"},
		{"no checksums", noSums, "no checksum"},
		{"in its own symlink", verbatim("a", dir("y", 0), link("x", "y"), dir("x/z", 0), file("x/z/q", "1")), "director"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bothDialects(t, func(t *testing.T, d apk.Dialect) {
				_, err := install(t, d, tt.p)
				var member *root.MemberError
				if !errors.As(err, &member) || !strings.Contains(member.Reason, tt.want) || member.Package != "a-1-r0" {
					t.Errorf("Install = %v, want a *MemberError with %q", err, tt.want)
				}
			})
		})
	}
}

func TestInstallTellsAllConflicts(t *testing.T) {
	t.Parallel()
	_, err := install(t, apk.Dialect3, pkg("a", file("x/1", ""), file("x/2", "")), pkg("b", file("x/1", ""), file("x/2", "")))
	for _, path := range []string{"x/1", "x/2"} {
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("b-1-r0: trying to overwrite %q owned by a-1-r0", path)) {
			t.Errorf("Install = %v, want a conflict about %s", err, path)
		}
	}
	var conflict *root.ConflictError
	if !errors.As(err, &conflict) || conflict.Path != "x/1" {
		t.Errorf("Install = %v, want a *ConflictError", err)
	}
}

func TestInstallFollowsOtherPackagesSymlinks(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"../run", "/run", "../var/../run/."} {
		bothDialects(t, func(t *testing.T, d apk.Dialect) {
			root := mustInstall(t, d,
				pkg("a", dir("run", 0o755), link("var/run", target)),
				pkg("b", file("var/run/x/y", "1")))
			wantRoot(t, root,
				"run/ 755 0:0 [0 1]",
				"run/x/ 755 0:0 [1]",
				"var/ 755 0:0 [0 1]",
				"run/x/y 1 var/run/x/y 644 0:0 ",
				"var/run 0 var/run 777 0:0 "+target)
			if db := database(root, nil)["lib/apk/db/installed"]; !strings.Contains(db, "F:var/run/x\nR:y\n") {
				t.Errorf("installed = %q, want the path as the package has it", db)
			}
		})
	}
}

func TestInstallEndsAtSymlinkLoops(t *testing.T) {
	t.Parallel()
	bothDialects(t, func(t *testing.T, d apk.Dialect) {
		_, err := install(t, d, verbatim("a", link("p", "q"), link("q", "p")), pkg("b", file("p/x", "")))
		if err == nil || !strings.Contains(err.Error(), "too many symlinks") {
			t.Errorf("Install = %v, want an error about the loop", err)
		}
	})
}

func TestInstallDirsOfDialect3(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		packages []fixture.Package
		want     string
	}{
		{"made without setgid", []fixture.Package{pkg("a", dir("x", 0o2775))}, "x/ 775 0:0 [0]"},
		{"first name wins", []fixture.Package{pkg("b", dir("x", 0o700)), pkg("a", dir("x", 0o2755))}, "x/ 2755 0:0 [0 1]"},
		{"first name stays", []fixture.Package{pkg("a", dir("x", 0o755)), pkg("b", dir("x", 0o700))}, "x/ 755 0:0 [0 1]"},
		{"priority wins", []fixture.Package{pkg("a", dir("x", 0o755)), replacing(pkg("b", dir("x", 0o700)), 1)}, "x/ 700 0:0 [0 1]"},
		{"priority stays", []fixture.Package{replacing(pkg("b", dir("x", 0o755)), 1), pkg("a", dir("x", 0o700))}, "x/ 755 0:0 [0 1]"},
		{"origin's own wins", []fixture.Package{from("b", pkg("a", dir("x", 0o755))), from("b", pkg("b", dir("x", 0o700)))}, "x/ 700 0:0 [0 1]"},
		{"origin's own stays", []fixture.Package{from("b", pkg("b", dir("x", 0o755))), from("b", pkg("a", dir("x", 0o700)))}, "x/ 755 0:0 [0 1]"},
		{"parent made", []fixture.Package{verbatim("a", dir("p/x", 0o700))}, "p/x/ 700 0:0 [0]"},
		{"setgid inherited", []fixture.Package{pkg("b", dir("x", 0o700)), pkg("a", dir("x", 0o2755)), pkg("c", dir("x/y", 0o750))},
			"x/ 2755 0:0 [0 1 2]\nx/y/ 2750 0:0 [2]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRoot(t, mustInstall(t, apk.Dialect3, tt.packages...), tt.want)
		})
	}
}

// TestInstallMakesNothingBeforePackages has a package bring a symlink where apk 2 makes a folder before the packages come.
func TestInstallMakesNothingBeforePackages(t *testing.T) {
	t.Parallel()
	root := mustInstall(t, apk.Dialect3, verbatim("a", dir("data", 0), dir("data/var", 0), link("var", "data/var")))
	var got []string
	for f := range root.Files() {
		got = append(got, f.Path)
	}
	for d := range root.Dirs() {
		got = append(got, d.Path+"/")
	}
	if want := "[var data/ data/var/ etc/ etc/apk/ lib/ lib/apk/ lib/apk/db/]"; fmt.Sprint(got) != want {
		t.Errorf("the root has %v, want %s", got, want)
	}
}

// merged is a package that makes a root /usr-merged.
func merged() fixture.Package {
	return verbatim("merged", link("bin", "usr/bin"), link("lib", "usr/lib"), link("sbin", "usr/bin"), dir("usr", 0), dir("usr/bin", 0), dir("usr/lib", 0))
}

func TestInstallOnAMergedRoot(t *testing.T) {
	t.Parallel()
	root := mustInstall(t, apk.Dialect3, merged(), pkg("z", file("lib/libz.so", "1"), file("sbin/z", "2"), file("lib/apk/db/installed", "3")))
	var paths []string
	for f := range root.Files() {
		paths = append(paths, f.Path)
	}
	for d := range root.Dirs() {
		paths = append(paths, d.Path+"/")
	}
	want := "[bin lib sbin usr/bin/z usr/lib/libz.so etc/ etc/apk/ usr/ usr/bin/ usr/lib/ usr/lib/apk/ usr/lib/apk/db/ var/]"
	if got := fmt.Sprint(paths); got != want {
		t.Errorf("the root is %s, want %s", got, want)
	}
}

func TestInstallOnAMergedRootRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		dialect  apk.Dialect
		packages []fixture.Package
		want     string
	}{
		"a folder in another package": {apk.Dialect3, []fixture.Package{pkg("a", file("lib/x", "1")), merged()}, `"lib": a directory is there`},
		"a folder that apk 2 made":    {apk.Dialect2, []fixture.Package{merged()}, `"lib": a directory is there`},
		"a link to nothing":           {apk.Dialect3, []fixture.Package{verbatim("a", link("lib", "usr/lib"))}, `"lib": apk writes below "lib/apk/db"`},
		"a link to itself":            {apk.Dialect3, []fixture.Package{verbatim("a", link("lib", "lib"))}, "too many symlinks"},
		"a file":                      {apk.Dialect3, []fixture.Package{verbatim("a", file("lib", "1"))}, `"lib": apk writes below "lib/apk/db"`},
	} {
		var member *root.MemberError
		_, err := install(t, tt.dialect, tt.packages...)
		if !errors.As(err, &member) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Install = %v, want a MemberError with %q", name, err, tt.want)
		}
	}
}

func TestInstallKeepsInitialDirs(t *testing.T) {
	t.Parallel()
	for d, want := range map[apk.Dialect]string{
		apk.Dialect2: "[dev 755 etc 755 etc/apk 755 lib 755 lib/apk 755 lib/apk/db 755 tmp 1777 var 755 var/cache 755 var/cache/apk 755 var/cache/misc 755]",
		apk.Dialect3: "[etc 700 etc/apk 755 lib 755 lib/apk 700 lib/apk/db 755 tmp 700 var 755]", // made after the packages
	} {
		var got []string
		for dir := range mustInstall(t, d, pkg("a", dir("etc", 0o700), dir("lib/apk", 0o700), dir("tmp", 0o700))).Dirs() {
			got = append(got, fmt.Sprintf("%s %o", dir.Path, dir.Mode))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("dialect %d: Dirs = %v, want %v", d, got, want)
		}
	}
}

func TestInstallSameOriginByDialect(t *testing.T) {
	t.Parallel()
	old := replacing(from("o", pkg("a", file("x", "1"))), 0, "b")
	next := from("o", pkg("b", file("x", "2")))
	for d, want := range map[apk.Dialect]string{
		apk.Dialect2: "x 1 x 644 0:0 ", // the origin is looked at first
		apk.Dialect3: "x 0 x 644 0:0 ", // the priorities are
	} {
		wantRoot(t, mustInstall(t, d, old, next), want)
	}
}

func TestInstallTellsWhatIsSkipped(t *testing.T) {
	t.Parallel()
	root := mustInstall(t, apk.Dialect2,
		verbatim("a", file(".hidden", ""), dir("x", 0), file("x/.keep_a", ""), file("x/lost", "1"),
			fixture.File{Path: "x/null", Type: tar.TypeChar, Major: 1, Minor: 3}, file("x/odd", "1")),
		replacing(pkg("b", file("x/lost", "2")), 0, "a"),
		pkg("c"))
	var got []string
	for i := range 3 {
		for _, s := range root.Skipped(i) {
			got = append(got, fmt.Sprint(i, " ", s.Member, " ", s.By))
		}
	}
	if want := []string{"0 .hidden -1", "0 x/.keep_a -1", "0 x/lost 1", "0 x/null -1", "2 .dummy -1"}; !slices.Equal(got, want) {
		t.Errorf("Skipped = %q, want %q", got, want)
	}
}

func TestInstallOwnersByName(t *testing.T) {
	t.Parallel()
	app := func(path string) fixture.File {
		return fixture.File{Path: path, Uname: "app", Gname: "app", UID: 7, GID: 8}
	}
	accounts := pkg("accounts", file("etc/passwd", "app:x:11:1::/:/bin/sh\n"), file("etc/group", "app:x:22:\n"))
	packages := []fixture.Package{pkg("a", app("1")), accounts, pkg("b", app("2"))}
	for d, want := range map[apk.Dialect]string{
		apk.Dialect2: "2 2 2 644 7:8 ", // it does not look again for a name that was not there
		apk.Dialect3: "2 2 2 644 11:22 ",
	} {
		wantRoot(t, mustInstall(t, d, packages...),
			"etc/ 755 0:0 [1]", "1 0 1 644 7:8 ", want,
			"etc/group 1 etc/group 644 0:0 ", "etc/passwd 1 etc/passwd 644 0:0 ")
	}
}

func TestInstallLinksShareAttributes(t *testing.T) {
	t.Parallel()
	bothDialects(t, func(t *testing.T, d apk.Dialect) {
		root := mustInstall(t, d, verbatim("a", dir("x", 0),
			fixture.File{Path: "x/a", Body: []byte("1"), Mode: 0o4755, ModTime: 1000},
			fixture.File{Path: "x/b", Hardlink: "x/a", Mode: 0o755, UID: 5, Uname: "nobody", ModTime: 2000}))
		wantRoot(t, root, "x/ 755 0:0 [0]", "x/a 0 x/a 755 5:0 ", "x/b 0 x/b 755 5:0 x/a")
		for f := range root.Files() {
			if got := f.Header().ModTime.Unix(); got != 2000 {
				t.Errorf("%s: time %d, want the link's", f.Path, got)
			}
		}
	})
}

func TestInstallPackageWithoutSize(t *testing.T) {
	t.Parallel()
	p := replacing(pkg("a", file("x/y", "1")), 1, "b")
	p.InstalledSize = new(int64)
	p.Scripts = map[string]string{"post-install": "#!/bin/sh\n", "trigger": "#!/bin/sh\n"}
	p.Triggers = []string{"/x"}
	bothDialects(t, func(t *testing.T, d apk.Dialect) {
		root := mustInstall(t, d, p)
		files := database(root, nil)
		if describe(root) != "\n" && describe(root) != "" || files["lib/apk/db/triggers"] != "" ||
			strings.Contains(files["lib/apk/db/installed"], "r:") || len(scriptsOf(t, files)) != 1024 {
			t.Errorf("the root is %q, its database %q: want a package without anything", describe(root), files)
		}
	})
}

func TestDatabaseNamesTags(t *testing.T) {
	t.Parallel()
	a := apktest.Build(t, pkg("a", file("x", "")))
	control, err := apk.ParseControl(a.Control)
	if err != nil {
		t.Fatal(err)
	}
	root, err := root.Install([]root.Installed{{Package: apktest.Listed(t, a), Control: control, Members: members(a.Data, "a", make(contents)), Tag: "edge"}},
		root.Options{Dialect: apk.Dialect3, Arch: "x86_64"})
	if err != nil {
		t.Fatal(err)
	}
	if db := database(root, nil)["lib/apk/db/installed"]; !strings.Contains(db, "\ns:edge\n") {
		t.Errorf("installed = %q, want s:edge", db)
	}
}

func TestDatabaseWorld(t *testing.T) {
	t.Parallel()
	root := mustInstall(t, apk.Dialect2)
	var world []apk.Dependency
	for _, s := range []string{"b>=1", "!ab", "a", "aa@edge", "B", "b<5", ".virtual=1"} {
		d, err := apk.ParseDependency(s)
		if err != nil {
			t.Fatal(err)
		}
		world = append(world, d)
	}
	want := ".virtual=1\na\naa@edge\n!ab\nB\nb<5\n"
	if got := database(root, world)["etc/apk/world"]; got != want {
		t.Errorf("world = %q, want %q: one line a name, sorted", got, want)
	}
}

func TestDatabaseScripts(t *testing.T) {
	t.Parallel()
	p := pkg(strings.Repeat("long", 20), file("x/y", ""))
	p.Scripts = map[string]string{"post-install": "1", "pre-install": "2"}
	checksum := apktest.Listed(t, apktest.Build(t, p)).Checksum
	stem := p.Name + "-1-r0."
	for d, want := range map[apk.Dialect][]string{
		// Names are cut at 99 bytes by apk 2, and long ones have an entry of their own in apk 3.
		apk.Dialect2: {(stem + checksum.String())[:99] + ":2", (stem + checksum.String())[:99] + ":1"},
		apk.Dialect3: {fmt.Sprintf("%sX1%x.pre-install:2", stem, checksum[:]), fmt.Sprintf("%sX1%x.post-install:1", stem, checksum[:])},
	} {
		var got []string
		tr := tar.NewReader(bytes.NewReader(scriptsOf(t, database(mustInstall(t, d, p), nil))))
		for h, err := tr.Next(); !errors.Is(err, io.EOF); h, err = tr.Next() {
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, h.Name+":"+string(content))
		}
		if !slices.Equal(got, want) {
			t.Errorf("dialect %d: scripts = %q, want %q", d, got, want)
		}
	}
}

// TestDatabaseOfSeveralRoots writes the databases of two roots in turn: what one leaves in the compressor must not change the other.
func TestDatabaseOfSeveralRoots(t *testing.T) {
	t.Parallel()
	small, large := pkg("small", file("x", "")), pkg("large", file("y", ""))
	small.Scripts = map[string]string{"post-install": "echo small"}
	large.Scripts = map[string]string{"post-install": strings.Repeat("echo small and large\n", 20_000), "pre-install": "echo small"}
	const name = "lib/apk/db/scripts.tar.gz"
	first := database(mustInstall(t, apk.Dialect3, small), nil)[name]
	for i := range 3 {
		other := database(mustInstall(t, apk.Dialect3, small, large), nil)[name]
		if again := database(mustInstall(t, apk.Dialect3, small), nil)[name]; again != first || other == first {
			t.Errorf("database %d: the scripts of the same packages have other bytes", i)
		}
	}
}

func TestPendingScripts(t *testing.T) {
	t.Parallel()
	a := pkg("a", file("usr/bin/x", ""))
	a.Scripts = map[string]string{"post-install": "1", "pre-deinstall": "2", "trigger": "3"}
	a.Triggers = []string{"/usr/*"}
	b := pkg("b", file("y", ""))
	b.Scripts = map[string]string{"pre-install": "1", "trigger": "3"}
	b.Triggers = []string{"/opt"}
	got := fmt.Sprint(mustInstall(t, apk.Dialect3, a, b).PendingScripts())
	if want := "[{a post-install} {b pre-install} {a trigger}]"; got != want {
		t.Errorf("PendingScripts = %s, want %s", got, want)
	}
}

func TestInstallReportsMembersErrors(t *testing.T) {
	t.Parallel()
	a := apktest.Build(t, pkg("a", file("x", "")))
	control, err := apk.ParseControl(a.Control)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	var seq iter.Seq2[root.Member, error] = func(yield func(root.Member, error) bool) { yield(root.Member{}, broken) }
	_, err = root.Install([]root.Installed{{Package: apktest.Listed(t, a), Control: control, Members: seq}}, root.Options{Dialect: apk.Dialect2})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "a-1-r0") {
		t.Errorf("Install = %v, want the members' error and the package", err)
	}
}

// What any tar makes: plain paths only, and a database that they cannot forge.
func FuzzInstall(f *testing.F) {
	for _, p := range []fixture.Package{
		pkg("a", file("x/y", "1"), link("x/l", "y"), link("z", "x")),
		verbatim("a", dir("x", 0), file("x/../y", "1"), file("/y", "2"), file("x/\nR:z", "3")),
		verbatim("a", dir("x", 0), file("x/a", "1"), fixture.File{Path: "x/b", Hardlink: "x/a"}),
	} {
		f.Add(gunzipAll(f, apktest.Build(f, p).Data))
	}
	p := &apk.Package{Name: "a", Version: "1-r0", InstalledSize: 1}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range []apk.Dialect{apk.Dialect2, apk.Dialect3} {
			root, err := root.Install([]root.Installed{{Package: p, Control: &apk.Control{}, Members: tarMembers(data)}},
				root.Options{Dialect: d})
			if err != nil {
				continue
			}
			paths := 0
			for file := range root.Files() {
				paths++
				if file.Path != path.Clean(file.Path) || path.IsAbs(file.Path) || strings.HasPrefix(file.Path, "../") || strings.Contains(file.Path, "\n") {
					t.Errorf("path %q", file.Path)
				}
			}
			db := database(root, nil)["lib/apk/db/installed"]
			if lines := strings.Count(db, "\nR:"); lines < paths {
				t.Errorf("%d files in the database, %d in the root", lines, paths)
			}
		}
	})
}

func gunzipAll(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for m, err := range members(data, "", make(contents)) {
		if err != nil {
			t.Fatal(err)
		}
		// Enough to fuzz from: headers without bodies.
		h := *m.Header
		h.Size, h.Format = 0, tar.FormatPAX
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&h); err != nil {
			continue // a name that archive/tar does not write
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func tarMembers(data []byte) iter.Seq2[root.Member, error] {
	return func(yield func(root.Member, error) bool) {
		tr := tar.NewReader(bytes.NewReader(data))
		for {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) || !yield(root.Member{Header: h}, err) || err != nil {
				return
			}
		}
	}
}

func TestOwnersNamesOfOtherAccounts(t *testing.T) {
	t.Parallel()
	bothDialects(t, func(t *testing.T, dialect apk.Dialect) {
		accounts := pkg("accounts", file("etc/passwd", "own:x:10:10::/:/bin/sh\n"), file("etc/group", "own:x:10:\n"))
		files := pkg("files", fixture.File{Path: "usr/own", Uname: "own", Gname: "own", UID: 1, GID: 1},
			fixture.File{Path: "usr/other", Uname: "other", Gname: "other", UID: 1, GID: 1})
		installed := make([]root.Installed, 0, 2)
		for _, p := range []fixture.Package{accounts, files} {
			a := apktest.Build(t, p)
			control, err := apk.ParseControl(a.Control)
			if err != nil {
				t.Fatal(err)
			}
			installed = append(installed, root.Installed{Package: apktest.Listed(t, a), Control: control, Members: members(a.Data, p.Name, make(contents))})
		}
		root, err := root.Install(installed, root.Options{Dialect: dialect, Arch: "x86_64",
			Passwd: "own:x:20:20:::\nother:x:30:40:::\n", Group: "own:x:20:\nother:x:40:\n"})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][2]int{"usr/own": {10, 10}, "usr/other": {30, 40}}
		for f := range root.Files() {
			if owner, ok := want[f.Path]; ok && owner != [2]int{f.Header().Uid, f.Header().Gid} {
				t.Errorf("%s belongs to %d:%d, want %v", f.Path, f.Header().Uid, f.Header().Gid, owner)
			}
		}
	})
}
