package pep517_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/wheel/sdist"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/pep517"
)

// TestMain lets the sandbox start this program again.
func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

// answering is a root whose Python answers a text, whatever it is to run: a backend can write such an answer in place of the driver.
func answering(t *testing.T, answer string) pep517.Root {
	t.Helper()
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || arch == "" {
		t.Skip("the stand-ins start on Linux, on amd64 and arm64")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "usr/local/bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "python3.13"), fixture.ELF{Arch: arch, Static: true, Says: answer}.Bytes(), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return pep517.Root{Lower: []string{dir}, Python: "/usr/local/bin/python3.13"}
}

func job(t *testing.T) pep517.Job {
	t.Helper()
	j := pep517.Job{Sdist: filepath.Join(t.TempDir(), "demo-1.0.tar.gz"), Prepared: t.TempDir(), Limits: sandbox.Limits{Time: time.Minute}}
	if err := os.Mkdir(filepath.Join(j.Prepared, "env"), 0o755); err != nil { //nolint:gosec // the sandbox is another user
		t.Fatal(err)
	}
	var err error
	if j.Info.Name, j.Info.Version, err = sdist.ParseFilename("demo-1.0.tar.gz"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(j.Sdist, []byte("not read by a stand-in"), 0o600); err != nil {
		t.Fatal(err)
	}
	return j
}

// run runs a job, and skips where this machine starts no sandbox.
func run(t *testing.T, root pep517.Root, j pep517.Job) (dir string, r pep517.Result, err error) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the sandbox is another user
		t.Fatal(err)
	}
	_, able := sandbox.Run(t.Context(), sandbox.Command{Lower: []string{t.TempDir()}, Args: []string{"/nothing"}})
	if !errors.As(able, new(*sandbox.StartError)) {
		t.Skipf("this machine allows neither namespaces nor a chroot: %v", able)
	}
	r, err = pep517.Run(t.Context(), root, j, dir)
	return dir, r, err
}

// TestHostileAnswers: whatever a backend answers, its own build fails and nothing else does.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"":                           "the build ended with code 0",
		"hello":                      "the build ended with code 0",
		`{"error":"ValueError: no"}`: "ValueError: no",
		`{"error":"\u001b[2Jx"}`:     `x`,
		`{"wheel":"..","size":1}`:    "no name of a wheel",
		`{"wheel":"env","size":1}`:   "no name of a wheel",
		`{"wheel":"log","size":1}`:   "no name of a wheel",
		`{"wheel":"../demo-1.0-py3-none-any.whl","size":1}`:                                   "no name of a wheel",
		`{"wheel":"demo-1.0-py3-none-any.whl","size":-1}`:                                     "no size",
		`{"wheel":"demo-1.0-py3-none-any.whl","size":9000000000000}`:                          "no size",
		`{"wheel":"demo-1.0-py3-none-any.whl","size":500}` + "\nshort":                        "sent 6 bytes of a wheel that has 500",
		`{"wheel":"demo-1.0-py3-none-any.whl","size":3}` + "\nabc":                            "demo-1.0-py3-none-any.whl",
		`{"wheel":"` + strings.Repeat("a", 90) + `-1.0-py3-none-any.whl","size":3}` + "\nabc": "",
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			dir, r, err := run(t, answering(t, answer), job(t))
			failed := (*pep517.Error)(nil)
			if !errors.As(err, &failed) || r.Wheel != "" && !strings.HasPrefix(r.Wheel, dir) {
				t.Fatalf("%+v, %v; want an *Error", r, err)
			}
			if !strings.Contains(failed.Reason, want) || strings.ContainsAny(failed.Reason, "\x1b\n") {
				t.Errorf("the reason is %q, want %q in it", failed.Reason, want)
			}
		})
	}
}

