package inventory_test

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"archive/tar"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/inventory"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
	"github.com/pyimg/pyimg/sbom"
	"github.com/pyimg/pyimg/wheel/dependency"
)

// root makes a tree of files.
func root(t testing.TB, files map[string]string) *tree.Tree {
	t.Helper()
	var entries iter.Seq2[layers.Entry, error] = func(yield func(layers.Entry, error) bool) {
		for name, body := range files {
			if !yield(layers.Entry{Header: &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(body))}, Kept: []byte(body)}, nil) {
				return
			}
		}
	}
	tr, _, err := tree.NewImage([]tree.Layer{{Name: "files", Entries: entries}})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

const site = "usr/local/lib/python3.13/site-packages/"

func files() map[string]string {
	return map[string]string{
		"etc/os-release": "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n",
		"lib/apk/db/installed": "C:Q1PS2iNeHDH3BF6TgqSMu/pcc3XIY=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\np:so:libc.musl-x86_64.so.1=1\n\n" +
			"C:Q1PS2iNeHDH3BF6TgqSMu/pcc3XIY=\nP:ssl_client\nV:1.36.1-r29\nA:x86_64\nL:GPL-2.0-only\no:busybox\nc:abc\nD:so:libc.musl-x86_64.so.1 !other\n\n",
		site + "app-1.0.dist-info/METADATA":           "Metadata-Version: 2.1\nName: App\nVersion: 1.0\nLicense: MIT\nRequires-Dist: dep>=1\nRequires-Dist: absent\n",
		site + "dep-1.2.dist-info/METADATA":           "Metadata-Version: 2.4\nName: dep\nVersion: 1.2\nLicense-Expression: BSD-3-Clause\n",
		site + "dep-1.2.dist-info/sboms/dep.cdx.json": `{"bomFormat":"CycloneDX","components":[{"name":"zlib","version":"1.3","purl":"pkg:generic/zlib@1.3"}]}`,
		"srv/app.py":                            "print()\n",
		site + "bad-1.0.dist-info/METADATA":     "no metadata",
		"usr/local/share/sbom/python.spdx.json": `{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"a","name":"sqlite","versionInfo":"3.46"}]}`,
		"usr/local/share/pyimg/sbom.cdx.json":   `{"bomFormat":"CycloneDX","components":[{"name":"own"}]}`,
	}
}

func environment(string) dependency.Environment {
	return dependency.Environment{PythonVersion: "3.13", PythonFullVersion: "3.13.5", PlatformMachine: "x86_64"}
}

func byName(components []sbom.Component) map[string]sbom.Component {
	m := make(map[string]sbom.Component)
	for _, c := range components {
		m[c.Name] = c
	}
	return m
}

