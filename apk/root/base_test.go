package root_test

import (
	"archive/tar"
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
)

// A baseTree is a root in memory.
type baseTree map[string]baseFile

type baseFile struct {
	header  *tar.Header
	content []byte
}

func readBaseTree(t *testing.T, file string) baseTree {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b := make(baseTree)
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return b
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if name := strings.Trim(path.Clean(h.Name), "/"); name != "." {
			b[name] = baseFile{h, content}
		}
	}
}

// real follows the symlinks in a path.
func (b baseTree) real(name string) string {
	at := ""
	for part := range strings.SplitSeq(name, "/") {
		at = path.Join(at, part)
		if f, ok := b[at]; ok && f.header.Typeflag == tar.TypeSymlink {
			at = path.Join(path.Dir(at), f.header.Linkname)
		}
	}
	return at
}

func (b baseTree) files() root.Files {
	return root.Files{
		All: func(yield func(string, *tar.Header) bool) {
			for _, name := range slices.Sorted(maps.Keys(b)) {
				if !yield(name, b[name].header) {
					return
				}
			}
		},
		Read: func(name string) ([]byte, error) {
			f, ok := b[b.real(name)]
			if !ok || f.header.Typeflag != tar.TypeReg {
				return nil, fs.ErrNotExist
			}
			return f.content, nil
		},
		SHA1: func(name string) ([]byte, error) {
			sum := sha1.Sum(b[name].content)
			return sum[:], nil
		},
	}
}

// An added is what apk made of a root.
type added struct {
	answer
	DB struct {
		At         string `json:"at"`
		Installed  string `json:"installed"`
		Triggers   string `json:"triggers"`
		World      string `json:"world"`
		Scripts    script `json:"scripts.tar"`
		ScriptsTGZ script `json:"scripts.tar.gz"`
	} `json:"db"`
}

type script struct {
	SHA256    string `json:"sha256"`
	TarSHA256 string `json:"tar_sha256"`
}

// TestAddAgreesWithApk adds packages to small roots, as real apk did.
func TestAddAgreesWithApk(t *testing.T) {
	t.Parallel()
	dir := apktest.Shared(t, "conformance/installed/install")
	var cases []struct {
		Case, Add string
		Apk2      added `json:"apk-2.14.4"`
		Apk3      added `json:"apk-3.0.6"`
		Apk23     added `json:"apk-2.14.4-then-3.0.6"`
	}
	readJSON(t, filepath.Join(dir, "cases.json"), &cases)
	for _, c := range cases {
		for _, by := range []struct {
			name    string
			base    string
			dialect apk.Dialect
			want    added
		}{{"2", "2.14.4", apk.Dialect2, c.Apk2}, {"3", "3.0.6", apk.Dialect3, c.Apk3}, {"2then3", "2.14.4", apk.Dialect3, c.Apk23}} {
			t.Run(c.Case+"/"+by.name, func(t *testing.T) {
				t.Parallel()
				at := filepath.Join(dir, c.Case)
				compareAdded(t, readBaseTree(t, filepath.Join(at, "base-"+by.base+".tar.gz")), openRepo(t, filepath.Join(at, "new"), "x86_64"), c.Add, by.dialect, by.want)
			})
		}
	}
}

