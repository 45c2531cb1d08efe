package bundle_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

func TestListKeepsFiles(t *testing.T) {
	t.Parallel()
	digest := sum(nil)
	want := []manifest.File{
		{Path: "alpine/main/x86_64/a-1.apk", Kind: manifest.Package, Size: 1 << 39, SHA256: digest, Checksum: "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			From: []string{"https://a/main/x86_64/a-1.apk", "https://b/main/x86_64/a-1.apk"}},
		{Path: "alpine/main/x86_64/b-1.apk", Kind: manifest.Package, SHA256: digest, Checksum: "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAE=",
			From: []string{"https://a/main/x86_64/b-1.apk", "https://b/main/x86_64/b-1.apk"}, Unlisted: true},
		{Path: "pyimg.yaml", Kind: manifest.Spec, Size: 7, SHA256: sum([]byte("spec")), InBase: true},
		{Path: "runtimes/abc-python.tar.gz", Kind: manifest.Runtime, SHA256: digest, From: []string{"https://c/3.14/python-x86_64.tar.gz", "python.tar.gz"}},
	}
	l := list(t, []manifest.File{want[3], want[1], want[0], want[2]})
	if diff := cmp.Diff(want, slices.Collect(l.All())); diff != "" || l.Len() != len(want) {
		t.Errorf("%d files, and they differ (-want +got):\n%s", l.Len(), diff)
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*manifest.File){
		"a path out of it": func(f *manifest.File) { f.Path = "../a" },
		"a short digest":   func(f *manifest.File) { f.SHA256 = f.SHA256[1:] },
		"capital hex":      func(f *manifest.File) { f.SHA256 = strings.ToUpper(sum([]byte("a"))) },
		"no kind":          func(f *manifest.File) { f.Kind = "" },
		"a checksum":       func(f *manifest.File) { f.Checksum = "Q1" },
	} {
		f := manifest.File{Path: "a.yaml", Kind: manifest.Spec, SHA256: sum(nil)}
		if _, err := manifest.NewList(slices.Values([]manifest.File{f})); err != nil {
			t.Fatal(err)
		}
		change(&f)
		if _, err := manifest.NewList(slices.Values([]manifest.File{f})); err == nil {
			t.Errorf("%s: %+v is taken, want an error", name, f)
		}
	}
}

// TestKindsHaveTheirPlaces lists files of each kind where they do not belong: there nothing would look at them.
func TestKindsHaveTheirPlaces(t *testing.T) {
	t.Parallel()
	for kind, paths := range map[manifest.Kind][]string{ // the first one is right
		manifest.Index:   {"alpine/v3.20/main/x86_64/APKINDEX.tar.gz", "alpine/v3.20/main/x86_64/EVIL", "bin/evil", "APKINDEX.tar.gz", "images/APKINDEX.tar.gz"},
		manifest.Package: {"alpine/main/x86_64/a-1-r0.apk", "alpine/main/x86_64/APKINDEX.tar.gz", "a-1-r0.apk", "bin/a-1-r0.apk"},
		manifest.Key:     {"keys/a@b.rsa.pub", "runtimes/abc", "keys/x86_64/a.pub", "a.pub"},
		manifest.Runtime: {"runtimes/abc", "keys/abc", "runtimes/a/b", "abc"},
		manifest.Spec:    {"app.yaml", "app.yml", "sub/app.yaml", "runtimes/abc"},
		manifest.Lock:    {"app.lock", "app.json", "sub/app.lock"},
		manifest.Files:   {"files/app.tar", "files/app", "files/sub/app.tar", "app.tar"},
		manifest.Wheel:   {"wheels/a-1-py3-none-any.whl", "wheels/a.txt", "wheels/sub/a-1-py3-none-any.whl", "a-1-py3-none-any.whl"},
		manifest.Python:  {"python/app/abc.txt", "python/abc.txt", "python/app/sub/abc.txt", "runtimes/abc"},
		manifest.Image:   {"images/index.json", "images/payload", "images/blobs/sha512/00", "whatever/payload", "runtimes/abc"},
	} {
		for i, path := range paths {
			_, err := manifest.NewList(slices.Values([]manifest.File{{Path: path, Kind: kind, SHA256: sum(nil)}}))
			if right := i == 0; right != (err == nil) {
				t.Errorf("%s of kind %s: %v", path, kind, err)
			}
		}
	}
}

func TestReadManifestRefuses(t *testing.T) {
	t.Parallel()
	file := func(path string) manifest.File {
		return manifest.File{Path: path + ".yaml", Kind: manifest.Spec, SHA256: sum(nil)}
	}
	m := manifest.Manifest{Version: 1, Platforms: []string{"linux/amd64"}, Files: list(t, []manifest.File{file("a"), file("b")})}
	m.ID = "sha256:" + sum([]byte(encode(t, m)))
	good := encode(t, m)
	if _, err := manifest.Read(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(good, "\n")
	m.Platforms = []string{"linux/amd64\x1b[2J"}
	odd := encode(t, m)
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "not JSON"},
		{"a list", "[]", "not JSON"},
		{"a later version, in another form", "{\n  \"version\" : 2,\n", "version 2"},
		{"another form", strings.Replace(good, ":", ": ", 1), "not those that pyimg writes"},
		{"an unknown field", strings.Replace(good, `"kind"`, `"x":1,"kind"`, 1), "not those that pyimg writes"},
		{"cut off after a line", strings.Join(lines[:2], ""), "too early"},
		{"cut off in a line", good[:len(good)-20], "too early"},
		{"something behind", good + "\n", "follows it"},
		{"without its last file", lines[0] + lines[1] + lines[3], "altered"},
		{"a file behind the last", lines[0] + lines[2] + lines[1] + lines[3], "follows its last file"},
		{"another digest", strings.Replace(good, "linux/amd64", "linux/arm64", 1), "digest"},
		{"a platform that is none", odd, "is no platform"},
		{"a file twice", lines[0] + lines[1] + lines[1] + lines[2] + lines[3], "out of order"},
		{"a long line", lines[0] + strings.Repeat(" ", 2<<20), "a line of more than"},
	} {
		if _, err := manifest.Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: ReadManifest = %v, want %q", c.name, err, c.want)
		}
	}
}