func TestOf(t *testing.T) {
	t.Parallel()
	got, err := inventory.Of(inventory.Input{Tree: root(t, files()), Environment: environment,
		Files:  inventory.Files{Digest: "sha256:" + strings.Repeat("f", 64), Regular: map[string]string{"srv/app.py": "0123", "srv/left-out": "4567"}},
		Wheels: map[string]inventory.Wheel{"dep==1.2": {SHA256: "abcd", Needs: []string{"libc.so", "libabsent.so"}}},
		Runtimes: []inventory.Runtime{
			{URL: "https://example.com/py-3.13.5.tar.gz", Digest: "sha256:" + strings.Repeat("1", 64), Report: python.Report{Python: &python.Build{Version: "3.13.5"}, Libc: "musl"}},
			{URL: "/home/somebody/jemalloc-5.3.0-x86_64.tar.gz", Digest: "sha256:" + strings.Repeat("2", 64),
				Report: python.Report{Allocators: []python.Allocator{{Name: "jemalloc", Path: "usr/local/lib/libjemalloc.so.2"}}}},
			{URL: "image:example.com/tools:1", Digest: "sha256:" + strings.Repeat("3", 64)},
		}})
	if err != nil {
		t.Fatal(err)
	}
	all := byName(got)
	for name, want := range map[string]sbom.Component{
		"alpine":     {Version: "3.20.3", Contains: []string{"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3", "pkg:apk/alpine/ssl_client@1.36.1-r29?arch=x86_64&distro=alpine-3.20.3&upstream=busybox"}},
		"ssl_client": {Version: "1.36.1-r29", License: "GPL-2.0-only", Source: "origin busybox at commit abc", Requires: []string{"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3"}},
		"app":        {Version: "1.0", License: "MIT", Requires: []string{"pkg:pypi/dep@1.2"}},
		"dep":        {Version: "1.2", License: "BSD-3-Clause", SHA256: "abcd", Requires: []string{"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3"}, Contains: []string{site + "dep-1.2.dist-info#pkg:generic/zlib@1.3"}},
		"zlib":       {Version: "1.3"},
		"python": {Version: "3.13.5", License: "PSF-2.0", SHA256: strings.Repeat("1", 64), Source: "https://example.com/py-3.13.5.tar.gz sha256:" + strings.Repeat("1", 64),
			Requires: []string{"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3"}, Contains: []string{"pkg:generic/python@3.13.5#sqlite@3.46"}},
		"sqlite":      {Version: "3.46"},
		"jemalloc":    {Version: "5.3.0", License: "BSD-2-Clause", SHA256: strings.Repeat("2", 64), Source: "jemalloc-5.3.0-x86_64.tar.gz sha256:" + strings.Repeat("2", 64)},
		"tools:1":     {Source: "image:example.com/tools:1 sha256:" + strings.Repeat("3", 64)},
		"files":       {SHA256: strings.Repeat("f", 64), Source: all["files"].Source, Contains: []string{"file:/srv/app.py"}},
		"/srv/app.py": {SHA256: "0123"},
	} {
		c, ok := all[name]
		if !ok {
			t.Errorf("no component %q among %q", name, names(got))
			continue
		}
		if c.Version != want.Version || c.License != want.License || c.SHA256 != want.SHA256 || !slices.Equal(c.Requires, want.Requires) || !slices.Equal(c.Contains, want.Contains) ||
			want.Source != "" && c.Source != want.Source {
			t.Errorf("%s: %+v, want %+v", name, c, want)
		}
	}
	for _, absent := range []string{"own", "bad", "/srv/left-out"} {
		if _, ok := all[absent]; ok {
			t.Errorf("%q is listed, and should not be", absent)
		}
	}
}

// TestAlpinePython: what apk's own Python brings is a package, and no second interpreter.
func TestAlpinePython(t *testing.T) {
	t.Parallel()
	got, err := inventory.Of(inventory.Input{Tree: root(t, nil), Packages: []*apk.Package{{Name: "python3", Version: "3.12.3-r1", Arch: "x86_64", Origin: "python3"}},
		Runtimes: []inventory.Runtime{{Report: python.Report{Python: &python.Build{Version: "3.12.3"}}}}})
	if err != nil || !slices.Equal(names(got), []string{"python3"}) {
		t.Errorf("Of = %q, %v, want python3 alone", names(got), err)
	}
}

// TestNoFolder: the folder of a file or of an image's layout is of one machine, and another one must give the same bytes.
func TestNoFolder(t *testing.T) {
	t.Parallel()
	list := func(dir string) []sbom.Component {
		sum := func(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }
		got, err := inventory.Of(inventory.Input{Tree: root(t, nil), Runtimes: []inventory.Runtime{
			{URL: "image:oci:" + dir + "layout:tag", Digest: sum("1"), Report: python.Report{Python: &python.Build{Version: "3.13.5"}}},
			{URL: "image:oci:" + dir + "tools", Digest: sum("2")},
			{URL: dir + "tools.tar.gz", Digest: sum("3")},
			{URL: dir + "other/tools.tar.gz", Digest: sum("4")},
		}})
		if err != nil || len(got) != 4 {
			t.Fatalf("Of = %q, %v, want 4 components", names(got), err)
		}
		return got
	}
	here, there := list("/home/somebody/"), list("")
	if !reflect.DeepEqual(here, there) {
		t.Errorf("in another folder: %+v, want %+v", there, here)
	}
	if all := byName(here); all["python"].Source != "image:oci:layout:tag sha256:"+strings.Repeat("1", 64) || all["tools"].Source == "" {
		t.Errorf("Of = %+v, want the names of layouts", here)
	}
}

