package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRealApkWorksInTheRoot runs the image's own apk in its root, and compares
// with a root that this apk makes itself of the same packages.
func TestRealApkWorksInTheRoot(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needRoot(t)
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	pyimg(t).must(t, "assemble", s.rootSpec(t, 2, twoPlatforms()), "--cache-dir", t.TempDir(), "--output", layout.output())
	forPlatforms(t, twoPlatforms(), func(t *testing.T, p platform) {
		needRunnable(t, p)
		dir, _ := umociRoot(t, layout, p)
		audits := map[string][]string{"audit": nil, "audit with permissions": {"--check-permissions"}}
		found := map[string]string{"info": apkIn(t, dir, "info", "-vv")}
		for name, args := range audits {
			found[name] = apkIn(t, dir, append([]string{"audit", "--system"}, args...)...)
		}
		own := installWithApk(t, s, p, dir)
		if want := apkIn(t, own, "info", "-vv"); found["info"] != want {
			t.Errorf("apk info -vv differs from its own root's at %s", firstDifference(want, found["info"]))
		}
		for name, args := range audits {
			allowed := strings.Split(apkIn(t, own, append([]string{"audit", "--system"}, args...)...), "\n")
			for line := range strings.Lines(found[name]) {
				if line = strings.TrimSpace(line); !slices.Contains(allowed, line) {
					t.Errorf("%s finds %q in the image's root but not in its own", name, line)
				}
			}
		}
	})
}

func apkIn(t testing.TB, root string, args ...string) string {
	t.Helper()
	return client().must(t, append([]string{"chroot", root, "/sbin/apk", "--no-network"}, args...)...)
}

// installWithApk lets the apk in a root make another root, without scripts, and
// returns it.
func installWithApk(t testing.TB, s shared, p platform, dir string) string {
	t.Helper()
	s.lendMirror(t, p, dir)
	args := append([]string{"--root", "/own", "--keys-dir", "/keys", "--repository", "/mirror", "add", "--initdb", "--no-scripts"}, referenceWorld()...)
	apkIn(t, dir, args...)
	return filepath.Join(dir, "own")
}

// lendMirror copies the mirror and its key into a root, for the apk in it.
func (s shared) lendMirror(t testing.TB, p platform, dir string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(dir, "mirror", p.alpine), os.DirFS(filepath.Join(s.mainRepo(), p.alpine))); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "keys"), os.DirFS(s.testKeys())); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "own"), 0o755); err != nil {
		t.Fatal(err)
	}
}
