package bundle_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/bundle/folder"
)

// What a symlink in a bundle's folder leads to is not the bundle's: nothing is written or removed there.
func TestImportGoesThroughNoSymlink(t *testing.T) {
	t.Parallel()
	tar := filepath.Join(t.TempDir(), "b.tar")
	tiny(t, tar, 0)
	dir := filepath.Join(t.TempDir(), "closed")
	importInto(t, tar, dir)
	inner := ""
	for _, name := range files(t, dir) {
		if at := filepath.Dir(name); strings.Count(at, string(filepath.Separator)) > strings.Count(inner, string(filepath.Separator)) {
			inner = at
		}
	}
	if inner == "" {
		t.Fatal("the bundle has no folder, so this test shows nothing")
	}
	for at := inner; at != "."; at = filepath.Dir(at) {
		dir, elsewhere := filepath.Join(t.TempDir(), "closed"), t.TempDir()
		importInto(t, tar, dir)
		write(t, []byte("mine"), elsewhere, "precious")
		if err := os.RemoveAll(filepath.Join(dir, at)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, filepath.Join(dir, at)); err != nil {
			t.Fatal(err)
		}
		if _, err := folder.Import(t.Context(), open(t, tar), dir); err == nil || !strings.Contains(err.Error(), "symlink") {
			t.Errorf("Import through %q = %v, want an error about the symlink", at, err)
		}
		if got := files(t, elsewhere); !slices.Equal(got, []string{"precious"}) {
			t.Errorf("through %q: there is %q", at, got)
		}
	}
}
