package bundle_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// A history is a bundle and two deltas, each with a package that changed: their tars.
type history struct{ whole, first, second string }

func newHistory(t *testing.T) history {
	t.Helper()
	s := newSite(t)
	dir := t.TempDir()
	h := history{filepath.Join(dir, "whole.tar"), filepath.Join(dir, "first.tar"), filepath.Join(dir, "second.tar")}
	s.relock(t, "linux/amd64")
	mustCreate(t, s.options(t, h.whole))
	for _, step := range []struct{ since, output, version string }{{h.whole, h.first, "1.3.2-r0"}, {h.first, h.second, "1.3.3-r0"}} {
		s.update(t, step.version)
		o := s.options(t, step.output)
		base := open(t, step.since).Manifest
		o.Since = &base
		mustCreate(t, o)
	}
	return h
}

func TestDelta(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	for name, test := range map[string]func(*testing.T, history){
		"delta holds what changed":          deltaHoldsWhatChanged,
		"deltas in order":                   deltasInOrder,
		"delta is refused without its base": deltaIsRefusedWithoutItsBase,
		"verify on base":                    verifyOnBase,
		"import mends nothing in silence":   importMendsNothingInSilence,
		"interrupted import":                interruptedImport,
	} {
		t.Run(name, func(t *testing.T) { test(t, h) })
	}
}

// update publishes another zlib and locks anew.
func (s *site) update(t *testing.T, version string) {
	t.Helper()
	ix := fixture.Index{Arch: "x86_64", Description: "v3.20 main (made up)"}
	for _, p := range fixture.AlpineMain("x86_64") {
		if p.Name == "zlib" {
			p.Version = version
		}
		a, err := p.Build()
		if err != nil {
			t.Fatal(err)
		}
		ix.Archives = append(ix.Archives, a)
	}
	if err := s.mirror.Publish("v3.20/main", ix); err != nil {
		t.Fatal(err)
	}
	s.relock(t, "linux/amd64")
}

func deltaHoldsWhatChanged(t *testing.T, h history) {
	t.Parallel()
	own := ownPaths(open(t, h.first))
	want := []string{"alpine/v3.20/main/x86_64/APKINDEX.tar.gz", "alpine/v3.20/main/x86_64/zlib-1.3.2-r0.apk", "pyimg.lock"}
	if !slices.Equal(own, want) {
		t.Errorf("the delta holds %q, want %q", own, want)
	}
}

// ownPaths are those of the files that a delta holds itself.
func ownPaths(b *bundle.Bundle) []string {
	var own []string
	for f := range b.Files.All() {
		if !f.InBase {
			own = append(own, f.Path)
		}
	}
	return own
}

// TestDeltaOfFiles holds the files that the spec takes and the lock, since nothing else has changed, and is the new image.
func TestDeltaOfFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	whole, delta := filepath.Join(dir, "whole"), filepath.Join(dir, "delta.tar")
	mustCreate(t, s.options(t, whole))
	write(t, []byte("print('bye')\n"), s.dir, "app", "main.py")
	s.relock(t, "linux/amd64, linux/arm64")
	o := s.options(t, delta)
	base := open(t, whole).Manifest
	o.Since = &base
	mustCreate(t, o)
	if got, want := ownPaths(open(t, delta)), []string{"files/pyimg.tar", "pyimg.lock"}; !slices.Equal(got, want) {
		t.Errorf("the delta holds %q, want %q", got, want)
	}
	if _, err := folder.Import(t.Context(), open(t, delta), whole); err != nil {
		t.Fatal(err)
	}
	if err := verify(t, whole); err != nil {
		t.Error(err)
	}
}

// deltasInOrder brings a closed side up to date, where it is the bundle that was made whole.
func deltasInOrder(t *testing.T, h history) {
	t.Parallel()
	whole, first, second := h.whole, h.first, h.second
	dir := filepath.Join(t.TempDir(), "b")
	for _, path := range []string{whole, first, first, second} { // an import may be run again
		b := open(t, path)
		done, err := folder.Import(t.Context(), b, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, dir); err != nil {
			t.Errorf("after %s: %v", filepath.Base(path), err)
		}
		if want := open(t, dir).ID; done.ID != want || b.Whole != "" && b.Whole != want {
			t.Errorf("after %s: the import says %s, the delta %q, there is %s", filepath.Base(path), done.ID, b.Whole, want)
		}
	}
	if names := files(t, dir); slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "zlib-1.3.2") || strings.Contains(n, ".partial") }) {
		t.Errorf("left over in %q", names)
	}
}

