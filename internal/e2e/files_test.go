package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// whoami is what the image's user is, as id(1) says it.
const whoami = "uid=1000(app) gid=1000(app) groups=18(audio),1000(app),2000(team)\n"

// filesSpec describes an image with files, accounts and an excluded path.
func (s shared) filesSpec(t testing.TB) string {
	t.Helper()
	dir := openDir(t)
	for name, text := range map[string]string{"app/run": "#!/bin/sh\nid\n", "app/data/x.txt": "x", "app/x.pyc": "", "pid": "1\n"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), text)
	}
	if err := os.Chmod(filepath.Join(dir, "app/run"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("data/x.txt", filepath.Join(dir, "app/link")); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, filepath.Join(dir, "pyimg.yaml"), fmt.Sprintf(`alpine: {repositories: [%q], keys: [%q], dialect: 2}
platforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, apk-tools, busybox, libc-utils]
accounts:
  users: [{name: app, uid: 1000, home: /app, groups: [audio, team]}, {name: other, uid: 1001}]
  groups: [{name: team, gid: 2000, members: [nobody]}]
files:
  - {from: ./app, to: /app, uid: 1000, gid: 1000, exclude: ["**/*.pyc"]}
  - {from: pid, to: /var/run/app/, mode: 0600}
dirs: [{path: /data, uid: 1000, gid: 2000, mode: 2770}]
exclude: [usr/share/udhcpc/default.script, media/**]
image: {user: app, workdir: /app, entrypoint: [/app/run]}
`, s.mainRepo(), s.testKeys()))
}

// TestFilesAccountsAndExcludes starts an image that has all three, and asks its
// own tools what they make of it.
func TestFilesAccountsAndExcludes(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	image := startRegistry(t) + "/files:" + tag
	pyimg(t).must(t, "assemble", s.filesSpec(t), "--cache-dir", t.TempDir(), "--output", layout.output(), "--push", image)
	t.Run("root", func(t *testing.T) {
		forPlatforms(t, twoPlatforms(), func(t *testing.T, p platform) {
			needRunnable(t, p)
			dir, tr := umociRoot(t, layout, p)
			checkFiles(t, tr)
			for user, want := range map[string]string{
				"app":    "uid=1000(app) gid=1000(app) groups=1000(app),18(audio),2000(team)\n",
				"other":  "uid=1001(other) gid=1001(other) groups=1001(other)\n",
				"nobody": "uid=65534(nobody) gid=65534(nobody) groups=65534(nobody),2000(team)\n",
			} {
				if got := client().must(t, "chroot", dir, "/usr/bin/id", user); got != want {
					t.Errorf("id %s says %q, want %q", user, got, want)
				}
			}
			checkAudit(t, dir)
		})
	})
	t.Run("podman", func(t *testing.T) {
		client := newPodman(t)
		for _, p := range twoPlatforms() {
			t.Run(p.alpine, func(t *testing.T) {
				needRunnable(t, p)
				client.pull(t, p, image)
				checkFiles(t, client.mount(t, image))
				if got := client.container(t, p, image); got != whoami {
					t.Errorf("the container is %q, want %q", got, whoami)
				}
			})
		}
	})
}

func checkFiles(t *testing.T, tr tree) {
	t.Helper()
	for path, want := range map[string]string{
		"app":            "dir 0755 1000:1000 ",
		"app/run":        "file 0755 1000:1000 ",
		"app/data/x.txt": "file 0644 1000:1000 ",
		"app/link":       "link 0777 1000:1000 data/x.txt",
		"run/app":        "dir 0755 0:0 ",
		"run/app/pid":    "file 0600 0:0 ",
		"data":           "dir 2770 1000:2000 ",
		"home/other":     "dir 0755 1001:1001 ",
		"etc/shadow":     "file 0640 0:42 ",
		"var/run":        "link 0777 0:0 /run",
	} {
		n := tr[path]
		if got := fmt.Sprintf("%s %s %d:%d %s", n.Type, n.Mode, n.UID, n.GID, n.Link); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"app/x.pyc", "usr/share/udhcpc/default.script", "media", "media/cdrom"} {
		if _, there := tr[path]; there {
			t.Errorf("%s is in the image, though it is excluded", path)
		}
	}
}

// checkAudit asks real apk: what was excluded is missing, as after rm(1), and
// nothing else is found but the files that name accounts, which are protected.
func checkAudit(t *testing.T, dir string) {
	t.Helper()
	if got, want := apkIn(t, dir, "audit", "--system"), "X usr/share/udhcpc/default.script\n"; got != want {
		t.Errorf("apk audit --system says %q, want %q", got, want)
	}
	changes := apkIn(t, dir, "audit")
	for _, want := range []string{"U etc/passwd\n", "U etc/group\n", "U etc/shadow\n"} {
		if !strings.Contains(changes, want) {
			t.Errorf("apk audit says %q, want %q in it", changes, want)
		}
	}
}