// TestRequirements: a backend that asks for more gets no wheel yet, and its requirements come back.
func TestRequirements(t *testing.T) {
	t.Parallel()
	_, r, err := run(t, answering(t, `{"requires":["helper>=1","other"]}`), job(t))
	if err != nil || r.Wheel != "" || strings.Join(r.Requires, " ") != "helper>=1 other" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestOtherErrors are not those of an sdist, and end a run: a root without a Python, a file that is gone, a person who has enough.
func TestOtherErrors(t *testing.T) {
	t.Parallel()
	root := answering(t, "")
	root.Python = "/nothing" // then the sandbox itself says why, which is no fault of the sdist
	_, _, err := run(t, root, job(t))
	if err == nil || errors.As(err, new(*pep517.Error)) {
		t.Errorf("a root without a Python: %v, want an error of the sandbox", err)
	}
	j := job(t)
	j.Sdist += ".gone"
	if _, _, err := run(t, answering(t, ""), j); err == nil || errors.As(err, new(*pep517.Error)) {
		t.Errorf("an sdist that is gone: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pep517.Run(ctx, answering(t, ""), job(t), t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled build: %v", err)
	}
}

// TestInstall makes a virtual environment of wheels, which Python and pip would know as one.
func TestInstall(t *testing.T) {
	t.Parallel()
	here, err := target.New("linux/amd64", target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: "x86_64"})
	if err != nil {
		t.Fatal(err)
	}
	from := t.TempDir()
	put := func(w wheeltest.Wheel) string {
		at := filepath.Join(from, w.Filename())
		if err := os.WriteFile(at, w.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	tool := put(wheeltest.Wheel{Name: "tool", Files: []wheeltest.File{{Name: "tool/__init__.py", Data: "x = 1\n"}}, EntryPoints: "[console_scripts]\ntool = tool:main\n"})
	dir := filepath.Join(t.TempDir(), "env")
	if err := pep517.Install(t.Context(), dir, "/usr/local/bin/python3.13", here, []string{tool}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"pyvenv.cfg": "home = /usr/local/bin\n", "lib/python3.13/site-packages/tool/__init__.py": "x = 1\n",
		"lib/python3.13/site-packages/tool-1.0.dist-info/METADATA": "Name: tool\n", "bin/tool": "#!/build/env/bin/python3.13\n",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s is %q, %v; want %q in it", name, text, err, want)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "bin/python3")); err != nil || to != "/usr/local/bin/python3.13" {
		t.Errorf("bin/python3 leads to %q, %v", to, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin/tool")); err != nil || info.Mode().Perm()&0o555 != 0o555 {
		t.Errorf("bin/tool: %v, %v", info.Mode(), err)
	}
	for name, w := range map[string]wheeltest.Wheel{
		"a path out of it": {Name: "bad", Files: []wheeltest.File{{Name: "../../x.py", Data: ""}}},
		"a wrong RECORD":   {Name: "bad", Replace: map[string]string{"RECORD": "bad-1.0.dist-info/METADATA,sha256=AAAA,3\nbad-1.0.dist-info/RECORD,,\n"}},
	} {
		if err := pep517.Install(t.Context(), filepath.Join(t.TempDir(), "env"), "/usr/local/bin/python3.13", here, []string{put(w)}); err == nil {
			t.Errorf("%s is installed", name)
		}
	}
}

// TestWhereAPatchDoesNotApply reads what GNU's and busybox's patch say.
func TestWhereAPatchDoesNotApply(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("the driver is Python: %v", err)
	}
	all := [][2]string{
		{"patching file a.c\npatching file 'src/b c.py'\nHunk #1 succeeded at 3.\nHunk #2 FAILED at 17.\n1 out of 2 hunks FAILED\n", ": src/b c.py:17: its hunk 2 finds other lines there"},
		{"patching file b.c using Plan A...\nHunk #1 FAILED at 4.\n", ": b.c:4: its hunk 1 finds other lines there"},
		{"patching file mod.txt\nHunk 1 FAILED 1/1.\n-a\n+b\npatch: 1 out of 1 hunk FAILED\n", ": mod.txt: its hunk 1 finds other lines there"},
		{"can't find file to patch at input line 3\n1 out of 1 hunk ignored\n", ": it is for a file that the sdist does not have; the names in it begin with one folder, as in a/setup.py"},
		{"patch: unexpected end of file\n", ""},
	}
	var want string
	cmd := exec.CommandContext(t.Context(), python, "-B", "-c", "import sys, driver\nfor said in sys.argv[1:]: print(driver.where(said))")
	for _, c := range all {
		cmd.Args, want = append(cmd.Args, c[0]), want+c[1]+"\n"
	}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("it says %v\n%swant\n%s", err, out, want)
	}
}