// deltaIsRefusedWithoutItsBase names both.
func deltaIsRefusedWithoutItsBase(t *testing.T, h history) {
	t.Parallel()
	whole, first, second := h.whole, h.first, h.second
	needsBase := func(what string, err error) {
		t.Helper()
		var base *bundle.BaseError
		if !errors.As(err, &base) || !strings.Contains(err.Error(), open(t, first).Whole) || !strings.Contains(err.Error(), "second.tar") {
			t.Errorf("%s = %v, want a BaseError that names both", what, err)
		}
	}
	b := open(t, second)
	needsBase("Complete", b.Complete())
	needsBase("Verify", verify(t, second))
	_, err := folder.Import(t.Context(), b, filepath.Join(t.TempDir(), "new"))
	needsBase("Import into a new folder", err)
	old := filepath.Join(t.TempDir(), "old")
	if _, err := folder.Import(t.Context(), open(t, whole), old); err != nil {
		t.Fatal(err)
	}
	_, err = folder.Import(t.Context(), b, old)
	needsBase("Import over an older bundle", err)
	if err := verify(t, old); err != nil {
		t.Errorf("what was refused has changed the folder: %v", err)
	}
	base, err := bundle.Open(whole)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	needsBase("On an older bundle", b.On(base))
}

func verifyOnBase(t *testing.T, h history) {
	t.Parallel()
	whole, first := h.whole, h.first
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := folder.Import(t.Context(), open(t, whole), dir); err != nil {
		t.Fatal(err)
	}
	check := func() error {
		b, err := bundle.Open(first)
		if err != nil {
			return err
		}
		defer b.Close()
		base, err := bundle.Open(dir)
		if err != nil {
			return err
		}
		if err := b.On(base); err != nil {
			return err
		}
		_, err = b.Verify(t.Context(), testKeys(t))
		return err
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	const name = "alpine/v3.20/main/x86_64/musl-1.2.5-r0.apk"
	write(t, fixture.FlipByte(read(t, dir, name), 1000), dir, name)
	if err := check(); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("with a damaged base: Verify = %v", err)
	}
}

// importMendsNothingInSilence refuses a base that was damaged, by the file's name.
func importMendsNothingInSilence(t *testing.T, h history) {
	t.Parallel()
	whole, first := h.whole, h.first
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := folder.Import(t.Context(), open(t, whole), dir); err != nil {
		t.Fatal(err)
	}
	const name = "alpine/v3.20/main/x86_64/musl-1.2.5-r0.apk"
	write(t, fixture.FlipByte(read(t, dir, name), 1000), dir, name)
	_, err := folder.Import(t.Context(), open(t, first), dir)
	var fault *bundle.FaultError
	if !errors.As(err, &fault) || fault.File != name {
		t.Errorf("Import = %v, want a FaultError of %s", err, name)
	}
}

// interruptedImport goes on where files were written and the manifest was not.
func interruptedImport(t *testing.T, h history) {
	t.Parallel()
	whole, first := h.whole, h.first
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := folder.Import(t.Context(), open(t, whole), dir); err != nil {
		t.Fatal(err)
	}
	before := read(t, dir, manifest.Name)
	if _, err := folder.Import(t.Context(), open(t, first), dir); err != nil {
		t.Fatal(err)
	}
	write(t, before, dir, manifest.Name)
	if err := os.MkdirAll(filepath.Join(dir, ".partial"), 0o755); err != nil {
		t.Fatal(err)
	}
	done, err := folder.Import(t.Context(), open(t, first), dir)
	if err != nil || done.Written > 0 {
		t.Errorf("Import = %v, %d bytes written again", err, done.Written)
	}
	if err := verify(t, dir); err != nil {
		t.Error(err)
	}
}

func TestImportRefusesOtherFolders(t *testing.T) {
	t.Parallel()
	tar := filepath.Join(t.TempDir(), "b.tar")
	tiny(t, tar, 0)
	dir := t.TempDir()
	write(t, []byte("mine"), dir, "precious")
	if _, err := folder.Import(t.Context(), open(t, tar), dir); err == nil || !strings.Contains(err.Error(), "precious") {
		t.Errorf("Import into a folder with other things = %v", err)
	}
}
