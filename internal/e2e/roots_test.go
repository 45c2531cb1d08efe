package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestRootsEqualRealApks assembles the recorded world for all architectures in
// both dialects, and compares the root after each way of unpacking it: they
// differ in how they treat symlinks and folders.
func TestRootsEqualRealApks(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	for _, dialect := range []int{2, 3} {
		t.Run(fmt.Sprintf("dialect%d", dialect), func(t *testing.T) {
			t.Parallel()
			layout := layoutDir(filepath.Join(openDir(t), "layout"))
			spec := s.rootSpec(t, dialect, allPlatforms())
			pyimg(t).must(t, "assemble", spec, "--cache-dir", t.TempDir(), "--output", layout.output())
			t.Run("umoci", func(t *testing.T) { checkWithUmoci(t, s, dialect, layout) })
			image := startRegistry(t) + "/roots:" + tag
			pyimg(t).must(t, "push", string(layout)+":"+tag, image)
			t.Run("podman", func(t *testing.T) { checkWithPodman(t, s, dialect, image) })
			t.Run("docker", func(t *testing.T) { checkWithDocker(t, s, dialect, image) })
		})
	}
}

// rootSpec describes the image of the recorded world.
func (s shared) rootSpec(t testing.TB, dialect int, ps []platform) string {
	t.Helper()
	return s.spec(t, s.mainRepo(), dialect, ps, referenceWorld())
}

// spec describes an image of a repository's packages and nothing else.
func (s shared) spec(t testing.TB, repository string, dialect int, ps []platform, packages []string) string {
	t.Helper()
	quoted := make([]string, len(packages))
	for i, p := range packages {
		quoted[i] = fmt.Sprintf("%q", p)
	}
	return writeFile(t, filepath.Join(openDir(t), "pyimg.yaml"), fmt.Sprintf(`alpine:
  repositories: [%q]
  keys: [%q]
  dialect: %d
platforms: [%s]
packages: [%s]
runtime: []
allocator: none
image: {cmd: [], entrypoint: []}
`, repository, s.testKeys(), dialect, strings.Join(platformNames(ps), ", "), strings.Join(quoted, ", ")))
}

// umociRoot unpacks one platform's image as root and reads what came out.
func umociRoot(t testing.TB, layout layoutDir, p platform) (dir string, tr tree) {
	t.Helper()
	needRoot(t)
	needTools(t, "umoci")
	bundle := filepath.Join(t.TempDir(), "bundle")
	client().must(t, "umoci", "unpack", "--image", string(layout.single(t, p))+":"+tag, bundle)
	dir = filepath.Join(bundle, "rootfs")
	return dir, dirTree(t, dir)
}

func checkWithUmoci(t *testing.T, s shared, dialect int, layout layoutDir) {
	forPlatforms(t, allPlatforms(), func(t *testing.T, p platform) {
		_, tr := umociRoot(t, layout, p)
		checkRoot(t, s.reference(t, p, dialect), tr)
	})
}

func checkWithPodman(t *testing.T, s shared, dialect int, image string) {
	client := newPodman(t)
	for _, p := range twoPlatforms() {
		t.Run(p.alpine, func(t *testing.T) {
			client.pull(t, p, image)
			checkRoot(t, s.reference(t, p, dialect), client.mount(t, image))
		})
	}
}

func checkWithDocker(t *testing.T, s shared, dialect int, image string) {
	client := startDocker(t)
	for _, p := range twoPlatforms() {
		t.Run(p.alpine, func(t *testing.T) {
			want, got := withoutDockers(s.reference(t, p, dialect), client.export(t, p, image))
			checkRoot(t, want, got)
		})
	}
}

// TestBusyboxLinksEqualTheTriggers checks the test's own rule for the links
// against the roots that were recorded with scripts run.
func TestBusyboxLinksEqualTheTriggers(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	forPlatforms(t, twoPlatforms(), func(t *testing.T, p platform) {
		var nodes []node
		readJSON(t, s.path("alpine-mirror", "reference", p.alpine+".mtree.json"), &nodes)
		want := recordedTree(nodes)
		// What else the scripts did is not done without running them: an
		// account for klogd, and the mode of the folder that they ran in.
		scripts := []string{"etc/passwd", "etc/passwd-", "etc/group", "etc/group-", "etc/shadow", "etc/shadow-", "lib/apk/exec"}
		got := s.reference(t, p, 2).tree
		for _, name := range scripts {
			delete(want, name)
			delete(got, name)
		}
		if lines := diff(want, got); len(lines) > 0 {
			t.Errorf("rule for busybox links differs from its trigger:\n%s", head(lines))
		}
	})
}
