package main

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// The guides are the documents whose blocks of shell commands (```sh) a test runs as they are, from the first to the last. A block of
// ```text after one shows lines of its output.
func guides() []string {
	return []string{"README.md", "docs/GET-STARTED.md"}
}

// parts are what the commands of the guides reach under public names.
type parts struct {
	alpine  http.Handler               // the paths of a branch, below /v3.20
	keys    string                     // the folder with the key of alpine
	runtime func(arch string) [][]byte // the layers of Home Assistant's image of Python
	wheels  fs.FS
	before  string // what a shell does before each command, with its name in $command
	real    bool   // Python is one, so what it prints is what the guide says
}

// madeUp has stand-ins for everything, so that the guides are run by every go test.
func madeUp(t *testing.T) parts {
	t.Helper()
	mirror, err := fixture.Alpine("x86_64", "aarch64")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	wheels := t.TempDir()
	for _, w := range []wheeltest.Wheel{{Name: "tornado", Version: "6.4.2"}, {Name: "idna", Version: "3.10"}} {
		if err := os.WriteFile(filepath.Join(wheels, w.Filename()), w.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return parts{
		alpine: mirror.Handler, keys: filepath.Join(dir, "keys"), wheels: os.DirFS(wheels),
		// A stand-in for Python compiles nothing.
		before: "if [ -f pyimg.yaml ]; then sed -i 's/^bytecode:.*/bytecode: none/' pyimg.yaml\n" +
			"elif [ $command = assemble ]; then set -- --bytecode none \"$@\"; fi\n",
		runtime: func(arch string) [][]byte {
			return [][]byte{fixture.Runtime{Arch: arch, Python: "3.13.5", Jemalloc: true}.Bytes()}
		},
	}
}

// fromShared has real packages, a real Python and real wheels.
func fromShared(t *testing.T) parts {
	t.Helper()
	if os.Getenv("PYIMG_E2E") == "" && os.Getenv("PYIMG_E2E_REQUIRE") == "" {
		t.Skip("this test compiles all of Python's modules; set PYIMG_E2E=1 to run it, as make guides does")
	}
	dir := os.Getenv("PYIMG_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "runtimes")); err != nil {
		t.Skipf("this test needs real packages: %v", err)
	}
	return parts{
		alpine: withTimezones(t, http.FileServer(http.Dir(filepath.Join(dir, "alpine-mirror")))),
		keys:   bothKeys(t, filepath.Join(dir, "alpine-mirror", "keys")),
		wheels: os.DirFS(filepath.Join(dir, "conformance", "wheels", "wheels")),
		real:   true,
		runtime: func(arch string) (layers [][]byte) {
			for _, file := range []string{"cpython-3.13.5-" + arch + "-alpine-musl-optimized.tar.gz", "jemalloc-5.3.0-" + arch + "-alpine-musl.tar.gz"} {
				data, err := os.ReadFile(filepath.Join(dir, "runtimes", file))
				if err != nil {
					t.Fatal(err)
				}
				layers = append(layers, data)
			}
			return layers
		},
	}
}

// withTimezones adds a community with a tzdata, which the shared packages lack.
func withTimezones(t *testing.T, alpine http.Handler) http.Handler {
	t.Helper()
	mirror := fixture.NewMirror()
	for _, arch := range []string{"x86_64", "aarch64"} {
		zones, err := fixture.Package{Name: "tzdata", Version: "2024a-r0", Arch: arch, Files: []fixture.File{{Path: "usr/share/zoneinfo/UTC", Body: []byte("TZif")}}}.Build()
		if err != nil {
			t.Fatal(err)
		}
		if err := mirror.Publish("v3.20/community", fixture.Index{Arch: arch, Archives: []*fixture.Archive{zones}}); err != nil {
			t.Fatal(err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v3.20/community/") {
			mirror.Handler.ServeHTTP(w, r)
			return
		}
		alpine.ServeHTTP(w, r)
	})
}

// bothKeys is a folder with the keys in another one and that of fixture's packages.
func bothKeys(t *testing.T, from string) string {
	t.Helper()
	dir, key := t.TempDir(), fixture.TestKey()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, key.Name), key.PublicPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// internet serves the parts under the public names that the guides use.
func (p parts) internet(t *testing.T) fixture.Internet {
	t.Helper()
	ghcr := fixture.NewRegistry()
	at, err := ghcr.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.putPython(strings.TrimPrefix(at, "http://")); err != nil {
		t.Fatal(err)
	}
	branch := regexp.MustCompile(`^/alpine/v[0-9.]+/`)
	return fixture.Internet{
		"ghcr.io": ghcr.Handler,
		"dl-cdn.alpinelinux.org": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = branch.ReplaceAllString(r.URL.Path, "/v3.20/")
			p.alpine.ServeHTTP(w, r)
		}),
		"pypi.org": http.HandlerFunc(p.simple),
	}
}