// TestSharedPackage is one that the indexes of two architectures list for none.
func TestSharedPackage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, other string // what the second index says of it
		want        string // of the error; "" for none
	}{
		{"the same", "1", ""},
		{"another", "2", "differ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mirror := fixture.NewMirror()
			for arch, content := range map[string]string{"x86_64": "1", "aarch64": c.other} {
				a, err := fixture.Package{Name: "shared", Version: "1-r0", Files: []fixture.File{{Path: "etc/shared", Body: []byte(content)}}}.Build()
				if err != nil {
					t.Fatal(err)
				}
				noarch := func(text string) string { return strings.Replace(text, "A:"+arch, "A:noarch", 1) }
				if err := mirror.Publish("main", fixture.Index{Arch: arch, Archives: []*fixture.Archive{a}, Edit: noarch}); err != nil {
					t.Fatal(err)
				}
				mirror.Put("main/noarch/shared-1-r0.apk", a.Bytes())
			}
			url, err := mirror.Serve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			spec, err := spec.Parse("t.yaml", fmt.Appendf(nil, "alpine: {repositories: ['%s/main']}\nplatforms: [linux/amd64, linux/arm64]\n", url))
			if err != nil {
				t.Fatal(err)
			}
			in, err := assemble.SpecInputs(spec)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "b")
			_, err = createBundle(t, create.Options{Inputs: in, All: true, Client: &fetch.Client{}, Keyring: testKeys(t), Output: dir})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("creating = %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := open(t, dir).Of(manifest.Package)
			if len(got) != 1 || got[0].Path != "alpine/main/noarch/shared-1-r0.apk" || !slices.Equal(got[0].From, []string{url + "/main/noarch/shared-1-r0.apk"}) {
				t.Errorf("the bundle has the packages %v, want one of %s", got, url)
			}
			if err := verify(t, dir); err != nil {
				t.Error(err)
			}
			forge(t, dir, func(m *manifest.Manifest) {
				evil, err := fixture.Package{Name: "evil", Version: "1-r0"}.Build()
				if err != nil {
					t.Fatal(err)
				}
				enlist(t, dir, m, manifest.File{Path: "alpine/main/noarch/evil-1-r0.apk", Kind: manifest.Package, Checksum: got[0].Checksum}, evil.Bytes())
			})
			if err := verify(t, dir); err == nil || !strings.Contains(err.Error(), "evil-1-r0.apk: its index does not list it") {
				t.Errorf("with a package that no index lists: Verify = %v", err)
			}
		})
	}
}

// TestDeltaOfEverything leaves to the base the packages that an index lists still.
func TestDeltaOfEverything(t *testing.T) {
	t.Parallel()
	var archives []*fixture.Archive
	for _, name := range []string{"old", "new"} {
		a, err := fixture.Package{Name: name, Version: "1-r0", Files: []fixture.File{{Path: "etc/" + name, Body: []byte(name)}}}.Build()
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, a)
	}
	mirror := fixture.NewMirror()
	publish := func(as []*fixture.Archive) {
		if err := mirror.Publish("main", fixture.Index{Arch: "x86_64", Archives: as}); err != nil {
			t.Fatal(err)
		}
	}
	publish(archives[:1])
	url, err := mirror.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	base, delta := filepath.Join(dir, "base"), filepath.Join(dir, "delta")
	mustCreate(t, tinyOptions(t, url, base, 0))
	publish(archives)
	o := tinyOptions(t, url, delta, 0)
	o.Since = &open(t, base).Manifest
	made := mustCreate(t, o)
	if got := files(t, filepath.Join(delta, "alpine")); !slices.Equal(got, []string{"main/x86_64/APKINDEX.tar.gz", "main/x86_64/new-1-r0.apk"}) {
		t.Errorf("the delta holds %v, want the index and what is new", got)
	}
	d := open(t, delta)
	if _, err := folder.Import(t.Context(), d, base); err != nil {
		t.Fatal(err)
	}
	if err := verify(t, base); err != nil || open(t, base).ID != made.Whole {
		t.Errorf("the base with its delta: %v, and it is %s, want %s", err, open(t, base).ID, made.Whole)
	}
}
