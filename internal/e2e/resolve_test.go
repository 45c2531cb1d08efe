package e2e_test

import (
	"strings"
	"testing"
)

func TestResolveInstallsInApksOrder(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	forPlatforms(t, allPlatforms(), func(t *testing.T, p platform) {
		log := readFile(t, s.path("alpine-mirror", "reference", p.alpine+".noscripts.apk-add.log"))
		args := append([]string{"resolve", "--repository", s.mainRepo(), "--keyring", s.testKeys(), "--platform", p.oci}, referenceWorld()...)
		checkLines(t, installOrder(log), pyimg(t).must(t, args...))
	})
}

// TestResolveAlpinesOwnIndexes asks what apk 3.0.6 was asked, from Alpine's
// signed indexes. Each question is a process of its own, so only some are
// asked here; package apk's tests ask all of them.
func TestResolveAlpinesOwnIndexes(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	const each = 8
	for _, c := range []struct{ tsv, repo, oci string }{
		{"resolve-v3.16-x86_64.tsv", "v3.16/main", "linux/amd64"},
		{"resolve-v3.17-aarch64.tsv", "v3.17/main", "linux/arm64"},
	} {
		for i, line := range recordedWorlds(t, s.path("conformance", c.tsv)) {
			if i%each != 0 {
				continue
			}
			world, answer, _ := strings.Cut(line, "\t")
			t.Run(c.tsv+"/"+world, func(t *testing.T) {
				t.Parallel()
				args := []string{"resolve", "--repository", s.path("conformance", c.repo), "--keyring", s.path("alpine-keys"), "--platform", c.oci}
				checkLines(t, strings.Fields(answer), pyimg(t).must(t, append(args, strings.Fields(world)...)...))
			})
		}
	}
}

// recordedWorlds reads the lines that have an answer.
func recordedWorlds(t *testing.T, path string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(readFile(t, path)) {
		line = strings.TrimRight(line, "\n")
		if _, answer, ok := strings.Cut(line, "\t"); ok && !strings.HasPrefix(line, "#") && answer != "ERROR" {
			lines = append(lines, line)
		}
	}
	return lines
}

func checkLines(t *testing.T, want []string, got string) {
	t.Helper()
	if text := strings.Join(want, "\n") + "\n"; got != text {
		t.Errorf("differs from real apk's answer at %s", firstDifference(text, got))
	}
}