// TestManyProviders: packages of a foreign database that all provide and need one name make no list that grows with their square.
func TestManyProviders(t *testing.T) {
	t.Parallel()
	all, x := make([]*apk.Package, 1000), []apk.Dependency{{Name: "x"}}
	for i := range all {
		all[i] = &apk.Package{Name: fmt.Sprint("p", i), Version: "1", Arch: "x86_64",
			Provides: x, Depends: x}
	}
	got, err := inventory.Of(inventory.Input{Tree: root(t, files()), Packages: all})
	if err != nil {
		t.Fatal(err)
	}
	edges := 0
	for _, c := range got {
		edges += len(c.Requires)
	}
	if edges == 0 || edges > 100*len(all) {
		t.Errorf("%d packages have %d dependencies", len(all), edges)
	}
}

func names(components []sbom.Component) []string {
	var out []string
	for _, c := range components {
		out = append(out, c.Name)
	}
	return out
}

func ExampleOf() {
	components, err := inventory.Of(inventory.Input{Tree: root(&testing.T{}, map[string]string{
		"etc/os-release":                      "ID=alpine\nVERSION_ID=3.20.3\n",
		site + "idna-3.10.dist-info/METADATA": "Metadata-Version: 2.1\nName: idna\nVersion: 3.10\n",
	})})
	for _, c := range components {
		fmt.Println(c.Ref(), c.Version)
	}
	fmt.Println(err)
	// Output:
	// os:alpine 3.20.3
	// pkg:pypi/idna@3.10 3.10
	// <nil>
}

// TestManyFiles: files are listed one by one up to a bound, and the component of all says where they are not.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	contents, in := map[string]string{}, inventory.Input{Files: inventory.Files{Digest: "sha256:" + strings.Repeat("f", 64), Regular: map[string]string{}}}
	for i := range 5001 {
		name := fmt.Sprintf("srv/%d", i)
		contents[name], in.Files.Regular[name] = "", "00"
	}
	in.Tree = root(t, contents)
	got, err := inventory.Of(in)
	if err != nil || len(got) != 1 || !strings.Contains(got[0].Source, "5001") {
		t.Errorf("Of with 5001 files = %d components, %v; want one that says so", len(got), err)
	}
	delete(in.Files.Regular, "srv/0")
	if got, err = inventory.Of(in); err != nil || len(got) != 5001 {
		t.Errorf("Of with 5000 files = %d components, %v", len(got), err)
	}
}

// TestLicense reads a distribution's licence from an expression, a short text, or classifiers.
func TestLicense(t *testing.T) {
	t.Parallel()
	const bsd, mit, osi = "Classifier: License :: OSI Approved :: BSD License\n", "Classifier: License :: OSI Approved :: MIT License\n", "Classifier: License :: OSI Approved\n"
	for fields, want := range map[string]string{
		"License-Expression: MIT AND ISC\nLicense: other\n" + bsd: "MIT AND ISC",
		"License: BSD\n" + mit:             "BSD",
		"License: UNKNOWN\n" + mit:         "MIT",
		"License: a\n        text\n" + bsd: "BSD License",
		osi + bsd:                          "BSD License",
		mit + mit:                          "MIT",
		mit + bsd:                          "MIT License, BSD License",
		osi:                                "",
		"Classifier: Topic :: License\n":   "",
		"Classifier: License :: " + strings.Repeat("x", 200) + "\n":                      "",
		"Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n": "GPL-3.0-only",
		"Classifier: License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)\n":  "MPL-2.0",
		"Classifier: License :: Other/Proprietary License\n":                             "Other/Proprietary License",
	} {
		got, err := inventory.Of(inventory.Input{Tree: root(t, map[string]string{site + "app-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: app\nVersion: 1.0\n" + fields})})
		if err != nil {
			t.Fatal(err)
		}
		if c := byName(got)["app"]; c.License != want {
			t.Errorf("the licence of %q is %q, want %q", fields, c.License, want)
		}
	}
}
