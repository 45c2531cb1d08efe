package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnTopOfWhatPodmanBuilt has podman build an image with files deleted and folders made anew, and pyimg add packages and files
// on top of it. podman runs the result, and the apk in it finds nothing to mend.
func TestOnTopOfWhatPodmanBuilt(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	at := startRegistry(t)
	p := newPodman(t)
	native := twoPlatforms()[:1]
	needRunnable(t, native[0])
	cache := t.TempDir()
	from := at + "/from:1"
	pyimg(t).must(t, "assemble", s.rootSpec(t, 2, native), "--cache-dir", cache, "--push", from)
	p.pull(t, native[0], from)
	dir := t.TempDir()
	file := writeFile(t, filepath.Join(dir, "Containerfile"), "FROM "+from+"\n"+
		"RUN rm /etc/motd && mkdir -p /opt/x/old && echo mine >/opt/mine\n"+
		"RUN rm -r /opt/x && mkdir /opt/x && echo new >/opt/x/new\n"+
		"ENV KEEP=1 CHANGE=old\nENTRYPOINT [\"/bin/sh\", \"-c\"]\nCMD [\"echo base\"]\n")
	built := at + "/built:1"
	p.must(t, "build", "--quiet", "--network", "none", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--pull=never", "--tag", built, "--file", file, dir)
	p.must(t, "push", "--quiet", "--tls-verify=false", built)

	writeFile(t, filepath.Join(dir, "main.txt"), "hello\n")
	spec := writeFile(t, filepath.Join(dir, "pyimg.yaml"), fmt.Sprintf("base: image:%s\nalpine: {repositories: [%s], keys: [%s]}\nplatforms: [%s]\npackages: [musl-utils]\n"+
		"files: [{from: main.txt, to: /app/}]\nimage: {env: {CHANGE: new}}\n", built, s.mainRepo(), s.testKeys(), native[0].oci))
	app := at + "/team/app:1"
	pyimg(t).must(t, "assemble", spec, "--no-lock", "--cache-dir", cache, "--push", app)
	p.pull(t, native[0], app)
	said := p.container(t, native[0], app, "cat /app/main.txt /opt/mine; ls /opt/x; echo $KEEP $CHANGE; test -e /etc/motd || echo no motd")
	if want := "hello\nmine\nnew\n1 new\nno motd\n"; said != want {
		t.Errorf("the image says %q, want %q", said, want)
	}
	said = p.container(t, native[0], app, "apk --no-network fix --simulate; apk --no-network add --simulate musl-utils; apk audit --system")
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "OK:") && line != "X etc/motd\n" {
			t.Errorf("the apk in the image says %q, want nothing to mend but what the base deleted", line)
		}
	}
}

// TestOnTopOfWhatDockerBuilt does the same on an image that docker built, whose media types are docker's own. Pushed next to its base,
// no byte of the base moves.
func TestOnTopOfWhatDockerBuilt(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	d := startDocker(t)
	at := startRegistry(t)
	native := twoPlatforms()[:1]
	needRunnable(t, native[0])
	cache := t.TempDir()
	from := at + "/from:1"
	pyimg(t).must(t, "assemble", s.rootSpec(t, 2, native), "--cache-dir", cache, "--push", from)
	dir := openDir(t)
	writeFile(t, filepath.Join(dir, "mine"), "mine\n")
	writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM "+from+"\nCOPY mine /opt/mine\nENV KEEP=1 CHANGE=old\nENTRYPOINT [\"/bin/sh\", \"-c\"]\nCMD [\"echo base\"]\n")
	built := at + "/built:1"
	d.must(t, "build", "--quiet", "--network", "none", "--tag", built, dir)
	d.must(t, "push", "--quiet", built)

	writeFile(t, filepath.Join(dir, "main.txt"), "hello\n")
	spec := writeFile(t, filepath.Join(dir, "pyimg.yaml"), fmt.Sprintf("base: image:%s\nalpine: {repositories: [%s], keys: [%s]}\nplatforms: [%s]\npackages: [musl-utils]\n"+
		"files: [{from: main.txt, to: /app/}]\nimage: {env: {CHANGE: new}}\n", built, s.mainRepo(), s.testKeys(), native[0].oci))
	app := at + "/team/app:1"
	pushed := pyimg(t).run(t, "assemble", spec, "--no-lock", "--cache-dir", cache, "--push", app, "--progress", "plain")
	if pushed.code != 0 {
		t.Fatalf("exit code %d:\n%s", pushed.code, pushed.stderr)
	}
	var report struct {
		Platforms []struct{ Layers []struct{ Digest string } }
	}
	if err := json.Unmarshal([]byte(pyimg(t).must(t, "inspect", "--json", "--cache-dir", cache, built)), &report); err != nil {
		t.Fatal(err)
	}
	for _, l := range report.Platforms[0].Layers {
		for line := range strings.Lines(pushed.stderr) {
			if strings.Contains(line, "upload "+l.Digest) && !strings.Contains(line, "done, 0 B") {
				t.Errorf("a layer of the base is sent: %s", line)
			}
		}
	}
	d.must(t, "pull", "--quiet", app)
	said := d.must(t, "run", "--rm", "--network", "none", "--ulimit", "nofile=4096:4096", app, "cat /app/main.txt /opt/mine; echo $KEEP $CHANGE; apk --no-network fix --simulate")
	if want := "hello\nmine\n1 new\nOK:"; !strings.HasPrefix(said, want) {
		t.Errorf("the image says %q, want %q first", said, want)
	}
}
