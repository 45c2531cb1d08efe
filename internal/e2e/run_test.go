package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestRunStartsRealPythons starts an image with pyimg itself: as the user of these tests, and as one who has no account, no
// network and no other user number.
func TestRunStartsRealPythons(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	dir := openDir(t)
	layout := layoutDir(filepath.Join(dir, "layout"))
	pyimg(t).must(t, "assemble", s.pythonSpec(t), "--cache-dir", t.TempDir(), "--output", layout.output())
	own := pyimg(t)
	cache := t.TempDir()
	t.Run("as this user", func(t *testing.T) { startPythons(t, own, layout, cache) })
	t.Run("as nobody", func(t *testing.T) {
		needRoot(t)
		needTools(t, "setpriv", "unshare")
		startPythons(t, asNobody(t, dir), layout, filepath.Join(dir, "home", "cache"))
	})
	t.Run("chroot", func(t *testing.T) {
		needRoot(t)
		p := twoPlatforms()[0]
		needRunnable(t, p)
		out := own.must(t, "run", "--isolation", "chroot", "--cache-dir", cache, "--platform", p.oci, layout.ref(), "python3", "-c",
			"import os, sqlite3; print(os.getuid() != 0, os.listdir('/proc'))")
		if out != "True []\n" {
			t.Errorf("in a chroot python3 answers %q", out)
		}
	})
}

func startPythons(t *testing.T, pyimg command, layout layoutDir, cache string) {
	t.Helper()
	for _, p := range twoPlatforms() {
		t.Run(p.alpine, func(t *testing.T) {
			needRunnable(t, p)
			checkAnswer(t, p, pyimg.must(t, "run", "--network", "none", "--read-only", "--cache-dir", cache, "--platform", p.oci,
				layout.ref(), "python3", "-c", program))
		})
	}
}

// asNobody is pyimg as user 65534, in a network namespace without an interface.
func asNobody(t *testing.T, dir string) command {
	t.Helper()
	const nobody = 65534
	binary, home := filepath.Join(dir, "pyimg"), filepath.Join(dir, "home")
	content, err := os.ReadFile(os.Getenv(binaryVar))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(binary, content, 0o755), os.Mkdir(home, 0o700), os.Chown(home, nobody, nobody)); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return command{
		wrap: []string{"unshare", "--net", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", binary},
		env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home},
		dir:  dir,
	}
}
