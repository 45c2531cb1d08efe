package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// An installCase is what two generations of apk made of packages with edge
// cases: shared directories, conflicts, links, owners, scripts.
type installCase struct {
	Repo  string    `json:"repo"`
	World string    `json:"world"`
	APK2  recording `json:"apk-2.14.4"`
	APK3  recording `json:"apk-3.0.6"`
}

func TestInstallCases(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	var cases []installCase
	readJSON(t, s.path("conformance", "install", "cases.json"), &cases)
	for _, c := range cases {
		for dialect, want := range map[int]recording{2: c.APK2, 3: c.APK3} {
			t.Run(fmt.Sprintf("%s/%s/dialect%d", c.Repo, c.World, dialect), func(t *testing.T) {
				t.Parallel()
				layout := layoutDir(filepath.Join(openDir(t), "layout"))
				spec := s.spec(t, s.path("conformance", "install", c.Repo), dialect, twoPlatforms()[:1], strings.Fields(c.World))
				r := pyimg(t).run(t, "assemble", spec, "--cache-dir", t.TempDir(), "--output", layout.output())
				if want.Exit != 0 {
					checkRefusal(t, want.Log, r, string(layout))
					return
				}
				if r.code != 0 {
					t.Fatalf("exit code %d, but real apk installs this:\n%s", r.code, r.stderr)
				}
				checkInstalled(t, want, layout)
			})
		}
	}
}

// checkInstalled compares with a recording, which leaves out dev.
func checkInstalled(t *testing.T, rec recording, layout layoutDir) {
	t.Helper()
	_, got := umociRoot(t, layout, twoPlatforms()[0])
	got.drop("dev")
	if world := got["etc/apk/world"].content; world != rec.DB.World {
		t.Errorf("world is %q, want %q", world, rec.DB.World)
	}
	want := root{recordedTree(rec.Tree), map[string]string{"installed": rec.DB.Installed, "triggers": rec.DB.Triggers}}
	// Of the scripts only a sum was recorded. It is of the compressed file in
	// the newer dialect, where it says nothing about another compressor's.
	if old, ok := got[dbDir+"scripts.tar"]; !ok {
		delete(got, dbDir+"scripts.tar.gz")
	} else if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(old.content))); sum != rec.DB.Scripts.SHA256 {
		t.Errorf("scripts.tar has SHA-256 %s, want %s", sum, rec.DB.Scripts.SHA256)
	} else {
		delete(got, dbDir+"scripts.tar")
	}
	checkRoot(t, want, got)
}

// checkRefusal asks for the packages and paths that real apk's reason names,
// as in "z-1-r0: trying to overwrite e/f owned by a-1-r0."
func checkRefusal(t *testing.T, log []string, r result, output string) {
	t.Helper()
	if r.code != 6 {
		t.Errorf("exit code %d, want 6: real apk refuses this:\n%s", r.code, strings.Join(log, "\n"))
	}
	_, reason, _ := strings.Cut(strings.Join(log, "\n"), "ERROR: ")
	for _, word := range strings.Fields(reason) {
		word = strings.Trim(word, ".:()")
		name, isPackage := strings.CutSuffix(word, "-1-r0")
		if (isPackage || strings.Contains(word, "/")) && !strings.Contains(r.stderr, name) {
			t.Errorf("stderr does not name %q, which real apk's reason does: %q\n%s", name, reason, r.stderr)
		}
	}
	checkClearError(t, r)
	checkAbsent(t, output)
}
