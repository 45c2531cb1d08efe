// Package apktest has helpers for the tests of the rooms below apk: packages and indexes that internal/fixture makes,
// and the folder with recorded answers of real apk.
package apktest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/fixture"
)

// Shared returns the path of a file with real data or with answers of real apk. It looks in a folder "shared" next to
// the repository or above it, or in the folder that PYIMG_SHARED names. It skips the test where the file is missing.
func Shared(t testing.TB, name string) string {
	t.Helper()
	folders := []string{os.Getenv("PYIMG_SHARED")}
	for dir, _ := os.Getwd(); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		folders = append(folders, filepath.Join(dir, "shared"))
	}
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); folder != "" && err == nil {
			return path
		}
	}
	t.Skipf("no %s in a folder \"shared\" next to the repository (set PYIMG_SHARED)", name)
	return ""
}

// Ring returns a keyring of the keys.
func Ring(t testing.TB, keys ...*fixture.Key) *apk.Keyring {
	t.Helper()
	ring := apk.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(k.Name, k.PublicPEM()); err != nil {
			t.Fatal(err)
		}
	}
	return ring
}

// Build makes a package's archive.
func Build(t testing.TB, p fixture.Package) *fixture.Archive {
	t.Helper()
	a, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Listed returns the package that an index for x86_64 lists for the archive.
func Listed(t testing.TB, a *fixture.Archive) *apk.Package {
	t.Helper()
	b, err := fixture.Index{Arch: "x86_64", Archives: []*fixture.Archive{a}}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	index, err := apk.ReadIndex(bytes.NewReader(b), apk.IndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(index.Packages())[0]
}
