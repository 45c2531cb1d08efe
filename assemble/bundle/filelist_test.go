package bundle_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

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
