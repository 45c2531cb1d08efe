package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nobody is the user that owns nothing, by Debian's number.
const nobody = "65534"

// readOnly makes every mount read-only in a mount namespace of its own, but for
// the folder that $1 names, then becomes an ordinary user without groups.
const readOnly = `set -e
mount --make-rprivate /
if [ -n "$1" ]; then mount --bind "$1" "$1"; fi
while read -r _ _ _ _ point _; do
	if [ "$point" != "$1" ]; then mount -o remount,bind,ro "$point" 2>/dev/null || :; fi
done < /proc/self/mountinfo
shift
exec setpriv --reuid ` + nobody + ` --regid ` + nobody + ` --clear-groups "$@"`

// ordinaryUser runs commands without privileges and without any environment:
// root steps down, others are ordinary already.
func ordinaryUser(t testing.TB) command {
	t.Helper()
	c := command{env: []string{"PATH=" + os.Getenv("PATH")}, dir: "/"}
	if os.Geteuid() == 0 {
		needTools(t, "setpriv")
		c.wrap = []string{"setpriv", "--reuid", nobody, "--regid", nobody, "--clear-groups"}
	}
	if c.run(t, "test", "-x", os.TempDir()).code != 0 {
		lack(t, "an ordinary user cannot reach %s: set TMPDIR to a folder that is open to all", os.TempDir())
	}
	return c
}

// readOnlyUser is an ordinary user on a machine that can write nowhere but in
// one folder; "" is nowhere.
func readOnlyUser(t testing.TB, writable string) command {
	t.Helper()
	needRoot(t)
	needTools(t, "unshare")
	c := ordinaryUser(t)
	c.wrap = []string{"unshare", "--mount", "sh", "-c", readOnly, "sh", writable}
	return c
}

// giveAway lets the ordinary user write into a folder.
func giveAway(t testing.TB, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
}

func TestOrdinaryUserWithoutHome(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	dir := openDir(t)
	giveAway(t, dir)
	layout := layoutDir(filepath.Join(dir, "layout"))
	spec := s.rootSpec(t, 2, twoPlatforms())
	ordinaryUser(t).must(t, os.Getenv(binaryVar), "assemble", spec, "--output", layout.output())
	layout.root(t)
}

func TestReadOnlyRootWithOneWritableFolder(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	dir := openDir(t)
	giveAway(t, dir)
	user := readOnlyUser(t, dir)
	image := startFakeRegistry(t, nil) + "/user:" + tag
	layout := layoutDir(filepath.Join(dir, "layout"))
	out := user.must(t, os.Getenv(binaryVar), "assemble", s.rootSpec(t, 2, twoPlatforms()),
		"--cache-dir", filepath.Join(dir, "cache"), "--output", layout.output(), "--push", image)
	checkPushed(t, out, image, layout)
}

// TestReadOnlyRootWithoutWritableFolder accepts that it works, or an error that
// says which flag helps.
func TestReadOnlyRootWithoutWritableFolder(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	user := readOnlyUser(t, "")
	spec := s.rootSpec(t, 2, twoPlatforms())
	if probe := user.run(t, "touch", filepath.Join(filepath.Dir(spec), "probe"), filepath.Join(os.TempDir(), "pyimg-e2e-probe")); probe.code == 0 {
		t.Fatal("the root file system is not read-only: this test would show nothing")
	}
	image := startFakeRegistry(t, nil) + "/user:" + tag
	r := user.run(t, os.Getenv(binaryVar), "assemble", spec, "--push", image)
	t.Logf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	if r.code == 0 && strings.Contains(r.stdout, "@sha256:") {
		return
	}
	checkClearError(t, r)
	if !strings.Contains(r.stderr, "--cache-dir") {
		t.Errorf("exit code %d, but stderr does not say that --cache-dir helps:\n%s", r.code, r.stderr)
	}
}
