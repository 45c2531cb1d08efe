package root_test

import (
	"archive/tar"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// allocated is how many bytes do allocates. No other test runs meanwhile: its callers are not parallel.
func allocated(do func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// TestInstallOfDeepFolders installs folders in one another. Their names take the square of the depth together, and so may
// the work, but no more.
func TestInstallOfDeepFolders(t *testing.T) { //nolint:paralleltest // see allocated
	work := func(depth int, dialect apk.Dialect) float64 {
		var files []fixture.File
		for i := range depth {
			files = append(files, dir("d"+strings.Repeat("/d", i), 0o755))
		}
		p := verbatim("deep", files...)
		a := apktest.Build(t, p)
		control, err := apk.ParseControl(a.Control)
		if err != nil {
			t.Fatal(err)
		}
		in := []root.Installed{{Package: apktest.Listed(t, a), Control: control, Members: members(a.Data, p.Name, make(contents))}}
		return allocated(func() {
			root, err := root.Install(in, root.Options{Dialect: dialect, Arch: "x86_64"})
			if err != nil {
				t.Fatal(err)
			}
			for range root.Dirs() {
			}
		})
	}
	for _, d := range []apk.Dialect{apk.Dialect2, apk.Dialect3} {
		if small, large := work(400, d), work(800, d); large > 6*small {
			t.Errorf("dialect %d: twice as deep takes %.1f times the work, want 4 times", d, large/small)
		}
	}
}

// TestInstallOfManyFiles holds a root's memory against its number of files: a package may have hundreds of thousands.
func TestInstallOfManyFiles(t *testing.T) { //nolint:paralleltest // it measures the heap
	const files, most = 20_000, 300 // bytes a file; a header alone takes 216
	sum := map[string]string{"APK-TOOLS.checksum.SHA1": strings.Repeat("0", 40)}
	in := root.Installed{Package: &apk.Package{Name: "many", Version: "1-r0", InstalledSize: 1}, Control: &apk.Control{},
		Members: func(yield func(root.Member, error) bool) {
			for i := range files {
				h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("d%03d/f%06d", i/1000, i), Mode: 0o644, PAXRecords: sum}
				if i%1000 == 0 && !yield(root.Member{Header: &tar.Header{Typeflag: tar.TypeDir, Name: h.Name[:4], Mode: 0o755}}, nil) {
					return
				}
				if !yield(root.Member{Header: h}, nil) {
					return
				}
			}
		}}
	alive := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := alive()
	r, err := root.Install([]root.Installed{in}, root.Options{Dialect: apk.Dialect3, Arch: "x86_64"})
	if err != nil {
		t.Fatal(err)
	}
	if got := (float64(alive()) - float64(before)) / files; got > most {
		t.Errorf("a root holds %.0f bytes a file, want %d at most", got, most)
	}
	for f := range r.Files() {
		if h := f.Header(); h.Name != f.Path || h.Mode != 0o644 {
			t.Fatalf("%q is %o of member %q", f.Path, h.Mode, h.Name)
		}
	}
}