func compareAdded(t *testing.T, tree baseTree, r repo, add string, dialect apk.Dialect, want added) {
	t.Helper()
	base, err := root.OpenBase(tree.files())
	if want.Exit == 99 {
		if !errors.Is(err, root.ErrNoDatabase) {
			t.Errorf("OpenBase = %v, want ErrNoDatabase", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	installed := solve.Root{World: base.World}
	for _, p := range base.Packages {
		installed.Packages = append(installed.Packages, solve.Installed{Package: &p.Package})
	}
	var listed []*apk.Package
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		listed = append(listed, r.packages[name])
	}
	plan, err := solve.Add(installed, parseWorld(t, add), []*apk.Index{apktest.IndexOf(t, &apk.Repository{}, "x86_64", listed)}, solve.Options{Dialect: dialect})
	if err != nil {
		t.Fatal(err)
	}
	var changes []root.Replacement
	var names []string
	var lines []string
	sums := make(contents)
	for _, c := range plan.Changes {
		var change root.Replacement
		if c.Old != nil {
			change.Old = c.Old.Name
		}
		if c.New != nil {
			names = append(names, c.New.String())
			opened := r.open(t, c.New.String(), sums)
			change.New = &opened
		}
		changes = append(changes, change)
		lines = append(lines, cmp.Or(c.New, c.Old).Name)
	}
	if got := planned(want.Log); !slices.Equal(got, lines) {
		t.Errorf("plan %q, apk's %q", lines, got)
	}
	made, err := root.Add(base, changes, root.Options{Dialect: dialect, Arch: "x86_64"})
	if want.Exit != 0 {
		wantRefusal(t, err, want.Log)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(withoutDatabase(whatCompares(want.Tree)), withoutDatabase(addedListing(tree, made, names, sums, plan.World))); diff != "" {
		t.Errorf("tree (-apk +Add):\n%s", diff)
	}
	files := database(made, plan.World)
	for name, text := range map[string]string{"lib/apk/db/installed": want.DB.Installed, "lib/apk/db/triggers": want.DB.Triggers, "etc/apk/world": want.DB.World} {
		if diff := gocmp.Diff(text, files[name]); diff != "" {
			t.Errorf("%s (-apk +Add):\n%s", name, diff)
		}
	}
	compareScripts(t, files, want)
}

func compareScripts(t *testing.T, files map[string]string, want added) {
	t.Helper()
	name, sum := "lib/apk/db/scripts.tar", want.DB.Scripts.SHA256
	if want.DB.ScriptsTGZ.TarSHA256 != "" {
		name, sum = name+".gz", want.DB.ScriptsTGZ.TarSHA256
	}
	if _, ok := files[name]; !ok {
		t.Fatalf("no %s", name)
	}
	got := sha256.Sum256(scriptsOf(t, files))
	if hex.EncodeToString(got[:]) != sum {
		t.Errorf("%s: SHA-256 %x, apk's %s", name, got, sum)
	}
}

// planned reads the names in the lines of apk's plan.
func planned(log []string) []string {
	line := regexp.MustCompile(`^\( *\d+/\d+\) \S+ (\S+) \(`)
	var names []string
	for _, l := range log {
		if m := line.FindStringSubmatch(l); m != nil {
			names = append(names, m[1])
		}
	}
	return names
}

// addedListing lays what Add made over the base, as layers would.
func addedListing(base baseTree, made *root.Root, names []string, sums contents, world []apk.Dependency) []entry {
	all := make(map[string]entry)
	for name, f := range base {
		h := f.header
		e := entry{Path: name, Type: "file", Mode: fmt.Sprintf("%04o", h.Mode&0o7777), UID: h.Uid, GID: h.Gid}
		switch h.Typeflag {
		case tar.TypeDir:
			e.Type = "dir"
		case tar.TypeSymlink:
			e.Type, e.Linkname, e.Mode = "link", h.Linkname, "0777"
		default:
			sum := sha256.Sum256(f.content)
			e.SHA256, e.MTime = hex.EncodeToString(sum[:]), h.ModTime.Unix()
		}
		all[name] = e
	}
	for gone := range made.Gone() {
		for name := range all {
			if name == gone || strings.HasPrefix(name, gone+"/") {
				delete(all, name)
			}
		}
	}
	for _, e := range rootListing(made, names, sums) {
		all[e.Path] = e
	}
	for h, content := range made.Database(world) {
		sum := sha256.Sum256(content)
		all[base.real(h.Name)] = entry{Path: base.real(h.Name), Type: "file", Mode: fmt.Sprintf("%04o", h.Mode), SHA256: hex.EncodeToString(sum[:])}
	}
	return whatCompares(slices.Collect(maps.Values(all)))
}
