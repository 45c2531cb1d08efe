package bundle_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// TestOtherPeoplesFoldersStay refuses folders that are no bundle, however much they look like one, and touches nothing.
func TestOtherPeoplesFoldersStay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	whole := filepath.Join(t.TempDir(), "whole")
	s.create(t, whole)
	for name, there := range map[string][]string{
		"a manifest of something else": {"manifest.json", "images/logo.png", "poetry.lock", "compose.yaml"},
		"a work folder":                {".partial/mine", "keys/mine"},
		"nothing but a work folder":    {".partial/mine"},
		"a lock in a work folder":      {".partial/lock", "keys/mine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, f := range there {
				write(t, []byte("{}"), dir, f)
			}
			o := s.options(t, dir)
			_, created := createBundle(t, o)
			_, imported := folder.Import(t.Context(), open(t, whole), dir)
			o.DryRun = true
			_, dry := create.Prepare(t.Context(), o)
			if created == nil || imported == nil || dry == nil {
				t.Errorf("Create = %v, Import = %v, a dry run = %v, want errors", created, imported, dry)
			}
			slices.Sort(there)
			if got := files(t, dir); !slices.Equal(got, there) {
				t.Errorf("of %q there is %q", there, got)
			}
		})
	}
}

// TestFilesBesideABundleStay keeps what somebody laid into a bundle's folder.
func TestFilesBesideABundleStay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := filepath.Join(t.TempDir(), "b")
	o := s.create(t, dir)
	for _, f := range []string{"keys/mine", "mine.lock"} {
		write(t, nil, dir, f)
	}
	mustCreate(t, o)
	if got := files(t, dir); !slices.Contains(got, "keys/mine") || !slices.Contains(got, "mine.lock") {
		t.Errorf("there is %q", got)
	}
}

// TestNoPlace says so where nothing can be written.
func TestNoPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := filepath.Join(t.TempDir(), "file")
	write(t, nil, file)
	for _, output := range []string{filepath.Join(file, "b"), filepath.Join(file, "b.tar"), filepath.Dir(file) + "/"} {
		o := s.options(t, output)
		o.Tar = output != filepath.Join(file, "b")
		if _, err := createBundle(t, o); err == nil {
			t.Errorf("Create at %s gives no error", output)
		}
	}
	if got := files(t, filepath.Dir(file)); len(got) != 1 {
		t.Errorf("there is %q", got)
	}
}

// TestOneTarOfOneName is the bundle that was made last, in parts or in one piece.
func TestOneTarOfOneName(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tar := filepath.Join(t.TempDir(), "b.tar")
	s.create(t, tar)
	s.relock(t, "linux/amd64")
	for _, split := range []int64{1 << 20, 0} {
		o := s.options(t, tar)
		o.Store, o.Split = s.store, split
		if made, found := mustCreate(t, o).ID, open(t, tar).ID; made != found {
			t.Errorf("with parts of %d bytes %s was made, and %s is there", split, made, found)
		}
	}
	if got := files(t, filepath.Dir(tar)); !slices.Equal(got, []string{"b.tar"}) {
		t.Errorf("there is %q, want the tar alone", got)
	}
}

// TestImportAfterAnInterruptedOne leaves nothing of it.
func TestImportAfterAnInterruptedOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	first, second, closed := filepath.Join(dir, "first"), filepath.Join(dir, "second"), filepath.Join(dir, "closed")
	s.create(t, first)
	s.relock(t, "linux/amd64")
	s.create(t, second)
	b := open(t, first)
	broken := files(t, filepath.Join(first, "runtimes"))[0]
	remove(t, first, "runtimes", broken)
	if _, err := folder.Import(t.Context(), b, closed); err == nil {
		t.Fatal("a file is missing, and Import says nothing")
	}
	if got := files(t, closed); !slices.ContainsFunc(got, func(n string) bool { return strings.Contains(n, "aarch64") }) {
		t.Fatalf("there is %q, so this test shows nothing", got)
	}
	importInto(t, second, closed)

	// One that was ended between the manifest and what it was to remove.
	stale := "alpine/v3.20/main/x86_64/stale-1-r0.apk"
	write(t, nil, closed, stale)
	write(t, []byte(stale+"\nalpine/cut-o"), closed, ".partial", "paths")
	importInto(t, second, closed)
}