// simple is an index of the wheels, see PEP 503.
func (p parts) simple(w http.ResponseWriter, r *http.Request) {
	project, isPage := strings.CutPrefix(r.URL.Path, "/simple/")
	if !isPage {
		http.ServeFileFS(w, r, p.wheels, path.Base(r.URL.Path))
		return
	}
	files, err := fs.Glob(p.wheels, strings.ReplaceAll(strings.Trim(project, "/"), "-", "_")+"-*.whl")
	if err != nil || len(files) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	for _, f := range files {
		fmt.Fprintf(w, "<a href=\"/files/%[1]s\">%[1]s</a>\n", html.EscapeString(f))
	}
}

// putPython pushes the image that the embedded spec and the drafts take Python from.
func (p parts) putPython(registry string) error {
	index := v1.ImageIndex(empty.Index)
	for arch, oci := range map[string]string{"x86_64": "amd64", "aarch64": "arm64"} {
		img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: oci})
		if err != nil {
			return err
		}
		for _, layer := range p.runtime(arch) {
			if img, err = mutate.AppendLayers(img, static.NewLayer(layer, types.OCILayer)); err != nil {
				return err
			}
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: oci}}})
	}
	for _, tag := range []string{"3.13-alpine3.24", "3.14-alpine3.24"} {
		ref, err := name.ParseReference(registry + "/home-assistant/base-python:" + tag)
		if err != nil {
			return err
		}
		if err := remote.WriteIndex(ref, index); err != nil {
			return err
		}
	}
	return nil
}

// A block is one between fences of a document.
type block struct {
	language, text string
	line           int
}

func blocks(text string) (all []block) {
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatchIndex(text, -1) {
		all = append(all, block{text[m[2]:m[3]], text[m[4]:m[5]], 1 + strings.Count(text[:m[0]], "\n")})
	}
	return all
}

// TestGuides runs the guides, with stand-ins and, where that is asked for, with real packages.
func TestGuides(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("guides run images, which is for Linux")
	}
	if able, err := condition("sandbox"); err != nil || !able {
		t.Skipf("this machine allows neither namespaces nor a chroot: %v", err)
	}
	for of, make := range map[string]func(*testing.T) parts{"stand-ins": madeUp, "real": fromShared} {
		t.Run(of, func(t *testing.T) {
			t.Parallel()
			p := make(t)
			proxy, authority, err := p.internet(t).Serve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			cache := t.TempDir()
			for _, guide := range guides() {
				t.Run(path.Base(guide), func(t *testing.T) {
					t.Parallel()
					g := newGuide(t, p, proxy, authority, cache)
					g.run(t, guide)
				})
			}
		})
	}
}

