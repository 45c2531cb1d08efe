package root_test

import (
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