// importInto imports and verifies.
func importInto(t *testing.T, from, dir string) {
	t.Helper()
	if _, err := folder.Import(t.Context(), open(t, from), dir); err != nil {
		t.Fatal(err)
	}
	if err := verify(t, dir); err != nil {
		t.Error(err)
	}
}

// TestJournalStaysInTheFolder removes nothing outside, whatever it says.
func TestJournalStaysInTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := filepath.Join(dir, "b")
	tiny(t, b, 0)
	write(t, nil, dir, "outside")
	if err := os.Symlink(dir, filepath.Join(b, "up")); err != nil {
		t.Fatal(err)
	}
	write(t, []byte("../outside\n"+filepath.Join(dir, "outside")+"\nup/outside\n"), b, ".partial", "paths")
	whole := filepath.Join(t.TempDir(), "whole")
	tiny(t, whole, 0)
	if _, err := folder.Import(t.Context(), open(t, whole), b); err == nil {
		t.Error("a path leads out of the folder, and Import says nothing")
	}
	if _, err := os.Stat(filepath.Join(dir, "outside")); err != nil {
		t.Error(err)
	}
}

// TestManyAtOnce has runs wait for each other.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, output := range []string{"b", "b.tar"} {
		o := s.options(t, filepath.Join(t.TempDir(), output))
		o.Store = s.store
		target := filepath.Join(t.TempDir(), "imported")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := createContext(t.Context(), o); err != nil {
					t.Error(err)
					return
				}
				b, err := bundle.Open(o.Output)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = folder.Import(t.Context(), b, target)
				if err := errors.Join(err, b.Close()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, path := range []string{o.Output, target} {
			if err := verify(t, path); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestBundleStaysWholeUntilTheNextIsThere can be built from while its successor is fetched, and after that failed.
func TestBundleStaysWholeUntilTheNextIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.relock(t, "linux/amd64")
	o := s.create(t, filepath.Join(t.TempDir(), "b"))
	write(t, []byte("print('bye')\n"), s.dir, "app", "main.py")
	s.update(t, "1.3.2-r0")
	o = s.options(t, o.Output)
	o.Client, o.Jobs = &fetch.Client{Retries: -1}, 1
	s.mirror.Fail(fixture.Fault{Path: "zlib-1.3.2-r0.apk", Truncate: 100})
	if _, err := createBundle(t, o); err == nil {
		t.Fatal("the transfer was cut, and Create says nothing")
	}
	b := open(t, o.Output)
	for f := range b.Files.All() {
		r, err := b.Open(t.Context(), f)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	s.mirror.Heal()
	mustCreate(t, o)
	if err := verify(t, o.Output); err != nil {
		t.Error(err)
	}
}

// TestTrashOfAKilledRun takes no room from the next one.
func TestTrashOfAKilledRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b.tar"))
	trash := filepath.Join(o.Output+".partial", ".partial", ".pyimg-1")
	write(t, nil, filepath.Dir(trash), "lock")
	write(t, []byte("half a tar"), trash)
	d, err := create.Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := os.Stat(trash); err == nil {
		t.Error("it is still there")
	}
}

// TestEndlessPackage ends at the size that its index says.
func TestEndlessPackage(t *testing.T) {
	t.Parallel()
	mirror, url := tinyMirror(t)
	o := tinyOptions(t, url, filepath.Join(t.TempDir(), "b"), 0)
	d, err := create.Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, name := range mirror.Names() {
		if strings.HasSuffix(name, ".apk") {
			mirror.Edit(name, func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) })
		}
	}
	if _, err := d.Create(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("Create = %v, want an error that says how large it may be", err)
	}
}
