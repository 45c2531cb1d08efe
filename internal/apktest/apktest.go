// Package apktest has what the tests of several rooms below apk need: packages and indexes as internal/fixture makes them,
// and the folder with what real apk answered.
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

// Shared finds a file of the folder with real data and what real apk answered: in a folder "shared" next to the repository
// or above it, or in the folder that PYIMG_SHARED names. Without the file the test is skipped.
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

// Ring is a keyring of these keys.
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

// Build makes the archive of a package.
func Build(t testing.TB, p fixture.Package) *fixture.Archive {
	t.Helper()
	a, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Listed is the package as an index for x86_64 lists the archive.
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
