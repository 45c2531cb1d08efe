package root_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/internal/apktest"
)

// An answer is what real apk made of a world.
type answer struct {
	Exit int      `json:"exit"`
	Log  []string `json:"log"`
	Tree []entry  `json:"tree"`
	DB   struct {
		Installed string `json:"installed"`
		Triggers  string `json:"triggers"`
		World     string `json:"world"`
	} `json:"db"`
}

type entry struct {
	Path     string `json:"path"`
	Type     string `json:"type"`
	Mode     string `json:"mode"`
	UID      int    `json:"uid"`
	GID      int    `json:"gid"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Linkname string `json:"linkname"`
	MTime    int64  `json:"mtime"`
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// installLines reads the packages that apk's log says it installed, as NAME-VERSION.
func installLines(log []string) []string {
	line := regexp.MustCompile(`^\( *\d+/\d+\) Installing (\S+) \((\S+)\)$`)
	var names []string
	for _, l := range log {
		if m := line.FindStringSubmatch(l); m != nil {
			names = append(names, m[1]+"-"+m[2])
		}
	}
	return names
}

// A repo is a repository's folder of one architecture.
type repo struct {
	dir      string
	keyring  *apk.Keyring
	packages map[string]*apk.Package // by NAME-VERSION
}

func openRepo(t *testing.T, dir, arch string) repo {
	t.Helper()
	keyring := apk.NewKeyring()
	if err := keyring.AddPath(apktest.Shared(t, "alpine-mirror/keys")); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, arch)
	f, err := os.Open(filepath.Join(dir, "APKINDEX.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	index, err := apk.ReadIndex(f, apk.IndexOptions{Arch: arch, Keyring: keyring, Name: f.Name()})
	if err != nil {
		t.Fatal(err)
	}
	r := repo{dir: dir, keyring: keyring, packages: make(map[string]*apk.Package)}
	for p := range index.Packages() {
		r.packages[p.Name+"-"+p.Version] = p
	}
	return r
}

// contents holds the SHA-256 of files, by package and member.
type contents map[string]string

// open reads a package whole: a test may. It notes what its files hold.
func (r repo) open(t *testing.T, nameVersion string, sums contents) root.Installed {
	t.Helper()
	p := r.packages[nameVersion]
	if p == nil {
		t.Fatalf("the index does not list %q", nameVersion)
	}
	f, err := os.Open(filepath.Join(r.dir, nameVersion+".apk"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	archive, err := apk.OpenArchive(f, apk.Expect{Package: p, Keyring: r.keyring, Name: f.Name()})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(archive.Data)
	if err != nil {
		t.Fatal(err)
	}
	return root.Installed{Package: p, Control: archive.Control, Members: members(data, nameVersion, sums)}
}

// members lists a data stream.
func members(data []byte, nameVersion string, sums contents) iter.Seq2[root.Member, error] {
	return func(yield func(root.Member, error) bool) {
		if len(data) == 0 {
			return
		}
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			yield(root.Member{}, err)
			return
		}
		tr := tar.NewReader(z)
		for {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			m := root.Member{Header: h}
			if err == nil && h.Typeflag == tar.TypeLink {
				sums[nameVersion+" "+h.Name] = sums[nameVersion+" "+h.Linkname]
			}
			if err == nil && h.Typeflag == tar.TypeReg {
				var content []byte
				content, err = io.ReadAll(tr)
				sum := sha256.Sum256(content)
				sums[nameVersion+" "+h.Name] = hex.EncodeToString(sum[:])
				if h.Name == "etc/passwd" || h.Name == "etc/group" {
					m.Content = content
				}
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// listing is a root as the oracles list it, but for what cannot be compared: device nodes,
// proc, and the times of all but packages' files.
func listing(t *testing.T, root *root.Root, names []string, sums contents, world []apk.Dependency) []entry {
	t.Helper()
	list := rootListing(root, names, sums)
	for h, content := range root.Database(world) {
		sum := sha256.Sum256(content)
		list = append(list, entry{Path: h.Name, Type: "file", Mode: fmt.Sprintf("%04o", h.Mode), SHA256: hex.EncodeToString(sum[:])})
	}
	return whatCompares(list)
}

// rootListing lists the directories of a root and the files of its packages.
func rootListing(root *root.Root, names []string, sums contents) []entry {
	var list []entry
	for d := range root.Dirs() {
		list = append(list, entry{Path: d.Path, Type: "dir", Mode: fmt.Sprintf("%04o", d.Mode), UID: d.UID, GID: d.GID})
	}
	for f := range root.Files() {
		h := f.Header()
		e := entry{Path: f.Path, Type: "file", Mode: fmt.Sprintf("%04o", h.Mode), UID: h.Uid, GID: h.Gid}
		if h.Typeflag == tar.TypeSymlink {
			e.Type, e.Linkname = "link", h.Linkname
		} else {
			e.SHA256 = sums[names[f.Package]+" "+f.Member]
			e.MTime = h.ModTime.Unix()
		}
		list = append(list, e)
	}
	return list
}

func whatCompares(list []entry) []entry {
	list = slices.DeleteFunc(slices.Clone(list), func(e entry) bool {
		switch e.Path {
		case "proc", "dev", "var/log", "lib/apk/db/lock":
			return true // mounted while apk works; not always listed; where apk 3 logs; a lock
		}
		return strings.HasPrefix(e.Path, "dev/")
	})
	for i := range list {
		e := &list[i]
		e.Size = 0 // the hash says more
		if strings.HasPrefix(e.Path, "lib/apk/db/") || e.Path == "etc/apk/world" || e.Path == "etc/apk/arch" {
			e.MTime = 0
			e.SHA256 = "" // compared apart
		}
		if e.Type != "file" {
			e.MTime = 0
		}
		if e.Type == "dir" || e.Type == "file" {
			e.Linkname = ""
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// withoutDatabase drops the files of lib/apk/db, which not all oracles list.
func withoutDatabase(list []entry) []entry {
	return slices.DeleteFunc(slices.Clone(list), func(e entry) bool { return strings.HasPrefix(strings.TrimPrefix(e.Path, "usr/"), "lib/apk/db/") })
}

func database(root *root.Root, world []apk.Dependency) map[string]string {
	files := make(map[string]string)
	for h, content := range root.Database(world) {
		files[h.Name] = string(content)
	}
	return files
}

func parseWorld(t *testing.T, text string) []apk.Dependency {
	t.Helper()
	world, err := apk.ParseDependencies(text)
	if err != nil {
		t.Fatal(err)
	}
	return world
}

// The packages of conformance/install, as both apks install them.
func TestInstallAgreesWithApk(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Repo, World string
		Apk2        answer `json:"apk-2.14.4"`
		Apk3        answer `json:"apk-3.0.6"`
	}
	dir := apktest.Shared(t, "conformance/install")
	readJSON(t, filepath.Join(dir, "cases.json"), &cases)
	for _, c := range cases {
		r := openRepo(t, filepath.Join(dir, c.Repo), "x86_64")
		for dialect, want := range map[apk.Dialect]answer{apk.Dialect2: c.Apk2, apk.Dialect3: c.Apk3} {
			t.Run(fmt.Sprintf("%s/%s/%d", c.Repo, c.World, dialect), func(t *testing.T) {
				t.Parallel()
				compareWithApk(t, r, parseWorld(t, c.World), dialect, "x86_64", want, nil)
			})
		}
	}
}

// compareWithApk installs what apk's log says was installed. Scripts are compared where given.
func compareWithApk(t *testing.T, r repo, world []apk.Dependency, dialect apk.Dialect, arch string, want answer, scripts []byte) {
	t.Helper()
	sums := make(contents)
	names := installLines(want.Log)
	packages := make([]root.Installed, len(names))
	for i, n := range names {
		packages[i] = r.open(t, n, sums)
	}
	root, err := root.Install(packages, root.Options{Dialect: dialect, Arch: arch})
	if want.Exit != 0 {
		wantRefusal(t, err, want.Log)
		return
	}
	if err != nil {
		t.Fatalf("Install = %v, want what apk made", err)
	}
	files := database(root, world)
	got := listing(t, root, names, sums, world)
	if diff := gocmp.Diff(withoutDatabase(whatCompares(want.Tree)), withoutDatabase(got)); diff != "" {
		t.Errorf("tree (-apk +Install):\n%s", diff)
	}
	if diff := gocmp.Diff(want.DB.Installed, files["lib/apk/db/installed"]); diff != "" {
		t.Errorf("installed (-apk +Install):\n%s", diff)
	}
	if diff := gocmp.Diff(want.DB.Triggers, files["lib/apk/db/triggers"]); diff != "" {
		t.Errorf("triggers (-apk +Install):\n%s", diff)
	}
	if diff := gocmp.Diff(want.DB.World, files["etc/apk/world"]); diff != "" {
		t.Errorf("world (-apk +Install):\n%s", diff)
	}
	if got, want := files["etc/apk/arch"], arch+"\n"; got != want {
		t.Errorf("arch = %q, want %q", got, want)
	}
	if got := scriptsOf(t, files); scripts != nil && !bytes.Equal(got, scripts) {
		t.Errorf("scripts: %d bytes, not apk's %d", len(got), len(scripts))
	}
}

// scriptsOf is scripts.tar, inflated where it is compressed: compressors differ.
func scriptsOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	if plain, ok := files["lib/apk/db/scripts.tar"]; ok {
		return []byte(plain)
	}
	return gunzip(t, []byte(files["lib/apk/db/scripts.tar.gz"]))
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// wantRefusal compares an error with those in apk's log: packages and paths must be named.
func wantRefusal(t *testing.T, err error, log []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("Install succeeded, want %q", log)
	}
	overwrite := regexp.MustCompile(`ERROR: (\S+): trying to overwrite (\S+) owned by (\S+)\.$`)
	hardlink := regexp.MustCompile(`ERROR: (\S+): (\S+): no hard link target \((\S+)\) in archive$`)
	checked := 0
	for _, line := range log {
		m := overwrite.FindStringSubmatch(line)
		if m == nil {
			m = hardlink.FindStringSubmatch(line)
		}
		if m == nil {
			continue
		}
		checked++
		for _, part := range m[1:] {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Install = %v, want %q in it, as apk says %q", err, part, line)
			}
		}
	}
	if checked == 0 {
		t.Errorf("no reason understood in %q; Install = %v", log, err)
	}
}

// The mirror's root of each architecture, as apk 2 and apk 3 made it.
func TestInstallAgreesWithReferences(t *testing.T) {
	t.Parallel()
	mirror := apktest.Shared(t, "alpine-mirror")
	for _, arch := range []string{"x86_64", "aarch64", "armv7", "armhf", "x86", "ppc64le", "s390x", "riscv64"} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			r := openRepo(t, filepath.Join(mirror, "v3.20/main"), arch)
			world := parseWorld(t, "alpine-baselayout alpine-keys apk-tools busybox libc-utils")
			t.Run("2", func(t *testing.T) {
				want, scripts := reference2(t, mirror, arch)
				compareWithApk(t, r, world, apk.Dialect2, arch, want, scripts)
			})
			t.Run("3", func(t *testing.T) {
				var want answer
				readJSON(t, filepath.Join(mirror, "reference-apk3", arch+".json"), &want)
				scripts := gunzip(t, readFile(t, filepath.Join(mirror, "reference-apk3", arch+".scripts.tar.gz")))
				want.DB.Installed = indexSizes(want.DB.Installed, r)
				compareWithApk(t, r, world, apk.Dialect3, arch, want, scripts)
			})
		})
	}
}

func reference2(t *testing.T, mirror, arch string) (want answer, scripts []byte) {
	t.Helper()
	prefix := filepath.Join(mirror, "reference", arch+".noscripts")
	readJSON(t, prefix+".mtree.json", &want.Tree)
	want.Log = strings.Split(string(readFile(t, prefix+".apk-add.log")), "\n")
	r := openRepo(t, filepath.Join(mirror, "v3.20/main"), arch)
	want.DB.Installed = indexSizes(string(readFile(t, prefix+"-installed")), r)
	want.DB.Triggers = string(readFile(t, prefix+"-triggers"))
	want.DB.World = string(readFile(t, prefix+"-world"))
	return want, readFile(t, prefix+"-scripts.tar")
}

// indexSizes puts the index's sizes in place of the reference's: the mirror's packages were
// signed anew, so their sizes are not those that the reference was made from.
func indexSizes(installed string, r repo) string {
	stanzas := strings.Split(installed, "\n\n")
	for i, s := range stanzas {
		name := regexp.MustCompile(`(?m)^P:(.*)\nV:(.*)$`).FindStringSubmatch(s)
		if name == nil {
			continue
		}
		if p := r.packages[name[1]+"-"+name[2]]; p != nil {
			stanzas[i] = regexp.MustCompile(`(?m)^S:.*$`).ReplaceAllString(s, fmt.Sprintf("S:%d", p.Size))
		}
	}
	return strings.Join(stanzas, "\n\n")
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpenArchiveOfTheMirror(t *testing.T) {
	t.Parallel()
	mirror := apktest.Shared(t, "alpine-mirror/v3.20")
	for _, repository := range []string{"main", "community"} {
		r := openRepo(t, filepath.Join(mirror, repository), "x86_64")
		for name := range r.packages {
			if got := r.open(t, name, make(contents)); got.Control.Info.Name != got.Package.Name {
				t.Errorf("%s is named %q inside", name, got.Control.Info.Name)
			}
		}
	}
}