// TestReadmeShowsWhatGetStartedMakes holds the Dockerfile, the spec and the sample in README.md against those of the guide that is run.
func TestReadmeShowsWhatGetStartedMakes(t *testing.T) {
	t.Parallel()
	var all []string
	for _, file := range []string{"README.md", "docs/GET-STARTED.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	found := 0
	for _, b := range blocks(all[0]) {
		if b.language == "dockerfile" || b.language == "yaml" || b.language == "text" {
			found++
			if !strings.Contains(all[1], "\n"+b.text) {
				t.Errorf("README.md:%d: docs/GET-STARTED.md does not have this %s block", b.line, b.language)
			}
		}
	}
	if found != 3 {
		t.Errorf("README.md has %d such blocks, want a Dockerfile, a spec and a sample", found)
	}
}

// A guide is where the commands of one document are run.
type guide struct {
	parts
	dir string // where the next block begins
	env []string
}

func newGuide(t *testing.T, p parts, proxy string, authority []byte, cache string) *guide {
	t.Helper()
	home, bin := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "authority.pem"), authority, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("pyimg")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Abs(p.keys)
	if err != nil {
		t.Fatal(err)
	}
	// The packages of this test are not signed by Alpine, so each command that reads some is told by whom.
	script := "#!/bin/sh\ncommand=$1\nshift\ncase $command in lock | assemble | run | resolve) set -- --keyring " + keys + " \"$@\" ;; esac\n" +
		p.before + "exec " + program + " \"$command\" \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "pyimg"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return &guide{p, t.TempDir(), []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "PYIMG_CACHE_DIR=" + cache,
		"HTTPS_PROXY=" + proxy, "SSL_CERT_FILE=" + filepath.Join(home, "authority.pem"), "GORACE=atexit_sleep_ms=0",
	}}
}

func (g *guide) run(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	said, ran := "", 0
	for _, b := range blocks(string(text)) {
		at := fmt.Sprintf("%s:%d", file, b.line)
		switch b.language {
		case "sh":
			said = g.shell(t, at, b.text)
			ran++
		case "text":
			if missing := lacks(said, b.text); ran > 0 && missing != "" && g.real {
				t.Errorf("%s: the commands before do not print %q, but\n%s", at, missing, said)
			}
		case "yaml":
			g.isWritten(t, at, b.text)
		}
	}
	if ran == 0 {
		t.Errorf("%s: there are no commands", file)
	}
}

// shell runs a block with the variables and the folder that the last one left. It returns what the block printed.
func (g *guide) shell(t *testing.T, at, script string) string {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script+"\n{ pwd; export -p; } >'"+state+"'")
	cmd.Dir, cmd.Env = g.dir, g.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", at, err, script, out)
	}
	if g.real {
		t.Logf("%s:\n%s", at, out)
	}
	left, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	dir, exported, _ := bytes.Cut(left, []byte("\n"))
	g.dir = string(dir)
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)='([^']*)'$`).FindAllSubmatch(exported, -1) {
		g.env = append(g.env, string(m[1])+"="+string(m[2]))
	}
	return string(out)
}

// isWritten holds the spec in a guide that says so against pyimg.yaml, which the commands before it have written; comments and
// empty lines do not count.
func (g *guide) isWritten(t *testing.T, at, text string) {
	t.Helper()
	if !strings.HasPrefix(text, "# pyimg.yaml") {
		return
	}
	written, err := os.ReadFile(filepath.Join(g.dir, "pyimg.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	if got := plain(string(written)); got != plain(text) {
		t.Errorf("%s: the spec that is written is\n%s\nand the guide has\n%s", at, got, plain(text))
	}
}

// plain is YAML without comments.
func plain(text string) string {
	text = regexp.MustCompile(`(?m)(^|\s+)#.*$`).ReplaceAllString(text, "")
	return strings.TrimSpace(regexp.MustCompile(`\n\s*\n+`).ReplaceAllString(text, "\n"))
}

// lacks returns the first line of a sample that the output does not have after the lines before it; "" if it has all. Digests, numbers
// and the width of columns may differ, and "..." stands for any lines.
func lacks(output, sample string) string {
	lines := strings.Split(same(output), "\n")
	for want := range strings.Lines(sample) {
		want = strings.TrimSuffix(want, "\n")
		if strings.TrimSpace(want) == "..." || want == "" {
			continue
		}
		at := -1
		for i, line := range lines {
			if line == same(want) {
				at = i
				break
			}
		}
		if at < 0 {
			return want
		}
		lines = lines[at+1:]
	}
	return ""
}

// same makes texts equal that differ in digests, numbers and white space.
func same(text string) string {
	text = regexp.MustCompile(`\b[0-9a-f]{12,64}\b`).ReplaceAllString(text, "DIGEST")
	text = regexp.MustCompile(`\d+(\.\d+)*`).ReplaceAllString(text, "N")
	return regexp.MustCompile(`[ \t]+`).ReplaceAllString(text, " ")
}
